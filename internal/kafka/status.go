package kafka

import (
	"time"

	"evcp"
)

// ConnectionPhase is the phase of the connection to Kafka.
type ConnectionPhase uint8

const (
	// Connecting: nobody has answered yet. Followed by Connected or Away.
	Connecting ConnectionPhase = iota
	// Connected: events are delivered as they are kept.
	Connected
	// Away: Kafka can't be reached or rejects records; events wait on disk. Followed by CatchingUp or Connected.
	Away
	// CatchingUp: it is back, and the backlog is on its way.
	CatchingUp
)

// String is the word used in logs.
func (p ConnectionPhase) String() string {
	return [...]string{"connecting", "connected", "away", "catching_up"}[p]
}

// ConnectionStatus is the state of the connection to Kafka.
type ConnectionStatus struct {
	Phase         ConnectionPhase
	Since         time.Time
	Cause         evcp.Cause    // Away: of the newest error
	Err           error         // Away: the newest error
	Pending       int64         // events that were not delivered when the phase began
	Delivered     int64         // events since the last Away
	GivenUp       int64         // events since the last Away that Kafka never gets
	Outage        time.Duration // from the last Away to CatchingUp or Connected; 0 without one
	EverConnected bool          // in this process
}

// errorGrace is how long errors may last, with no acknowledgement between them, before
// Kafka counts as away: the failure of one broker of several is no outage.
const errorGrace = time.Second

// toldAgain is how long an outage lasts before another cause of it is told.
const toldAgain = 10 * time.Second

// phaseTracker decides the phase. It reads no clock.
type phaseTracker struct {
	ConnectionStatus
	settled    int64     // events since the last Away: delivered, or refused for good
	caughtUpAt int64     // CatchingUp: settled at which it becomes Connected
	givenUp    int64     // events by the outbox so far, for whatever reason
	givenUpAt  int64     // the last Away: givenUp
	firstError time.Time // since the last answer
	lastError  time.Time
	err        error      // since the last answer
	toldCause  evcp.Cause // of the outage, as it was last reported
	toldAt     time.Time
}

// answered: Kafka answered, n events were delivered, refused were refused for good, pending
// remain. It reports whether the phase changed.
func (s *phaseTracker) answered(now time.Time, n, refused, pending int64) bool {
	s.err = nil
	s.Delivered += n
	s.settled += n + refused
	s.GivenUp = s.givenUp - s.givenUpAt
	switch s.Phase {
	case Connecting:
		s.enter(Connected, now, pending)
	case Away:
		s.Outage, s.caughtUpAt = now.Sub(s.Since), s.settled+pending
		s.enter(CatchingUp, now, pending)
		if pending == 0 {
			s.enter(Connected, now, 0)
		}
	case CatchingUp:
		if s.settled < s.caughtUpAt {
			return false
		}
		s.enter(Connected, now, pending)
	default:
		return false
	}
	s.EverConnected = true
	return true
}

// sending: records go out. Errors of before say nothing about them: a broker or a proxy
// that closes idle connections makes one each time, which the client repairs.
func (s *phaseTracker) sending() {
	if s.Phase != Away {
		s.err = nil
	}
}

// errored: the client had an error. The newest error is the cause of an outage, unless
// it has none of its own and there was one before.
func (s *phaseTracker) errored(now time.Time, err error) {
	if s.err == nil {
		s.firstError = now
	}
	s.lastError = now
	if s.err == nil || CauseOf(err) != evcp.Other {
		s.err = err
	}
	if s.Phase == Away {
		s.Cause, s.Err = CauseOf(s.err), s.err
	}
}

// checkErrors reports whether errors have lasted so long that Kafka is away now, or
// whether an outage has another cause now. again is after what time to check next.
func (s *phaseTracker) checkErrors(now time.Time, pending int64) (changed bool, again time.Duration) {
	switch {
	case s.Phase == Away && s.Cause != s.toldCause && now.Sub(s.toldAt) >= toldAgain:
		s.toldCause, s.toldAt = s.Cause, now
		return true, errorGrace
	case s.Phase == Away || s.err == nil:
		return false, errorGrace
	}
	if left := s.firstError.Add(errorGrace).Sub(now); left > 0 {
		return false, left
	}
	s.Cause, s.Err, s.Delivered, s.Outage = CauseOf(s.err), s.err, 0, 0
	s.settled, s.GivenUp, s.givenUpAt = 0, 0, s.givenUp
	s.toldCause, s.toldAt = s.Cause, now
	s.enter(Away, now, pending)
	return true, errorGrace
}

func (s *phaseTracker) enter(p ConnectionPhase, now time.Time, pending int64) {
	s.Phase, s.Since, s.Pending = p, now, pending
	if p != Away {
		s.Cause, s.Err = evcp.NoCause, nil
	}
}

// ErrorText is the error, safe to print; "" when there is none.
func (s ConnectionStatus) ErrorText() string { return ErrorText(s.Err) }
