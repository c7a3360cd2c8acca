package uplink

import (
	"slices"
	"time"

	"evcp"
	"evcp/internal/pace"
)

// Schedule decides what is sent to Central, and when. It holds no state.
type Schedule struct {
	Heartbeat   time.Duration // between heartbeats; 0 = never
	ReportEvery time.Duration // an open failure is reported again so often; 0 = never
}

// SessionState is the session of one charge point: all that decides what is sent next.
type SessionState struct {
	Registered       bool
	RegisteredBefore bool // at least once in this process
	Refused          bool // Central rejected the newest registration that it answered
	Away             bool // an outage of Central goes on
	AwaySince        time.Time
	Attempts         int       // in a row without a usable reply
	Forgotten        int       // "not registered" in a row, from a Central that had accepted
	RetryAt          time.Time // no registration and no report before this

	Queue []Outbound // reports without a receipt, in order

	// Repeating: an incident is open and its first report has its receipt.
	Repeating bool
	Last      Outbound  // the newest failure report with a receipt
	ReceiptAt time.Time // when that receipt came
	// Unkept are the reports whose receipts came and are not kept yet. Until they are,
	// the disk may refuse, and the same failures return under other event ids.
	Unkept []Outbound

	LastHeartbeat time.Time
}

// Apply folds a kept event in. A report whose receipt is kept, in this process or an
// earlier one, leaves the queue.
func (s *SessionState) Apply(e evcp.Event) {
	switch e.Action {
	case evcp.EngineFailed:
		s.enqueue(Outbound{Operation: ReportFailure, Incident: e.ID(), At: e.At})
	case evcp.EngineRecovered:
		s.enqueue(Outbound{Operation: ReportRecovery, Incident: e.Incident, At: e.At})
		if s.Last.Incident == e.Incident {
			s.Repeating = false
		}
	case evcp.ReportEngineFailure:
		s.settle(ReportFailure, e.Incident)
	case evcp.ReportEngineRecovery:
		s.settle(ReportRecovery, e.Incident)
	}
}

func (s *SessionState) settle(op Operation, incident evcp.EventID) {
	s.Queue, s.Unkept = without(s.Queue, op, incident), without(s.Unkept, op, incident)
}

// enqueue adds a report, unless it is a known one that was numbered anew because the
// disk refused it: then only its incident's id changes.
func (s *SessionState) enqueue(m Outbound) {
	s.Last.renumber(m)
	for _, known := range [][]Outbound{s.Queue, s.Unkept} {
		for i := range known {
			if known[i].renumber(m) {
				return
			}
		}
	}
	s.Queue = append(s.Queue, m)
}

// renumber takes over the incident's id from again, and reports whether again is the
// same report.
func (m *Outbound) renumber(again Outbound) bool {
	if again.At == 0 || m.At != again.At || m.Operation != again.Operation {
		return false
	}
	m.Incident = again.Incident
	return true
}

// without removes the report of an incident and its repeats.
func without(all []Outbound, op Operation, incident evcp.EventID) []Outbound {
	return slices.DeleteFunc(all, func(m Outbound) bool { return m.Operation == op && m.Incident == incident })
}

// Next decides what to send at the moment now. NoOperation means nothing before wake; a
// zero wake, nothing until an event.
func (c Schedule) Next(s SessionState, now time.Time) (m Outbound, wake time.Time) {
	if !s.Registered {
		if now.Before(s.RetryAt) {
			return Outbound{}, s.RetryAt
		}
		return Outbound{Operation: Register}, time.Time{}
	}
	if m, due := c.nextReport(s); m.Operation != NoOperation {
		if !now.Before(due) {
			return m, time.Time{}
		}
		wake = due
	}
	if c.Heartbeat > 0 { // also while Central accepts no report: the Monitor is alive
		due := s.LastHeartbeat.Add(c.Heartbeat)
		if !now.Before(due) {
			return Outbound{Operation: Heartbeat}, time.Time{}
		}
		if wake.IsZero() || due.Before(wake) {
			wake = due
		}
	}
	return Outbound{}, wake
}

// nextReport is the report to send next, and when.
func (c Schedule) nextReport(s SessionState) (m Outbound, due time.Time) {
	switch {
	case len(s.Queue) > 0:
		return s.Queue[0], s.RetryAt
	case s.Repeating && c.ReportEvery > 0:
		due = s.ReceiptAt.Add(c.ReportEvery)
		if due.Before(s.RetryAt) {
			due = s.RetryAt
		}
		m = s.Last
		m.Repeat++
		return m, due
	}
	return Outbound{}, time.Time{}
}

// Replied folds in what came of a message. random is in [0, 1) and spreads the retries.
func (s *SessionState) Replied(m Outbound, reply SendResult, now time.Time, random float64) {
	if m.Operation == Heartbeat {
		s.LastHeartbeat = now
	}
	switch {
	case m.Operation == Heartbeat && reply.Connected: // an unanswered heartbeat is no outage
		if reply.Verdict == NotRegistered {
			s.Registered = false
		}
	case !reply.Received:
		if !s.Away {
			s.Away, s.AwaySince = true, now
		}
		s.Registered = false
		s.retryLater(now, random)
	case m.Operation == Register:
		s.registrationReplied(reply.Verdict, now, random)
	default:
		s.reportReplied(m, reply.Verdict, now, random)
	}
}

func (s *SessionState) retryLater(now time.Time, random float64) {
	s.Attempts++
	s.RetryAt = now.Add(pace.CentralBackoff.Delay(s.Attempts, random))
}

func (s *SessionState) registrationReplied(v Verdict, now time.Time, random float64) {
	switch v {
	case Accepted:
		s.LastHeartbeat = time.Time{} // a Central that just accepted knows no state: send it at once
		s.Registered, s.RegisteredBefore, s.Refused, s.Away, s.Attempts, s.RetryAt = true, true, false, false, 0, time.Time{}
	case Rejected:
		s.Refused, s.Away, s.Attempts = true, false, 0
		s.RetryAt = now.Add(RefusalRetry)
	default:
		s.retryLater(now, random)
	}
}

func (s *SessionState) reportReplied(m Outbound, v Verdict, now time.Time, random float64) {
	switch v {
	case Accepted:
		s.receiptCame(m, now)
	case NotRegistered:
		s.Registered = false
		s.Forgotten++
		if s.Forgotten > 1 { // Central accepts and forgets: back off, or this is a tight loop
			s.RetryAt = now.Add(pace.CentralBackoff.Delay(s.Forgotten, random))
		}
	default:
		s.retryLater(now, random)
	}
}

func (s *SessionState) receiptCame(m Outbound, now time.Time) {
	if s.Queue = without(s.Queue, m.Operation, m.Incident); m.Repeat == 0 {
		s.Unkept = append(s.Unkept, m)
	}
	s.Attempts, s.Forgotten, s.RetryAt = 0, 0, time.Time{}
	if m.Operation == ReportFailure {
		recovered := slices.ContainsFunc(s.Queue, func(q Outbound) bool { return q.Operation == ReportRecovery && q.Incident == m.Incident })
		s.Last, s.ReceiptAt, s.Repeating = m, now, !recovered
	}
}
