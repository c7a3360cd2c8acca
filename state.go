package evcp

import "time"

// Registration is how far the registration with Central has come.
type Registration uint8

const (
	// Unregistered: no request was sent since the Monitor started.
	Unregistered Registration = iota
	// Asking: requested, no reply yet. Lasts through any number of attempts.
	Asking
	// Accepted: Central accepted. The next request means that there was an outage.
	Accepted
	// Rejected: Central refused. The request is repeated, and may be accepted later.
	Rejected
)

// Incident is one outage of an Engine, from its first failed check.
type Incident struct {
	ID    EventID // of its engine_failed event
	Since Stamp   // the first of the failed checks that opened it
	// ReportedAt is when the last receipt of a failure report came.
	ReportedAt Stamp
	Reports    uint32 // failure reports with a receipt from Central
	Cause      Cause  // of the check that opened it
	Open       bool
	// RecoveryReported: the recovery report has its receipt.
	RecoveryReported bool
}

// State is all that is known of one charge point, small and comparable: 112 bytes, since the
// small fields stand together. It is the fold of its kept events: every field comes from some
// event, and After is the only function that changes one.
type State struct {
	Epoch int64  // of the numbering in use; 0 before the first event
	Seq   uint64 // of the last event
	At    Stamp  // of the last event

	FirstFailed   Stamp // the first check of Failures
	LastCountable Stamp // the last check that was not Unknown
	LastOK        Stamp

	Incident Incident // the newest, open or closed

	Failures uint32 // failed checks in a row
	Oks      uint32 // OKs in a row since an incident opened
	Status   Status // of the last countable check
	Cause    Cause

	Central      Registration
	EverAccepted bool // Central has accepted this Monitor at least once

	// StreakPause is how old the last countable check may be for a streak to go on. After
	// a longer pause, failures or OKs in a row are counted from zero. It comes from
	// monitor_started and settings_changed; 0, before the first that carries an interval, is minStreakPause.
	StreakPause time.Duration
}

// After returns the state after e.
func (s State) After(e Event) State {
	s.apply(&e)
	return s
}

// apply is After without a copy: both are large.
func (s *State) apply(e *Event) {
	s.Epoch, s.Seq, s.At = e.Epoch, e.Seq, e.At
	switch e.Action {
	case HealthCheck:
		s.applyCheck(e)
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
	case MonitorStarted:
		s.Central, s.StreakPause = Unregistered, streakPause(e.Interval, e.Timeout)
	case SettingsChanged:
		s.StreakPause = streakPause(e.Interval, e.Timeout)
	case MonitorStopped:
		s.Central = Unregistered
	case ClockStep:
		s.shift(e.Span)
	}
}

func (s *State) applyCheck(e *Event) {
	if !e.Status.Countable() {
		return
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
		return
	}
	s.Oks = 0
	if e.Failures == 1 {
		s.FirstFailed = e.At
	}
}

// minStreakPause bounds State.StreakPause from below: a Monitor that was restarted goes
// on counting.
const minStreakPause = 30 * time.Second

// streakPause lets a streak outlast two checks that did not count (missed, or UNKNOWN),
// whatever the interval.
func streakPause(interval, timeout time.Duration) time.Duration {
	return max(minStreakPause, 3*interval+timeout)
}

func (s *State) stale(now Stamp) bool {
	return now.Sub(s.LastCountable) > max(s.StreakPause, minStreakPause)
}

// afterReceipt counts a receipt. A late one that belongs to an older incident changes
// nothing: the newer incident has its own reports.
func (i Incident) afterReceipt(e *Event) Incident {
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

// shift moves every remembered time by the step of the wall clock, so that the
// time elapsed since then stays right.
func (s *State) shift(by time.Duration) {
	s.FirstFailed = s.FirstFailed.Add(by)
	s.LastCountable = s.LastCountable.Add(by)
	s.LastOK = s.LastOK.Add(by)
	s.Incident.Since = s.Incident.Since.Add(by)
	s.Incident.ReportedAt = s.Incident.ReportedAt.Add(by)
}

// Shown is the state as people and Central see it: the outcome of the last
// countable check while an incident is open, otherwise OK until Policy.Fall
// failures; Monitoring before the first OK and after ten intervals without
// a countable check.
func (s State) Shown(now Stamp, interval time.Duration) Status {
	const silent = 10
	if s.Incident.Open {
		return s.Status
	}
	// The zero Stamp, never, is more than ten intervals before any real one.
	if s.FirstFailed.Sub(s.LastOK) > silent*interval || now.Sub(s.LastCountable) > silent*interval {
		return Monitoring
	}
	return OK
}
