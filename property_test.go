package evcp_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
)

// anyObservation draws an observation of any kind.
func anyObservation(t *rapid.T, now evcp.Stamp) evcp.Observation {
	o := evcp.Observation{CP: "CP_001", At: now, Response: rapid.String().Draw(t, "response")}
	o.Kind = evcp.ObservationKind(rapid.IntRange(int(evcp.NoObservation), int(evcp.LastObservationKind)).Draw(t, "kind"))
	if rapid.Bool().Draw(t, "mostly checks") {
		o.Kind = evcp.Checked
	}
	switch o.Kind {
	case evcp.Checked:
		o.Outcome = anyOutcome(t)
	case evcp.StallEnded:
		o.Gap, o.Missed = time.Duration(rapid.Int64Range(0, 1e13).Draw(t, "gap")), 3
	case evcp.ClockStepped:
		o.Gap = time.Duration(rapid.Int64Range(-1e13, 1e13).Draw(t, "step"))
		o.At = now.Add(o.Gap)
	case evcp.Started:
		o.Renumber = rapid.IntRange(0, 9).Draw(t, "lost") == 0
		o.EpochOffset = rapid.Uint32().Draw(t, "offset")
	case evcp.Dropped:
		o.DroppedEpoch, o.From, o.To, o.Count, o.Reason = 1640000000000000, 1, 5, 3, "full"
		o.Facts = rapid.Uint64Range(0, 3).Draw(t, "facts")
	}
	return o
}

func anyOutcome(t *rapid.T) evcp.Outcome {
	o := evcp.Outcome{Status: evcp.Status(rapid.IntRange(0, 4).Draw(t, "status")), Response: rapid.String().Draw(t, "response")}
	causes := evcp.Local
	if !o.Status.Countable() { // an incident's cause has no detail
		causes = evcp.WrongClock
	}
	o.Cause = evcp.Cause(rapid.IntRange(0, int(causes)).Draw(t, "cause"))
	o.Latency = time.Duration(rapid.Int64Range(0, 2e9).Draw(t, "latency"))
	return o
}

// history draws a sequence of observations and calls see after each.
func history(t *rapid.T, see func(before evcp.State, o evcp.Observation, made []evcp.Event, after evcp.State)) {
	p := evcp.Policy{Fall: rapid.Uint32Range(1, 5).Draw(t, "fall"), Rise: rapid.Uint32Range(1, 3).Draw(t, "rise"), Instance: "host"}
	p.Site = rapid.SampledFrom([]string{"", "Gandía Puerto", "a \"site\""}).Draw(t, "site")
	p.Interval = time.Duration(rapid.Int64Range(0, 100e9).Draw(t, "interval"))
	p.Timeout = time.Duration(rapid.Int64Range(0, 100e9).Draw(t, "timeout"))
	now := seedTime
	var s evcp.State
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		now = now.Add(time.Duration(rapid.Int64Range(0, 40e9).Draw(t, "pause")))
		o := anyObservation(t, now)
		now = o.At
		if o.Kind == evcp.Reconfigured {
			p.Interval = time.Duration(rapid.Int64Range(0, 100e9).Draw(t, "new interval"))
		}
		if o.Kind == evcp.FailureReported || o.Kind == evcp.RecoveryReported {
			o.Incident = s.Incident.ID
		}
		after, made := p.Next(s, o, nil)
		see(s, o, made, after)
		s = after
	}
}

// TestEveryHistory checks what must hold whatever Policy decides: numbering, dates, that
// incidents open and close in turn, and that the state is the fold of the events.
func TestEveryHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var folded evcp.State
		open := false
		history(t, func(before evcp.State, o evcp.Observation, made []evcp.Event, after evcp.State) {
			checks := 0
			for _, e := range made {
				numbered(t, folded, e)
				dated(t, folded, e)
				if e.Action == evcp.HealthCheck {
					checks++
				}
				if e.Action == evcp.EngineFailed || e.Action == evcp.EngineRecovered {
					if open == (e.Action == evcp.EngineFailed) {
						t.Fatalf("%s twice in a row", e.Action)
					}
					open = !open
				}
				read, err := evcp.ParseEvent(e.AppendJSON(nil))
				if err != nil || read != kept(e) {
					t.Fatalf("read back %+v, %v\nwritten %+v", read, err, e)
				}
				folded = folded.After(read)
			}
			if want := o.Kind == evcp.Checked; (checks == 1) != want || checks > 1 {
				t.Fatalf("%d health_check for one observation of kind %d", checks, o.Kind)
			}
			if folded != after {
				t.Fatalf("fold %+v\nstate %+v", folded, after)
			}
		})
	})
}

// kept is the event as it can be read back: invalid UTF-8 was made valid, and a
// status that is none of a check's is Unknown.
func kept(e evcp.Event) evcp.Event {
	switch e.Action {
	case evcp.RegistrationRejected, evcp.AuthenticatedWithCentral, evcp.ConnectedToEngine, evcp.HealthCheck,
		evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		e.Response = string([]rune(e.Response))
	}
	e.Version, e.Reason = string([]rune(e.Version)), string([]rune(e.Reason))
	return e
}

func numbered(t *rapid.T, s evcp.State, e evcp.Event) {
	switch {
	case e.Epoch == s.Epoch && e.Seq == s.Seq+1:
	case e.Epoch > s.Epoch && e.Epoch < 1<<53 && e.Seq == 1 && e.PrevEpoch == s.Epoch && e.PrevSeq == s.Seq:
	default:
		t.Fatalf("number %d-%d after %d-%d", e.Epoch, e.Seq, s.Epoch, s.Seq)
	}
}

func dated(t *rapid.T, s evcp.State, e evcp.Event) {
	if e.At < s.At && e.Action != evcp.ClockStep {
		t.Fatalf("%s dated %d after %d", e.Action, e.At, s.At)
	}
}

// TestAgainstASimpleModel compares with a model that counts through all outcomes from
// the beginning each time.
func TestAgainstASimpleModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := evcp.Policy{Fall: rapid.Uint32Range(0, 5).Draw(t, "fall"), Rise: rapid.Uint32Range(0, 3).Draw(t, "rise")}
		var s evcp.State
		var seen []evcp.Status
		var got []evcp.Action
		for i := range rapid.IntRange(0, 80).Draw(t, "checks") {
			o := anyOutcome(t)
			if o.Status == evcp.Monitoring {
				o.Status = evcp.Unknown
			}
			seen = append(seen, o.Status)
			var made []evcp.Event
			at := seedTime.Add(time.Duration(i+1) * time.Second)
			s, made = p.Next(s, evcp.Observation{CP: "CP_001", Kind: evcp.Checked, At: at, Outcome: o}, nil)
			for _, e := range made {
				if e.Action != evcp.HealthCheck {
					got = append(got, e.Action)
				}
			}
			if want := incidents(seen, int(max(p.Fall, 1)), int(max(p.Rise, 1))); !slices.Equal(got, want) {
				t.Fatalf("fall %d rise %d after %v: %v, want %v", p.Fall, p.Rise, seen, got, want)
			}
		}
	})
}

// incidents are the incident events that must follow from these checks.
func incidents(seen []evcp.Status, fall, rise int) []evcp.Action {
	var all []evcp.Action
	bad, good, open := 0, 0, false
	for _, s := range seen {
		switch {
		case s == evcp.Unknown:
			continue
		case s == evcp.OK:
			bad, good = 0, good+1
		default:
			bad, good = bad+1, 0
		}
		if !open && bad >= fall {
			all, open, good = append(all, evcp.EngineFailed), true, 0
		} else if open && good >= rise {
			all, open = append(all, evcp.EngineRecovered), false
		}
	}
	return all
}

// TestCutAnywhere encodes the state after every step and reads it back without loss.
func TestCutAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history(t, func(before evcp.State, o evcp.Observation, made []evcp.Event, after evcp.State) {
			saved, err := before.AppendBinary(nil)
			if err != nil || len(saved) > evcp.MaxSnapshot {
				t.Fatalf("%d bytes, %v", len(saved), err)
			}
			var again evcp.State
			if err := again.UnmarshalBinary(saved); err != nil || again != before {
				t.Fatalf("%v: read %+v\nsaved %+v", err, again, before)
			}
		})
	})
}

// TestEpochs begins epochs from one state: the number is Unix microseconds, and where the
// clock is not beyond the last epoch, two owners differ by their offsets.
func TestEpochs(t *testing.T) {
	const last = int64(seedTime)
	for _, c := range []struct {
		name   string
		last   int64
		at     evcp.Stamp
		offset uint32
		want   int64
	}{
		{"the first", 0, seedTime, 0, int64(seedTime)},
		{"after one in milliseconds", last / 1000, seedTime, 5, last},
		{"a clock that goes well", last, seedTime + 7, 9, last + 7},
		{"one copy with a slow clock", last, seedTime - 1e9, 3, last + 4},
		{"another copy with a slow clock", last, seedTime - 2e9, 8, last + 9},
		{"the largest offset", last, seedTime - 1e9, evcp.MaxEpochOffset - 1, last + evcp.MaxEpochOffset},
		{"an offset that is too large", last, seedTime - 1e9, evcp.MaxEpochOffset, last + 1},
		{"a clock that stands still", last, seedTime, 2, last + 3},
		{"a clock before 1970", 0, -5, 0, 1},
	} {
		o := evcp.Observation{CP: "CP_001", Kind: evcp.Started, At: c.at, Renumber: true, EpochOffset: c.offset}
		_, events := evcp.Policy{}.Next(evcp.State{Epoch: c.last, Seq: 4}, o, nil)
		if got := events[0]; got.Epoch != c.want || got.Seq != 1 || got.PrevEpoch != c.last {
			t.Errorf("%s: %d-%d after %d, want epoch %d", c.name, got.Epoch, got.Seq, got.PrevEpoch, c.want)
		}
	}
}

// TestALaterEpochIsLarger begins an epoch, loses the state and begins another one, on a
// clock that goes well: whatever the offsets, the second is the larger.
func TestALaterEpochIsLarger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := evcp.Observation{CP: "CP_001", Kind: evcp.Started, At: seedTime, EpochOffset: rapid.Uint32().Draw(t, "offset")}
		second := first
		second.At += evcp.Stamp(rapid.Int64Range(1, 60e6).Draw(t, "microseconds later"))
		second.EpochOffset = rapid.Uint32().Draw(t, "offset of the second")
		_, a := evcp.Policy{}.Next(evcp.State{}, first, nil)
		_, b := evcp.Policy{}.Next(evcp.State{}, second, nil)
		if b[0].Epoch <= a[0].Epoch {
			t.Fatalf("epoch %d, %s later epoch %d", a[0].Epoch, second.At.Sub(first.At), b[0].Epoch)
		}
	})
}
