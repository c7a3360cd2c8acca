package oracle_test

import (
	"slices"
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

// at is a moment of the scenario, from its beginning.
func at(d time.Duration) evcp.Stamp { return began.Add(d) }

var rules = oracle.Rules{Interval: 250 * ms, Timeout: 180 * ms, Fall: 3, ReportEvery: 5 * time.Second, Ready: time.Second}

// scenario makes the trace of a Monitor that keeps every promise, its Engine and Central.
type scenario struct {
	policy     evcp.Policy
	state      evcp.State
	cp         oracle.CPTrace
	events     []evcp.Event
	second     []evcp.Event // of a second Monitor of the same id
	reports    uint32       // of the open incident
	reportedAt evcp.Stamp
	noticing   time.Duration
	shared     []oracle.Window
}

// newScenario is 20 s: the Engine replies KO from 5 s to 12 s, nothing from 15 s to 17 s,
// and OK otherwise. The Monitor is killed at 9 s and starts again a second later.
func newScenario() *scenario {
	s := &scenario{policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "bench"}, cp: oracle.CPTrace{ID: "CP_001", Shown: "activated"}}
	s.cp.Behaviours = []oracle.EngineBehaviour{
		{At: at(0), Name: "ok"},
		{At: at(5 * time.Second), Name: "ko", Expect: oracle.ExpectFailure}, {At: at(12 * time.Second), Name: "ok"},
		{At: at(15 * time.Second), Name: "mute", Expect: oracle.ExpectFailure}, {At: at(17 * time.Second), Name: "ok"},
	}
	s.cp.Windows = []oracle.Window{{Kind: oracle.MonitorDown, From: at(9 * time.Second), To: at(10 * time.Second)}}
	s.observe(evcp.Observation{Kind: evcp.Started, At: at(ms)})
	for t := 10 * ms; t < 20*time.Second; t += 250 * ms {
		switch {
		case t >= 9*time.Second && t < 10*time.Second:
			continue
		case t == 10*time.Second+10*ms:
			s.observe(evcp.Observation{Kind: evcp.Started, At: at(t - 5*ms)})
		}
		s.check(t)
	}
	return s
}

// check is one check and the events that follow.
func (s *scenario) check(t time.Duration) {
	answer, o, took := "OK", evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: ms}, ms
	switch {
	case t >= 5*time.Second && t < 12*time.Second:
		answer, o = "KO", evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO", Latency: ms}
	case t >= 15*time.Second && t < 17*time.Second:
		took = 205 * ms
		answer, o = "", evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Timeout, Latency: took}
	}
	s.receive(at(t), answer)
	s.observe(evcp.Observation{Kind: evcp.Checked, Outcome: o, At: at(t + took)})
}

// receive adds a check that the Engine received.
func (s *scenario) receive(when evcp.Stamp, answer string) {
	s.cp.EngineChecks = append(s.cp.EngineChecks, oracle.EngineCheck{Received: when, Done: when, Reply: answer})
}

// receiveDown adds a check that the Engine received and did not answer after the Monitor was told
// to stop.
func (s *scenario) receiveDown(t time.Duration) {
	i := slices.IndexFunc(s.cp.EngineChecks, func(c oracle.EngineCheck) bool { return c.Received > at(t) })
	s.cp.EngineChecks = slices.Insert(s.cp.EngineChecks, i, oracle.EngineCheck{Received: at(t), Done: at(t)})
}

func (s *scenario) observe(o evcp.Observation) {
	o.CP = s.cp.ID
	var made []evcp.Event
	s.state, made = s.policy.Next(s.state, o, nil)
	s.events = append(s.events, made...)
	for _, e := range made {
		switch {
		case e.Action == evcp.EngineFailed:
			s.reports = 0
			s.report(wire.EngineFailure, evcp.FailureReported, e)
		case e.Action == evcp.EngineRecovered:
			s.reports = 0
			s.report(wire.EngineRecovered, evcp.RecoveryReported, e)
		case e.Action == evcp.HealthCheck && s.state.Incident.Open && s.reports > 0 && e.At.Sub(s.reportedAt) >= rules.ReportEvery:
			s.report(wire.EngineFailure, evcp.FailureReported, evcp.Event{At: e.At, Incident: s.state.Incident.ID})
		}
	}
}

// report sends a report to Central and records the receipt.
func (s *scenario) report(v wire.Verb, k evcp.ObservationKind, about evcp.Event) {
	s.cp.Messages = append(s.cp.Messages, message(v, about.At+2000))
	o := evcp.Observation{Kind: k, Incident: about.Incident, At: about.At + 4000, Response: "received"}
	if k == evcp.FailureReported {
		o.Repeat = s.reports
		s.reports++
		s.reportedAt = o.At
	}
	s.observe(o)
}

func message(v wire.Verb, came evcp.Stamp) oracle.CentralMessage {
	return oracle.CentralMessage{Verb: v, Sent: came, Forwarded: came, Answered: came + 1000, Returned: came + 1000}
}

// trace is the scenario as the oracle reads it.
func (s *scenario) trace() oracle.Trace {
	cp := s.cp
	for _, e := range s.events {
		cp.Records = append(cp.Records, string(e.AppendJSON(nil)))
	}
	r := oracle.Trace{Rules: rules, From: at(-time.Second), To: at(20 * time.Second), CPs: []oracle.CPTrace{cp}}
	r.Rules.Noticing, r.Shared = s.noticing, s.shared
	if s.second != nil {
		second := oracle.CPTrace{ID: cp.ID, Windows: []oracle.Window{{Kind: oracle.MonitorDown, From: r.From, To: r.To}}}
		for _, e := range s.second {
			second.Records = append(second.Records, string(e.AppendJSON(nil)))
		}
		r.CPs = append(r.CPs, second)
	}
	return r
}

// splitReply makes the reply to the n-th check, which had none, an O and later a K. The
// Monitor has it as KO.
func (s *scenario) splitReply(n int, later time.Duration) {
	i := s.index(n, action(evcp.HealthCheck))
	s.events[i].Status, s.events[i].Cause, s.events[i].Response = evcp.KO, evcp.Protocol, "O"
	q := &s.cp.EngineChecks[n]
	q.Reply, q.Partial, q.Done = "OK", "O", q.Received.Add(later)
}

// noticeLate dates the event of the ninth check later than its reply.
func (s *scenario) noticeLate(later time.Duration) {
	i := s.index(8, action(evcp.HealthCheck))
	s.events[i].At = s.events[i].At.Add(later)
}

// skipAfterGreeting makes the Engine greet after a check, and the next check miss.
func (s *scenario) skipAfterGreeting() {
	i := s.index(9, action(evcp.HealthCheck))
	s.remove(i)
	s.cp.EngineChecks = slices.Delete(s.cp.EngineChecks, 9, 10)
	s.insertEvent(i, evcp.Event{Action: evcp.ConnectedToEngine, Response: "OK"})
}

// pauseAfter pauses the Monitor 5 ms after the ninth check.
func (s *scenario) pauseAfter(long time.Duration) {
	from := s.events[s.index(8, action(evcp.HealthCheck))].At.Add(5 * ms)
	s.cp.Windows = append(s.cp.Windows, oracle.Window{Kind: oracle.MonitorPaused, From: from, To: from.Add(long)})
}

// index is the index of the n-th event, from 0, for which is holds.
func (s *scenario) index(n int, is func(evcp.Event) bool) int {
	for i, e := range s.events {
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

// remove removes an event, as if it had never been numbered.
func (s *scenario) remove(i int) {
	gone := s.events[i]
	s.events = slices.Delete(s.events, i, i+1)
	counts := gone.Status.Failed()
	for k := i; k < len(s.events); k++ {
		e := &s.events[k]
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

// insertEvent adds an event, dated as the one before it, and renumbers the rest.
func (s *scenario) insertEvent(i int, e evcp.Event) {
	before := s.events[i-1]
	e.CP, e.Instance, e.At, e.Epoch, e.Seq = before.CP, before.Instance, before.At, before.Epoch, before.Seq+1
	s.events = slices.Insert(s.events, i, e)
	for k := i + 1; k < len(s.events); k++ {
		later := &s.events[k]
		later.Seq++
		if later.Incident.Seq > before.Seq {
			later.Incident.Seq++
		}
	}
}

// insertMessage adds a message in order of time.
func (s *scenario) insertMessage(m oracle.CentralMessage) {
	s.cp.Messages = append(s.cp.Messages, m)
	slices.SortFunc(s.cp.Messages, func(a, b oracle.CentralMessage) int { return int(a.Sent - b.Sent) })
}

// repeatAfterRecovery sends the repeat of the first incident's report late after its
// recovery, to a Central that does not answer it.
func (s *scenario) repeatAfterRecovery(late time.Duration) {
	i := s.index(1, action(evcp.ReportEngineFailure))
	came := s.events[i].At
	s.remove(i)
	s.cp.Messages = slices.DeleteFunc(s.cp.Messages, func(m oracle.CentralMessage) bool {
		return m.Verb == wire.EngineFailure && m.Sent > came-ten && m.Sent < came+ten
	})
	unanswered := message(wire.EngineFailure, s.events[s.index(0, action(evcp.EngineRecovered))].At.Add(late))
	unanswered.Returned = 0
	s.insertMessage(unanswered)
}
