package uplink

import (
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/pace"
)

// Schedule decides what is sent to Central, and when. It holds no state.
type Schedule struct {
	Heartbeat   time.Duration // between heartbeats; 0 = never
	ReportEvery time.Duration // an open failure is reported again so often; 0 = never
}

// Instant is a time in nanoseconds, counted from long before the process began: 0 is never, or
// so long ago that what was due then is due now. It takes a third of a time.Time.
type Instant int64

func (m Instant) add(d time.Duration) Instant    { return m + Instant(d) }
func (m Instant) sub(from Instant) time.Duration { return time.Duration(m - from) }

// instantClock turns the times of this process into Instants, and back.
type instantClock struct{ origin time.Time }

// longAgo is how long before a process its instantClock begins. No setting is so long.
const longAgo = 10 * 365 * 24 * time.Hour

func newInstantClock(now time.Time) instantClock { return instantClock{now.Add(-longAgo)} }

func (l instantClock) instant(t time.Time) Instant { return Instant(t.Sub(l.origin)) }

// time is an instant as a time, the zero time for 0. The wall clock is that of now: it may have
// been set since then.
func (l instantClock) time(m Instant, now time.Time) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return now.Add(m.sub(l.instant(now)))
}

// SessionState is the session of one charge point: all that decides what is sent next. There
// may be ten thousand, so what only a failure needs is behind a pointer.
type SessionState struct {
	Registered       bool
	RegisteredBefore bool   // at least once in this process
	Refused          bool   // Central rejected the newest registration that it answered
	Away             bool   // an outage of Central goes on
	Attempts         uint32 // in a row without a usable reply
	Forgotten        uint32 // "not registered" in a row, from a Central that had accepted
	AwaySince        Instant
	RetryAt          Instant // no registration and no report before this
	LastHeartbeat    Instant
	Reports          *ReportState // nil: nothing to report, and no receipt that is not kept
}

// ReportState is what is to be reported of one charge point, and what was.
type ReportState struct {
	Queue []PendingReport // without a receipt, in order; as many as the outbox keeps

	// Repeating: an incident is open and its first report has its receipt.
	Repeating bool
	Last      PendingReport // the newest failure report with a receipt
	Repeat    uint32        // of Last
	ReceiptAt Instant       // when that receipt came
	// Unkept are the reports whose receipts came and are not kept yet. Until they are,
	// the disk may refuse, and the same failures return under other event ids.
	Unkept []PendingReport
}

// pending is how many reports have no receipt.
func (s *SessionState) pending() int {
	if s.Reports == nil {
		return 0
	}
	return len(s.Reports.Queue)
}

// reports is what there is to report, for a change; dropReports follows.
func (s *SessionState) reports() *ReportState {
	if s.Reports == nil {
		s.Reports = &ReportState{}
	}
	return s.Reports
}

// dropReports gives the memory back when nothing is to be reported any more.
func (s *SessionState) dropReports() {
	if r := s.Reports; r != nil && !r.Repeating && len(r.Queue)+len(r.Unkept) == 0 {
		s.Reports = nil
	}
}

// Apply folds a fact in. A report whose receipt is kept, in this process or an earlier
// one, leaves the queue.
func (s *SessionState) Apply(f outbox.Fact) {
	defer s.dropReports()
	r := s.reports()
	switch f.Action {
	case evcp.EngineFailed:
		r.enqueue(reportOf(ReportFailure, f))
	case evcp.EngineRecovered:
		r.enqueue(reportOf(ReportRecovery, f))
		if r.Last.Incident == f.Incident {
			r.Repeating = false
		}
	case evcp.ReportEngineFailure:
		r.settle(ReportFailure, f.Incident)
	case evcp.ReportEngineRecovery:
		r.settle(ReportRecovery, f.Incident)
	}
}

// resume goes on repeating a failure that an earlier process reported, ago.
func (s *SessionState) resume(i evcp.Incident, ago, every time.Duration, now Instant) {
	if !i.Open || i.Reports == 0 {
		return
	}
	r := s.reports()
	r.Repeating, r.ReceiptAt = true, now.add(-min(max(ago, 0), every))
	r.Last, r.Repeat = PendingReport{Operation: ReportFailure, Incident: i.ID}, i.Reports-1
}

// recall adds what was not reported of an incident before the charge point was released. After a
// restart its recovery may be in the queue already: the failure comes before it, and not at all once
// Central knows of the recovery.
func (s *SessionState) recall(i evcp.Incident) {
	if i.ID == (evcp.EventID{}) {
		return
	}
	r := s.reports()
	if i.Reports == 0 && !i.RecoveryReported {
		r.recall(PendingReport{Operation: ReportFailure, Incident: i.ID})
	}
	if !i.Open && !i.RecoveryReported {
		r.recall(PendingReport{Operation: ReportRecovery, Incident: i.ID})
	}
	s.dropReports()
}

// Next decides what to send at the instant now. NoOperation means nothing before wake; a
// zero wake, nothing until an event.
func (c Schedule) Next(s SessionState, now Instant) (m Outbound, wake Instant) {
	if !s.Registered {
		if now < s.RetryAt {
			return Outbound{}, s.RetryAt
		}
		return Outbound{Operation: Register}, 0
	}
	if m, due := c.nextReport(s); m.Operation != NoOperation {
		if now >= due {
			return m, 0
		}
		wake = due
	}
	if c.Heartbeat > 0 { // also while Central accepts no report: the Monitor is alive
		due := s.LastHeartbeat.add(c.Heartbeat)
		if now >= due {
			return Outbound{Operation: Heartbeat}, 0
		}
		if wake == 0 || due < wake {
			wake = due
		}
	}
	return Outbound{}, wake
}

// nextReport is the report to send next, and when.
func (c Schedule) nextReport(s SessionState) (m Outbound, due Instant) {
	r := s.Reports
	switch {
	case r == nil:
	case len(r.Queue) > 0:
		return r.Queue[0].message(), s.RetryAt
	case r.Repeating && c.ReportEvery > 0:
		m = r.Last.message()
		m.Repeat = r.Repeat + 1
		return m, max(r.ReceiptAt.add(c.ReportEvery), s.RetryAt)
	}
	return Outbound{}, 0
}

// Replied folds in what came of a message. random is in [0, 1) and spreads the retries.
func (s *SessionState) Replied(m Outbound, reply SendResult, now Instant, random float64) {
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

func (s *SessionState) retryLater(now Instant, random float64) {
	s.Attempts++
	s.RetryAt = now.add(pace.CentralBackoff.Delay(int(s.Attempts), random))
}

func (s *SessionState) registrationReplied(v Verdict, now Instant, random float64) {
	switch v {
	case Accepted:
		s.LastHeartbeat = 0 // a Central that just accepted knows no state: send it at once
		s.Registered, s.RegisteredBefore, s.Refused, s.Away, s.Attempts, s.RetryAt = true, true, false, false, 0, 0
	case Rejected:
		s.Refused, s.Away, s.Attempts = true, false, 0
		s.RetryAt = now.add(RefusalRetry)
	default:
		s.retryLater(now, random)
	}
}

func (s *SessionState) reportReplied(m Outbound, v Verdict, now Instant, random float64) {
	switch v {
	case Accepted:
		s.receiptCame(m, now)
	case NotRegistered:
		s.Registered = false
		s.Forgotten++
		if s.Forgotten > 1 { // Central accepts and forgets: back off, or this is a tight loop
			s.RetryAt = now.add(pace.CentralBackoff.Delay(int(s.Forgotten), random))
		}
	default:
		s.retryLater(now, random)
	}
}

func (s *SessionState) receiptCame(m Outbound, now Instant) {
	defer s.dropReports()
	r := s.reports()
	answered := r.answered(m)
	s.Attempts, s.Forgotten, s.RetryAt = 0, 0, 0
	if m.Operation == ReportFailure {
		recovered := r.find(ReportRecovery, answered.Incident) >= 0
		r.Last, r.Repeat, r.ReceiptAt, r.Repeating = answered, m.Repeat, now, !recovered
	}
}
