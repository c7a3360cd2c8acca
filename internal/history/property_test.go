package history

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
)

// watching is a random history of one charge point under one Monitor, made by evcp.Policy
// itself, and what was true in it.
type watching struct {
	records []numbered
	truth   []truth
}

// truth is one check, and whether it was part of an incident.
type truth struct {
	numbered
	down     bool
	interval time.Duration
	timeout  time.Duration
	incident evcp.EventID
}

// draw makes a history that begins at a moment. With steps, the clock is set now and then.
func draw(t *rapid.T, begin evcp.Stamp, epoch int64, steps bool) (w watching) {
	p := evcp.Policy{Fall: rapid.Uint32Range(1, 3).Draw(t, "fall"), Rise: rapid.Uint32Range(1, 3).Draw(t, "rise"), Interval: time.Second, Timeout: 900 * time.Millisecond, Instance: "x"}
	s, now := evcp.State{Epoch: epoch - 1}, begin
	next := func(o evcp.Observation) {
		o.CP, o.At = "CP_001", now
		var events []evcp.Event
		s, events = p.Next(s, o, nil)
		for _, e := range events {
			n := numbered{e.Epoch, recordOf(e)}
			w.records = append(w.records, n)
			w.learn(n, p)
		}
	}
	next(evcp.Observation{Kind: evcp.Started, Version: "x", Renumber: true})
	ill := false
	for range rapid.IntRange(1, 60).Draw(t, "observations") {
		switch what := rapid.IntRange(0, 40).Draw(t, "what"); {
		case what < 30:
			if rapid.IntRange(0, 4).Draw(t, "turn") == 0 {
				ill = !ill
			}
			o := evcp.Outcome{Status: evcp.OK}
			if ill {
				o = evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO}
			}
			now = now.Add(p.Interval + time.Duration(rapid.IntRange(-100, 100).Draw(t, "jitter"))*time.Millisecond)
			next(evcp.Observation{Kind: evcp.Checked, Outcome: o})
		case what < 32:
			now = now.Add(p.Interval)
			next(evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: evcp.Unknown, Cause: evcp.Stalled}})
		case what < 34:
			now = now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "away")) * time.Second)
			next(evcp.Observation{Kind: evcp.StallEnded, Gap: time.Second, Missed: 1})
		case what < 36:
			next(evcp.Observation{Kind: evcp.Stopping, Reason: "asked to stop"})
			now = now.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "off")) * time.Second)
			p.Interval = rapid.SampledFrom([]time.Duration{time.Second, 2 * time.Second}).Draw(t, "interval")
			p.Timeout = p.Interval * 9 / 10
			next(evcp.Observation{Kind: evcp.Started, Version: "x", Renumber: rapid.Bool().Draw(t, "renumber")})
		case what < 38:
			next(evcp.Observation{Kind: evcp.Registering})
		case what < 40 && s.Incident.Open:
			next(evcp.Observation{Kind: evcp.FailureReported, Incident: s.Incident.ID, Response: "ok"})
		case steps:
			by := time.Duration(rapid.IntRange(-20, 20).Draw(t, "step")) * time.Second
			now = now.Add(by)
			next(evcp.Observation{Kind: evcp.ClockStepped, Gap: by})
		}
	}
	return w
}

// learn notes a check, and of an incident which checks were part of it.
func (w *watching) learn(n numbered, p evcp.Policy) {
	switch {
	case n.Action == evcp.HealthCheck && n.Status.Countable():
		var open evcp.EventID
		if last := len(w.truth) - 1; last >= 0 && w.truth[last].incident.Seq > 0 && w.truth[last].down {
			open = w.truth[last].incident
		}
		w.truth = append(w.truth, truth{numbered: n, down: open.Seq > 0, incident: open, interval: p.Interval, timeout: p.Timeout})
	case n.Action == evcp.EngineFailed:
		for i := range w.truth {
			if w.truth[i].At >= n.Since {
				w.truth[i].down, w.truth[i].incident = true, n.Incident
			}
		}
	case n.Action == evcp.EngineRecovered:
		w.truth[len(w.truth)-1].down = false
	}
}

// said is what the checks say, one after the other, without any fold: the slow and obvious
// reading of the rules. Nothing is missing, and the clock is not set.
func (w watching) said() (all []CPSegment) {
	at := w.records[0].At
	for i, c := range w.truth {
		if c.At > at {
			all = appendSegment(all, CPSegment{From: at, To: c.At, State: Unwatched, Cause: NoCheck})
		}
		at = c.At.Add(c.interval)
		if i+1 < len(w.truth) && w.truth[i+1].At.Sub(c.At) <= 3*c.interval+c.timeout {
			at = w.truth[i+1].At
		}
		s := CPSegment{From: c.At, To: at, State: Up}
		if c.down {
			s.State, s.Cause, s.Incident = Down, evcp.SaidKO.String(), c.incident
		}
		if s.From < s.To {
			all = appendSegment(all, s)
		}
	}
	return all
}

// TestAgainstTheChecks compares the fold of a whole history with the reading of its checks,
// one by one.
func TestAgainstTheChecks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := draw(rt, origin, int64(origin), false)
		got := Merge(folded(t, w.records, never))
		for i := range got {
			got[i].Evidence = Proof{}
		}
		if want := w.said(); !slices.Equal(got, want) {
			rt.Errorf("got\n%v\nwant\n%v\nof\n%v", got, want, w.records)
		}
	})
}

// TestWhatIsMissing: with records missing, what is still said to be up or down was so, unless
// both ends of an incident are missing.
func TestWhatIsMissing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := draw(rt, origin, int64(origin), false)
		truth := w.said()
		var kept []numbered
		lost := map[evcp.EventID]int{}
		for _, r := range w.records {
			if rapid.IntRange(0, 9).Draw(rt, "lose") > 0 || r.Interval > 0 {
				kept = append(kept, r)
			} else if r.Action == evcp.EngineFailed || r.Action == evcp.EngineRecovered {
				lost[r.Incident]++
			}
		}
		for _, s := range Merge(folded(t, kept, never)) {
			if s.State == Unwatched {
				continue
			}
			for _, u := range truth {
				from, to := max(s.From, u.From), min(s.To, u.To)
				if from < to && u.State != Unwatched && u.State != s.State && lost[u.Incident] == 0 && lost[s.Incident] == 0 {
					rt.Errorf("%d to %d is said to be %s, and was %s\n%v\nof\n%v", from-origin, to-origin, s.State, u.State, truth, kept)
				}
			}
		}
	})
}

// TestAnyOrder: two Monitors, set clocks, missing records, dropped OKs and checks of the first
// EV_CP_M, in any order, with repetitions and restarts: the same bytes.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := draw(rt, origin, int64(origin), true).records
		if rapid.Bool().Draw(rt, "second Monitor") {
			all = append(all, draw(rt, origin.Add(time.Duration(rapid.IntRange(-30, 90).Draw(rt, "later"))*time.Second+7*time.Microsecond), int64(origin)+7, true).records...)
		}
		all = slices.DeleteFunc(all, func(numbered) bool { return rapid.IntRange(0, 19).Draw(rt, "lose") == 0 })
		for range rapid.IntRange(0, 20).Draw(rt, "first") {
			at := origin.Add(time.Duration(rapid.IntRange(-60, 60).Draw(rt, "at")) * time.Second)
			all = append(all, numbered{0, Record{At: at, Status: rapid.SampledFrom([]evcp.Status{evcp.OK, evcp.KO}).Draw(rt, "status")}})
		}
		want := text(folded(t, all, never))
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		if got := text(folded(t, disordered(all, random), func() bool { return random.IntN(4) == 0 })); got != want {
			rt.Errorf("in another order\n%s\nwant\n%s", got, want)
		}
	})
}

// TestADayOfOKIsOneElement: what is kept does not grow with the checks: the
// begin, the Watch, and the last seq.
func TestADayOfOKIsOneElement(t *testing.T) {
	var n Numbering
	var settled []Element
	settled = n.Add(Record{Seq: 1, Action: evcp.MonitorStarted, At: origin, Interval: time.Second, Timeout: 900 * time.Millisecond, Rise: 1}, settled)
	for seq := uint64(2); seq < 86_400; seq++ {
		settled = n.Add(Record{Seq: seq, Action: evcp.HealthCheck, Status: evcp.OK, At: origin.Add(time.Duration(seq) * time.Second)}, settled)
	}
	if all := slices.Concat(settled, n.Rest()); len(all) != 3 || len(n.Waiting) != 0 {
		t.Errorf("%d elements: %v", len(all), all)
	}
}

// TestWaitingIsBounded: what waits for an interval, or for what is missing, does not grow.
func TestWaitingIsBounded(t *testing.T) {
	for name, record := range map[string]func(seq uint64) Record{
		"no checks": func(seq uint64) Record { return Record{Seq: seq, Action: evcp.RegisterToCentral, At: origin} },
		"few checks": func(seq uint64) Record {
			return Record{Seq: seq, At: origin, Action: []evcp.Action{evcp.RegisterToCentral, evcp.HealthCheck}[min(seq%50, 1)^1], Status: evcp.OK}
		},
		"gaps all over": func(seq uint64) Record {
			return Record{Seq: 3 * seq, Action: evcp.HealthCheck, Status: evcp.OK, At: origin.Add(time.Duration(seq) * time.Second)}
		},
	} {
		var n Numbering
		for seq := uint64(1); seq < 5000; seq++ {
			n.Add(record(seq), nil)
			if len(n.Waiting) > Window+1 {
				t.Fatalf("%s: %d records wait", name, len(n.Waiting))
			}
		}
	}
}

// FuzzParse: no record breaks the reader, and what it takes can be folded.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"cp_id":"CP_001","monitor_id":"EV_CP_M","action":"engine_recovered","timestamp":1640000004.006,"incident_id":"CP_001-1640000007340032-9","since":1640000001.006,"duration_s":3.0,"instance":"site-7","epoch":1640000007340032,"seq":12,"event_id":"CP_001-1640000007340032-12"}`))
	f.Add([]byte(`{"cp_id":"CP_001","monitor_id":"EV_CP_M","action":"health_check","status":"OK","engine_response":"OK","consecutive_failures":0,"timestamp":1640000000.0}`))
	f.Add([]byte(`{"cp_id":"CP_001","monitor_id":"EV_CP_M","action":"from_the_future","timestamp":1640000000.0,"epoch":1,"seq":2}`))
	f.Add([]byte(`{"cp_id":"CP_001","monitor_id":"EV_CP_M","action":"health_check","status":"OK","engine_response":"OK","consecutive_failures":0,"timestamp":1640000000.006,"cause":"","latency_ms":0.812,"instance":"site-7","epoch":1640000007340032,"seq":5,"event_id":"CP_001-1640000007340032-5"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		p, err := Parse(value)
		if plain, ok := parsePlainCheck(value); ok { // both readers say the same
			if whole, err := parseAny(value); err != nil || !reflect.DeepEqual(whole, plain) {
				t.Errorf("read %+v, and by a JSON parser %+v, %v", plain, whole, err)
			}
		}
		if err != nil {
			return
		}
		if p.Epoch == 0 {
			Merge(nil, []Check{p.Check})
			return
		}
		var n Numbering
		settled := n.Add(p.Record, nil)
		Merge([]NumberingElements{{p.Epoch, append(settled, n.Rest()...)}}, nil)
	})
}
