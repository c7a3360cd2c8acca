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

// Report is one failure or recovery that Central must learn of.
type Report struct {
	Recovery bool
	Incident evcp.EventID
	Repeat   uint32
	At       evcp.Stamp // when the failure or the recovery was detected
}

func (r Report) operation() Operation {
	if r.Recovery {
		return ReportRecovery
	}
	return ReportFailure
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

	Queue []Report // without a receipt, in order

	// Repeating: an incident is open and its first report has its receipt.
	Repeating bool
	Last      Report    // the newest failure report with a receipt
	ReceiptAt time.Time // when that receipt came
	// Unkept are the reports whose receipts came and are not kept yet. Until they are,
	// the disk may refuse, and the same failures return under other event ids.
	Unkept []Report

	LastHeartbeat time.Time
}

// Apply folds a kept event in. A report whose receipt is kept, in this process or an
// earlier one, leaves the queue.
func (s *SessionState) Apply(e evcp.Event) {
	switch e.Action {
	case evcp.EngineFailed:
		s.enqueue(Report{Incident: e.ID(), At: e.At})
	case evcp.EngineRecovered:
		s.enqueue(Report{Recovery: true, Incident: e.Incident, At: e.At})
		if s.Last.Incident == e.Incident {
			s.Repeating = false
		}
	case evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		r := Report{Recovery: e.Action == evcp.ReportEngineRecovery, Incident: e.Incident}
		s.Queue, s.Unkept = without(s.Queue, r), without(s.Unkept, r)
	}
}

// enqueue adds a report, unless it is a known one that was numbered anew because the
// disk refused it: then only its incident's id changes.
func (s *SessionState) enqueue(r Report) {
	s.Last.renumber(r)
	for _, known := range [][]Report{s.Queue, s.Unkept} {
		for i := range known {
			if known[i].renumber(r) {
				return
			}
		}
	}
	s.Queue = append(s.Queue, r)
}

// renumber takes over the incident's id from again, and reports whether again is the
// same report.
func (r *Report) renumber(again Report) bool {
	if again.At == 0 || r.At != again.At || r.Recovery != again.Recovery {
		return false
	}
	r.Incident = again.Incident
	return true
}

// without removes r and its repeats.
func without(all []Report, r Report) []Report {
	return slices.DeleteFunc(all, func(q Report) bool {
		return q.Recovery == r.Recovery && q.Incident == r.Incident
	})
}

// Next decides what to send at the moment now: an operation, and the report if it is
// one. NoOperation means nothing before wake; a zero wake, nothing until an event.
func (c Schedule) Next(s SessionState, now time.Time) (op Operation, r Report, wake time.Time) {
	if !s.Registered {
		if now.Before(s.RetryAt) {
			return NoOperation, Report{}, s.RetryAt
		}
		return Register, Report{}, time.Time{}
	}
	if r, due := c.nextReport(s); r != (Report{}) {
		if !now.Before(due) {
			return r.operation(), r, time.Time{}
		}
		wake = due
	}
	if c.Heartbeat > 0 { // also while Central accepts no report: the Monitor is alive
		due := s.LastHeartbeat.Add(c.Heartbeat)
		if !now.Before(due) {
			return Heartbeat, Report{}, time.Time{}
		}
		if wake.IsZero() || due.Before(wake) {
			wake = due
		}
	}
	return NoOperation, Report{}, wake
}

// nextReport is the report to send next, and when; the zero Report is none.
func (c Schedule) nextReport(s SessionState) (r Report, due time.Time) {
	switch {
	case len(s.Queue) > 0:
		return s.Queue[0], s.RetryAt
	case s.Repeating && c.ReportEvery > 0:
		due = s.ReceiptAt.Add(c.ReportEvery)
		if due.Before(s.RetryAt) {
			due = s.RetryAt
		}
		r = s.Last
		r.Repeat++
		return r, due
	}
	return Report{}, time.Time{}
}

// Replied folds in what came of the message of op. random is in [0, 1) and spreads
// the retries.
func (s *SessionState) Replied(op Operation, r Report, reply SendResult, now time.Time, random float64) {
	if op == Heartbeat {
		s.LastHeartbeat = now
	}
	switch {
	case op == Heartbeat && reply.Connected: // an unanswered heartbeat is no outage
		if reply.Verdict == NotRegistered {
			s.Registered = false
		}
	case !reply.Received:
		if !s.Away {
			s.Away, s.AwaySince = true, now
		}
		s.Registered = false
		s.retryLater(now, random)
	case op == Register:
		s.registrationReplied(reply.Verdict, now, random)
	default:
		s.reportReplied(r, reply.Verdict, now, random)
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

func (s *SessionState) reportReplied(r Report, v Verdict, now time.Time, random float64) {
	switch v {
	case Accepted:
		s.receiptCame(r, now)
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

func (s *SessionState) receiptCame(r Report, now time.Time) {
	if s.Queue = without(s.Queue, r); r.Repeat == 0 {
		s.Unkept = append(s.Unkept, r)
	}
	s.Attempts, s.Forgotten, s.RetryAt = 0, 0, time.Time{}
	if !r.Recovery {
		s.Last, s.ReceiptAt, s.Repeating = r, now, !s.recoveryQueued(r.Incident)
	}
}

func (s *SessionState) recoveryQueued(incident evcp.EventID) bool {
	return slices.ContainsFunc(s.Queue, func(q Report) bool { return q.Recovery && q.Incident == incident })
}
