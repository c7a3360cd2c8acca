package kafka

import (
	"time"

	"evcp"
)

// ConnectionPhase is where the sender stands with Kafka.
type ConnectionPhase uint8

const (
	// Connecting: nobody has answered yet. Followed by Connected or Away.
	Connecting ConnectionPhase = iota
	// Connected: what happens is there within moments.
	Connected
	// Away: events wait on disk. Followed by CatchingUp or Connected.
	Away
	// CatchingUp: it is back, and the backlog is on its way.
	CatchingUp
)

// String is the word used in logs.
func (p ConnectionPhase) String() string {
	return [...]string{"connecting", "connected", "away", "catching_up"}[p]
}

// ConnectionStatus is how it stands with Kafka.
type ConnectionStatus struct {
	Phase   ConnectionPhase
	Since   time.Time
	Cause   evcp.Cause // Away
	Err     error      // Away: the error itself
	Pending int64      // events that were not delivered when the phase began
	// Delivered counts the events delivered since the last Away; with Outage it tells
	// what a Connected after an Away made good.
	Delivered int64
	Outage    time.Duration // from Away to Connected or CatchingUp; 0 without one
	// EverConnected: Kafka has answered at least once in this life.
	EverConnected bool
}

// grace is how long errors may last, with no acknowledgement between them, before
// Kafka counts as away: one broker of several may fail and nobody needs to know.
const grace = time.Second

// standing decides what phase it is. It reads no clock.
type standing struct {
	ConnectionStatus
	goal      int64 // CatchingUp: Sent that makes it Connected
	lastGood  time.Time
	lastError time.Time
	err       error
}

// good takes in that Kafka answered: n events were delivered, waiting remain.
// It reports whether the phase changed.
func (s *standing) good(now time.Time, n, waiting int64) bool {
	s.lastGood, s.err = now, nil
	s.Delivered += n
	switch s.Phase {
	case Connecting:
		s.enter(Connected, now, waiting)
	case Away:
		s.Outage, s.goal = now.Sub(s.Since), s.Delivered+waiting
		s.enter(CatchingUp, now, waiting)
		if waiting == 0 {
			s.enter(Connected, now, 0)
		}
	case CatchingUp:
		if s.Delivered < s.goal {
			return false
		}
		s.enter(Connected, now, waiting)
	default:
		return false
	}
	s.EverConnected = true
	return true
}

// bad takes in an error. The newest says best why Kafka is away, unless it only
// says that something else went wrong before.
func (s *standing) bad(now time.Time, err error) {
	s.lastError = now
	if s.err == nil || CauseOf(err) != evcp.Other {
		s.err = err
	}
}

// judge says whether the errors have lasted too long by now, and if not, when to
// ask again; zero is never.
func (s *standing) judge(now time.Time, waiting int64) (changed bool, again time.Time) {
	if s.err == nil || s.Phase == Away {
		return false, time.Time{}
	}
	if limit := s.lastGood.Add(grace); now.Before(limit) {
		return false, limit
	}
	s.Cause, s.Err, s.Delivered, s.Outage = CauseOf(s.err), s.err, 0, 0
	s.enter(Away, now, waiting)
	return true, time.Time{}
}

func (s *standing) enter(p ConnectionPhase, now time.Time, waiting int64) {
	s.Phase, s.Since, s.Pending = p, now, waiting
	if p != Away {
		s.Cause, s.Err = evcp.NoCause, nil
	}
}
