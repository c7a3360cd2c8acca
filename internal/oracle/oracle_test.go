package oracle_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wire"
)

const (
	ms  = time.Millisecond
	ten = evcp.Stamp(10_000)
)

var began = evcp.StampOf(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))

// at is a moment of the story, from its beginning.
func at(d time.Duration) evcp.Stamp { return began.Add(d) }

var rules = oracle.Rules{Interval: 250 * ms, Timeout: 180 * ms, Fall: 3, ReportEvery: 5 * time.Second, Ready: time.Second}

// world is a Monitor that does what was promised, an Engine and a Central, written
// down as a record: what a campaign would have brought home.
type world struct {
	policy evcp.Policy
	state  evcp.State
	cp     oracle.CPTrace
	events []evcp.Event
	twin   []evcp.Event // what a second Monitor of the same id has sent
	told   uint32       // reports of the open incident
	toldAt evcp.Stamp
}

// story is 20 s: the Engine is well, says KO from 5 s to 12 s, and is mute from 15 s
// to 17 s. The Monitor is killed at 9 s and starts again a second later.
func story() *world {
	w := &world{policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "bench"}, cp: oracle.CPTrace{ID: "CP_001", Shown: "activated"}}
	w.cp.Behaviours = []oracle.EngineBehaviour{
		{At: at(0), Name: "ok"},
		{At: at(5 * time.Second), Name: "ko", Expect: oracle.ExpectFailure}, {At: at(12 * time.Second), Name: "ok"},
		{At: at(15 * time.Second), Name: "mute", Expect: oracle.ExpectFailure}, {At: at(17 * time.Second), Name: "ok"},
	}
	w.cp.Windows = []oracle.Window{{Kind: oracle.MonitorDown, From: at(9 * time.Second), To: at(10 * time.Second), Killed: true}}
	w.see(evcp.Observation{Kind: evcp.Started, At: at(ms)})
	for t := 10 * ms; t < 20*time.Second; t += 250 * ms {
		switch {
		case t >= 9*time.Second && t < 10*time.Second:
			continue
		case t == 10*time.Second+10*ms:
			w.see(evcp.Observation{Kind: evcp.Started, At: at(t - 5*ms)})
		}
		w.check(t)
	}
	return w
}

// check is one question and what follows from it.
func (w *world) check(t time.Duration) {
	answer, o, took := "OK", evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: ms}, ms
	switch {
	case t >= 5*time.Second && t < 12*time.Second:
		answer, o = "KO", evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO", Latency: ms}
	case t >= 15*time.Second && t < 17*time.Second:
		took = 205 * ms
		answer, o = "", evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Timeout, Latency: took}
	}
	w.asked(at(t), answer)
	w.see(evcp.Observation{Kind: evcp.Checked, Outcome: o, At: at(t + took)})
}

// asked is what the Engine saw of a check.
func (w *world) asked(when evcp.Stamp, answer string) {
	w.cp.EngineChecks = append(w.cp.EngineChecks, oracle.EngineCheck{Received: when, Done: when, Reply: answer})
}

func (w *world) see(o evcp.Observation) {
	o.CP = w.cp.ID
	var made []evcp.Event
	w.state, made = w.policy.Next(w.state, o, nil)
	w.events = append(w.events, made...)
	for _, e := range made {
		switch {
		case e.Action == evcp.EngineFailed:
			w.told = 0
			w.tell(wire.EngineFailure, evcp.FailureReported, e)
		case e.Action == evcp.EngineRecovered:
			w.told = 0
			w.tell(wire.EngineRecovered, evcp.RecoveryReported, e)
		case e.Action == evcp.HealthCheck && w.state.Incident.Open && w.told > 0 && e.At.Sub(w.toldAt) >= rules.ReportEvery:
			w.tell(wire.EngineFailure, evcp.FailureReported, evcp.Event{At: e.At, Incident: w.state.Incident.ID})
		}
	}
}

// tell says something to Central and records the receipt.
func (w *world) tell(v wire.Verb, k evcp.ObservationKind, about evcp.Event) {
	w.cp.Messages = append(w.cp.Messages, message(v, about.At+2000))
	o := evcp.Observation{Kind: k, Incident: about.Incident, At: about.At + 4000, Response: "received"}
	if k == evcp.FailureReported {
		o.Repeat = w.told
		w.told++
		w.toldAt = o.At
	}
	w.see(o)
}

func message(v wire.Verb, came evcp.Stamp) oracle.CentralMessage {
	return oracle.CentralMessage{Verb: v, Sent: came, Forwarded: came, Answered: came + 1000, Returned: came + 1000}
}

// record is the story as the oracle reads it.
func (w *world) record() oracle.Trace {
	cp := w.cp
	for _, e := range w.events {
		cp.Records = append(cp.Records, oracle.TopicRecord{Raw: string(e.AppendJSON(nil))})
	}
	r := oracle.Trace{Rules: rules, From: at(-time.Second), To: at(20 * time.Second), CPs: []oracle.CPTrace{cp}}
	if w.twin != nil {
		second := oracle.CPTrace{ID: cp.ID, Windows: []oracle.Window{{Kind: oracle.MonitorDown, From: r.From, To: r.To}}}
		for _, e := range w.twin {
			second.Records = append(second.Records, oracle.TopicRecord{Raw: string(e.AppendJSON(nil))})
		}
		r.CPs = append(r.CPs, second)
	}
	return r
}

// halve makes the answer to the n-th check, of a mute Engine, an O, and a K so
// much later; the Monitor calls it KO.
func (w *world) halve(n int, later time.Duration) {
	i := w.find(n, action(evcp.HealthCheck))
	w.events[i].Status, w.events[i].Cause, w.events[i].Response = evcp.KO, evcp.Protocol, "O"
	q := &w.cp.EngineChecks[n]
	q.Reply, q.Partial, q.Done = "OK", "O", q.Received.Add(later)
}

// find is the index of the n-th event that is one, from 0.
func (w *world) find(n int, is func(evcp.Event) bool) int {
	for i, e := range w.events {
		if is(e) {
			if n == 0 {
				return i
			}
			n--
		}
	}
	return -1
}

func action(a evcp.Action) func(evcp.Event) bool {
	return func(e evcp.Event) bool { return e.Action == a }
}

// without takes an event away, as if it had never been numbered.
func (w *world) without(i int) {
	gone := w.events[i]
	w.events = slices.Delete(w.events, i, i+1)
	counts := gone.Status.Failed()
	for k := i; k < len(w.events); k++ {
		e := &w.events[k]
		e.Seq--
		if e.Incident.Seq > gone.Seq {
			e.Incident.Seq--
		}
		if e.Action == evcp.HealthCheck {
			counts = counts && e.Status.Failed()
			if counts {
				e.Failures--
			}
		}
	}
}

// with puts an event in, dated as the one before it, and numbers the rest anew.
func (w *world) with(i int, e evcp.Event) {
	before := w.events[i-1]
	e.CP, e.Instance, e.At, e.Epoch, e.Seq = before.CP, before.Instance, before.At, before.Epoch, before.Seq+1
	w.events = slices.Insert(w.events, i, e)
	for k := i + 1; k < len(w.events); k++ {
		later := &w.events[k]
		later.Seq++
		if later.Incident.Seq > before.Seq {
			later.Incident.Seq++
		}
	}
}

// TestACleanStoryFindsNothing also says that the story has something to find.
func TestACleanStoryFindsNothing(t *testing.T) {
	v := oracle.Verify(story().record())
	for _, f := range v.Violations {
		t.Error(f)
	}
	if v.Checks != 76 || v.Incidents != 2 || v.Failed != 32 || v.Reports < 5 || v.EngineChecks != 76 || v.Epochs != 1 {
		t.Errorf("looked at %+v", v)
	}
}

// TestPlantedLiesAreFound breaks one promise at a time.
func TestPlantedLiesAreFound(t *testing.T) {
	isCheck := action(evcp.HealthCheck)
	tests := []struct {
		name  string
		plant func(*world)
		want  oracle.Promise
	}{
		{"a lost event", func(w *world) { w.without(w.find(8, isCheck)) }, oracle.LostEvent},
		{"a lost event, long before a kill", func(w *world) { w.without(w.find(34, isCheck)) }, oracle.LostEvent},
		{"a lost event, after a kill", func(w *world) { w.without(w.find(50, isCheck)) }, oracle.LostEvent},
		{"a false accusation", func(w *world) {
			i := w.find(8, isCheck)
			w.events[i].Status, w.events[i].Cause, w.events[i].Response, w.events[i].Failures = evcp.ConnectionError, evcp.Timeout, "", 1
		}, oracle.FalseFailure},
		{"a KO that was not said", func(w *world) {
			i := w.find(62, isCheck) // a mute Engine's
			w.events[i].Status, w.events[i].Cause, w.events[i].Response = evcp.KO, evcp.SaidKO, "KO"
		}, oracle.FalseFailure},
		{"a failure too many", func(w *world) {
			w.events[w.find(22, isCheck)].Failures = 5
		}, oracle.FalseFailure},
		{"a late answer taken for the next", func(w *world) {
			i := w.find(62, isCheck)
			w.events[i].Status, w.events[i].Cause, w.events[i].Response, w.events[i].Failures = evcp.OK, evcp.NoCause, "OK", 0
		}, oracle.FalseOK},
		{"a missed incident", func(w *world) {
			for range 3 {
				for _, a := range []evcp.Action{evcp.EngineFailed, evcp.EngineRecovered, evcp.ReportEngineFailure, evcp.ReportEngineRecovery} {
					if i := w.find(0, action(a)); i >= 0 {
						w.without(i)
					}
				}
			}
		}, oracle.MissedIncident},
		{"an incident three checks late", func(w *world) {
			// The Engine fell ill three checks before the Monitor's first failed one.
			w.cp.Behaviours[1].At = at(4200 * ms)
			for i, q := range w.cp.EngineChecks {
				if q.Received >= at(4200*ms) && q.Received < at(5*time.Second) {
					w.cp.EngineChecks[i].Reply = "KO"
				}
			}
		}, oracle.MissedIncident},
		{"a recovery that never came", func(w *world) { w.cp.Behaviours[4].At, w.cp.Behaviours[3].At = at(16*time.Second), at(15*time.Second) }, oracle.MissedIncident},
		{"a report told twice", func(w *world) {
			i := w.find(0, action(evcp.ReportEngineFailure))
			w.insert(message(wire.EngineFailure, w.events[i].At+evcp.Stamp(time.Second.Microseconds())))
		}, oracle.DuplicateReport},
		{"two receipts with one repeat", func(w *world) { w.events[w.find(1, action(evcp.ReportEngineFailure))].Repeat = 0 }, oracle.DuplicateReport},
		{"a recovery told twice", func(w *world) {
			i := w.find(0, action(evcp.ReportEngineRecovery))
			w.insert(message(wire.EngineRecovered, w.events[i].At+evcp.Stamp(time.Second.Microseconds())))
		}, oracle.DuplicateReport},
		{"a recovery not told", func(w *world) { w.without(w.find(0, action(evcp.ReportEngineRecovery))) }, oracle.MissingReport},
		{"a failure told late", func(w *world) {
			w.events[w.find(0, action(evcp.ReportEngineFailure))].At += evcp.Stamp(time.Second.Microseconds())
		}, oracle.MissingReport},
		{"an open incident that is not repeated", func(w *world) {
			i := w.find(1, action(evcp.ReportEngineFailure))
			came := w.events[i].At
			w.without(i)
			w.cp.Messages = slices.DeleteFunc(w.cp.Messages, func(m oracle.CentralMessage) bool {
				return m.Verb == wire.EngineFailure && m.Sent > came-ten && m.Sent < came
			})
		}, oracle.MissingReport},
		{"a receipt that was never given", func(w *world) {
			w.cp.Messages = slices.DeleteFunc(w.cp.Messages, func(m oracle.CentralMessage) bool { return m.Verb == wire.EngineFailure })
		}, oracle.MissingReport},
		{"a receipt that was never given, of a recovery", func(w *world) {
			w.cp.Messages = slices.DeleteFunc(w.cp.Messages, func(m oracle.CentralMessage) bool { return m.Verb == wire.EngineRecovered })
		}, oracle.MissingReport},
		{"an incident out of nothing", func(w *world) {
			w.with(w.find(8, isCheck)+1, evcp.Event{Action: evcp.EngineFailed})
		}, oracle.FalseFailure},
		{"a recovery out of nothing", func(w *world) {
			opened := w.events[w.find(0, action(evcp.EngineFailed))]
			w.with(w.find(30, isCheck)+1, evcp.Event{Action: evcp.EngineRecovered, Incident: opened.ID()})
		}, oracle.FalseOK},
		{"an OK that nobody was asked for", func(w *world) { w.cp.EngineChecks = slices.Delete(w.cp.EngineChecks, 8, 9) }, oracle.FalseOK},
		{"an OK that came too late", func(w *world) { w.cp.EngineChecks[8].Done += 30 * ten }, oracle.FalseOK},
		{"bytes that are no event", func(w *world) { w.cp.Records = []oracle.TopicRecord{{Raw: "{"}} }, oracle.DuplicateID},
		{"a receipt that was not kept", func(w *world) { w.without(w.find(1, action(evcp.ReportEngineFailure))) }, oracle.LostEvent},
		{"a gap in seq", func(w *world) { w.events = slices.Delete(w.events, 40, 41) }, oracle.SeqGap},
		{"a gap in seq, told of another epoch", func(w *world) {
			gone, last := w.events[40], w.events[len(w.events)-1]
			w.events = append(slices.Delete(w.events, 40, 41), evcp.Event{CP: gone.CP, Action: evcp.EventsDropped, At: last.At, Epoch: last.Epoch,
				Seq: last.Seq + 1, DroppedEpoch: gone.Epoch - 1, From: gone.Seq, To: gone.Seq, Count: 1, Reason: "full"})
		}, oracle.SeqGap},
		{"news out of order", func(w *world) { w.events[30], w.events[31] = w.events[31], w.events[30] }, oracle.SeqGap},
		{"an epoch without a cause", func(w *world) {
			for i := 50; i < len(w.events); i++ {
				w.events[i].Epoch, w.events[i].Seq = w.events[i].Epoch+1, uint64(i-49)
			}
		}, oracle.SeqGap},
		{"an id with two contents", func(w *world) {
			again := w.events[10]
			again.At++
			w.events = append(w.events, again)
		}, oracle.DuplicateID},
		{"an id with two contents, of two Monitors", func(w *world) {
			again := w.events[10]
			again.At++
			w.twin = []evcp.Event{again}
		}, oracle.DuplicateID},
		{"a KO of an Engine that has said O, and K in time", func(w *world) {
			w.halve(62, 100*ms)
		}, oracle.FalseFailure},
		{"an epoch without a cause, after a state was moved", func(w *world) {
			w.cp.Windows = append(w.cp.Windows, oracle.Window{Kind: oracle.StateMoved, From: at(9100 * ms), To: at(9900 * ms)})
			for i := 50; i < len(w.events); i++ {
				w.events[i].Epoch, w.events[i].Seq = w.events[i].Epoch+1, uint64(i-49)
			}
		}, oracle.SeqGap},
		{"a wrong clock", func(w *world) { w.events[w.find(8, isCheck)].At -= 40 * ten }, oracle.TimeBackwards},
		{"a late check", func(w *world) {
			q := w.cp.EngineChecks
			for i := 10; i < len(q); i++ {
				w.cp.EngineChecks[i].Received += 16 * ten
				w.cp.EngineChecks[i].Done += 16 * ten
			}
		}, oracle.LateCheck},
		{"no check after a start", func(w *world) {
			w.cp.EngineChecks = slices.DeleteFunc(w.cp.EngineChecks, func(q oracle.EngineCheck) bool {
				return q.Received > at(10*time.Second) && q.Received < at(11500*ms)
			})
		}, oracle.LateCheck},
		{"a wrong word of Central's at the end", func(w *world) { w.cp.Shown = "faulted" }, oracle.WrongFinalState},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := story()
			tt.plant(w)
			v := oracle.Verify(w.record())
			if v.Count(tt.want) == 0 {
				t.Errorf("no %s among %d findings: %v", tt.want, len(v.Violations), v.Violations)
			}
		})
	}
}

// insert puts a message where it belongs in time.
func (w *world) insert(m oracle.CentralMessage) {
	w.cp.Messages = append(w.cp.Messages, m)
	slices.SortFunc(w.cp.Messages, func(a, b oracle.CentralMessage) int { return int(a.Sent - b.Sent) })
}

// TestWhatIsNoLie must find nothing: reasons that the promises allow.
func TestWhatIsNoLie(t *testing.T) {
	isCheck := action(evcp.HealthCheck)
	tests := []struct {
		name  string
		alter func(*world)
	}{
		{"the last check before a kill", func(w *world) {
			i := w.find(35, isCheck) // asked at 8.76 s; killed at 9 s
			w.cp.Windows[0].From = w.events[i].At.Add(90 * ms)
			w.without(i)
		}},
		{"records sent again", func(w *world) { w.events = append(w.events, w.events[20:30]...) }},
		{"dropped events that are covered", func(w *world) {
			i := w.find(8, isCheck)
			gone := w.events[i]
			last := w.events[len(w.events)-1]
			w.events = append(slices.Delete(w.events, i, i+1), evcp.Event{CP: gone.CP, Action: evcp.EventsDropped,
				At: last.At, Epoch: last.Epoch, Seq: last.Seq + 1, DroppedEpoch: gone.Epoch, From: gone.Seq, To: gone.Seq, Count: 1, Reason: "full"})
			w.cp.EngineChecks = slices.DeleteFunc(w.cp.EngineChecks, func(q oracle.EngineCheck) bool { return q.Received == gone.At.Add(-ms) })
			w.cp.Windows = append(w.cp.Windows, oracle.Window{Kind: oracle.MonitorPaused, From: gone.At.Add(-100 * ms), To: gone.At.Add(100 * ms)})
		}},
		{"a new epoch where the state was deleted", func(w *world) {
			w.cp.Windows = append(w.cp.Windows, oracle.Window{Kind: oracle.StateMoved, From: at(9 * time.Second), To: at(10 * time.Second)})
			start := w.find(1, action(evcp.MonitorStarted))
			gone := w.events[start].Seq - 1
			for i := start; i < len(w.events); i++ {
				w.events[i].Epoch, w.events[i].Seq = w.events[i].Epoch+1, w.events[i].Seq-gone
				if w.events[i].Incident.Seq > gone {
					w.events[i].Incident = evcp.EventID{Epoch: w.events[i].Incident.Epoch + 1, Seq: w.events[i].Incident.Seq - gone}
				}
			}
		}},
		{"an event of another Monitor, sent by both", func(w *world) { w.twin = w.events[:1] }},
		{"a KO of an Engine that has said O, and K too late", func(w *world) { w.halve(62, 1500*ms) }},
		{"a first check outside the rhythm", func(w *world) {
			w.cp.EngineChecks[0].Received = at(10*ms - 160*ms)
			w.cp.EngineChecks[0].Done = w.cp.EngineChecks[0].Received
			w.events[w.find(0, isCheck)].At -= 16 * ten
			w.events[0].At -= 20 * ten
		}},
		{"a report again, since its receipt was lost on the way", func(w *world) {
			first := &w.cp.Messages[0]
			lost := *first
			lost.Sent, lost.Returned = lost.Sent-1000, 0
			w.insert(lost)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := story()
			tt.alter(w)
			for _, f := range oracle.Verify(w.record()).Violations {
				t.Error(f)
			}
		})
	}
}

// TestFindingsAreReadable keeps the line that a person sees.
func TestFindingsAreReadable(t *testing.T) {
	w := story()
	w.cp.Shown = "faulted"
	v := oracle.Verify(w.record())
	if len(v.Violations) != 1 || !strings.HasPrefix(v.Violations[0].String(), "12:00:20.000 CP_001 wrong at the end: ") {
		t.Errorf("%v", v.Violations)
	}
}
