package evcp

import "time"

// Registration is where a Monitor stands with Central.
type Registration uint8

const (
	// Unregistered: Central was not asked since the Monitor started.
	Unregistered Registration = iota
	// Asking: asked, no answer yet. Lasts through any number of attempts.
	Asking
	// Accepted: Central accepted. A new question begins a new outage.
	Accepted
	// Rejected: Central said no. It is asked again, and may change its mind.
	Rejected
)

// Incident is one outage of an Engine, from its first failed check.
type Incident struct {
	ID      EventID // of its engine_failed event
	Since   Stamp   // the first of the failed checks that opened it
	Cause   Cause   // of the check that opened it
	Open    bool
	Reports uint32 // failure reports that Central has answered
	// ReportedAt is when Central last answered one.
	ReportedAt Stamp
	// RecoveryReported: Central has answered the recovery report.
	RecoveryReported bool
}

// State is all that is known of one charge point, small and comparable. It is
// the fold of the events that were kept: every field is carried by some event,
// and After is the only function that changes one.
type State struct {
	Epoch int64  // of the numbering in use; 0 before the first event
	Seq   uint64 // of the last event
	At    Stamp  // of the last event

	Failures      uint32 // failed checks in a row
	Oks           uint32 // OKs in a row since an incident opened
	FirstFailed   Stamp  // the first of Failures
	LastCountable Stamp  // the last check that said anything of the Engine
	LastOK        Stamp
	Status        Status // of the last countable check
	Cause         Cause

	Incident Incident // the newest, open or closed

	Central      Registration
	EverAccepted bool // Central has accepted this Monitor at least once
}

// After is the state once e is known.
func (s State) After(e Event) State {
	s.Epoch, s.Seq, s.At = e.Epoch, e.Seq, e.At
	switch e.Action {
	case HealthCheck:
		s = s.afterCheck(e)
	case EngineFailed:
		s.Incident = Incident{ID: e.ID(), Since: e.Since, Cause: e.Cause, Open: true}
	case EngineRecovered:
		s.Incident.Open = false
	case ReportEngineFailure, ReportEngineRecovery:
		s.Incident = s.Incident.afterReceipt(e)
	case RegisterToCentral:
		s.Central = Asking
	case AuthenticatedWithCentral:
		s.Central, s.EverAccepted = Accepted, true
	case RegistrationRejected:
		s.Central = Rejected
	case MonitorStarted, MonitorStopped:
		s.Central = Unregistered
	case ClockStep:
		s = s.shifted(e.Span)
	}
	return s
}

func (s State) afterCheck(e Event) State {
	if !e.Status.Countable() {
		return s
	}
	if s.stale(e.At) {
		s.Oks = 0
	}
	s.Status, s.Cause, s.LastCountable, s.Failures = e.Status, e.Cause, e.At, e.Failures
	if e.Status == OK {
		s.LastOK, s.FirstFailed = e.At, 0
		if s.Incident.Open {
			s.Oks++
		}
		return s
	}
	s.Oks = 0
	if e.Failures == 1 {
		s.FirstFailed = e.At
	}
	return s
}

// streakLasts is how old the last countable check may be for a streak to go on.
// Failures, or OKs, before a longer silence say nothing of now.
const streakLasts = 30 * time.Second

func (s State) stale(now Stamp) bool { return now.Sub(s.LastCountable) > streakLasts }

// afterReceipt counts an answer of Central. One that belongs to an older
// incident changes nothing: it was late, and the newer one has its own reports.
func (i Incident) afterReceipt(e Event) Incident {
	if e.Incident != i.ID {
		return i
	}
	if e.Action == ReportEngineRecovery {
		i.RecoveryReported = true
		return i
	}
	i.Reports, i.ReportedAt = e.Repeat+1, e.At
	return i
}

// shifted expresses every remembered moment in the clock as it was set, so that
// differences stay what the monotonic clock would have said.
func (s State) shifted(by time.Duration) State {
	s.FirstFailed = s.FirstFailed.Add(by)
	s.LastCountable = s.LastCountable.Add(by)
	s.LastOK = s.LastOK.Add(by)
	s.Incident.Since = s.Incident.Since.Add(by)
	s.Incident.ReportedAt = s.Incident.ReportedAt.Add(by)
	return s
}

// Shown is the state as people and Central see it: the outcome of the last
// countable check while an incident is open, otherwise OK until Policy.Fall
// failures; Monitoring before the first verdict and after ten intervals without
// a countable check.
func (s State) Shown(now Stamp, interval time.Duration) Status {
	const silent = 10
	if s.Incident.Open {
		return s.Status
	}
	// Never is far more than ten intervals ago.
	if s.FirstFailed.Sub(s.LastOK) > silent*interval || now.Sub(s.LastCountable) > silent*interval {
		return Monitoring
	}
	return OK
}
