package kafka

import (
	"time"

	"evcp"
	"evcp/internal/wire"
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
	Cause         evcp.Cause    // Away
	Err           error         // Away
	Pending       int64         // events that were not delivered when the phase began
	Delivered     int64         // events since the last Away
	Outage        time.Duration // from the last Away to CatchingUp or Connected; 0 without one
	EverConnected bool          // in this process
}

// errorGrace is how long errors may last, with no acknowledgement between them, before
// Kafka counts as away: the failure of one broker of several is no outage.
const errorGrace = time.Second

// phaseTracker decides the phase. It reads no clock.
type phaseTracker struct {
	ConnectionStatus
	caughtUpAt int64 // CatchingUp: Delivered at which it becomes Connected
	lastAnswer time.Time
	lastError  time.Time
	err        error // since the last answer
}

// answered: Kafka answered, n events were delivered, pending remain. It reports whether
// the phase changed.
func (s *phaseTracker) answered(now time.Time, n, pending int64) bool {
	s.lastAnswer, s.err = now, nil
	s.Delivered += n
	switch s.Phase {
	case Connecting:
		s.enter(Connected, now, pending)
	case Away:
		s.Outage, s.caughtUpAt = now.Sub(s.Since), s.Delivered+pending
		s.enter(CatchingUp, now, pending)
		if pending == 0 {
			s.enter(Connected, now, 0)
		}
	case CatchingUp:
		if s.Delivered < s.caughtUpAt {
			return false
		}
		s.enter(Connected, now, pending)
	default:
		return false
	}
	s.EverConnected = true
	return true
}

// errored: the client had an error. The newest error is the cause of an outage, unless
// it has none of its own and there was one before.
func (s *phaseTracker) errored(now time.Time, err error) {
	s.lastError = now
	if s.err == nil || CauseOf(err) != evcp.Other {
		s.err = err
	}
}

// checkErrors reports whether errors have lasted so long that Kafka is away now. again is
// after what time to check next.
func (s *phaseTracker) checkErrors(now time.Time, pending int64) (changed bool, again time.Duration) {
	if s.err == nil || s.Phase == Away {
		return false, errorGrace
	}
	if left := s.lastAnswer.Add(errorGrace).Sub(now); left > 0 {
		return false, left
	}
	s.Cause, s.Err, s.Delivered, s.Outage = CauseOf(s.err), s.err, 0, 0
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
func (s ConnectionStatus) ErrorText() string {
	if s.Err == nil {
		return ""
	}
	return wire.Text([]byte(s.Err.Error()))
}
