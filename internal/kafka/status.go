package kafka

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

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
	Broker        string        // Away: the broker that Err is of, as HOST:PORT; "" if of none
	Answering     string        // Away: another broker, which answers since the errors began; "" if none is known
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
	errorAt    time.Time  // of the last one that was not vague
	answering  string     // the broker that answered last since firstError, and has not failed since
	toldCause  evcp.Cause // of the outage, as it was last reported
	toldBroker string     // and that broker, if another answered
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

// vagueAfter is for how long a telling error stays the cause of an outage, although the newest
// one explains nothing: brokers close the connection after they have refused a login.
const vagueAfter = 2 * maxBackoff

// errored: the client had an error. The newest error is the cause of an outage, unless
// it explains nothing and there was a telling one lately, or it only repeats one without saying
// which broker it is of.
func (s *phaseTracker) errored(now time.Time, err error) {
	if s.err == nil {
		s.firstError, s.answering = now, ""
	}
	s.lastError = now
	if s.explains(now, err) {
		s.err = err
	}
	if !vague(err) {
		s.errorAt = now
	}
	broker := BrokerOf(err)
	if broker == s.answering {
		s.answering = ""
	}
	s.explain()
}

// explains reports whether an error is a better cause of the outage than the last one.
func (s *phaseTracker) explains(now time.Time, err error) bool {
	repeated := BrokerOf(err) == "" && BrokerOf(s.err) != "" && CauseOf(err) == CauseOf(s.err)
	switch {
	case s.err == nil:
		return true
	case lacksMechanism(err) && errors.As(s.err, new(*mechanismError)): // it says more
		return false
	case !vague(err):
		return !repeated || vague(s.err)
	case CauseOf(err) == evcp.Other:
		return false
	default:
		return !repeated && (vague(s.err) || now.Sub(s.errorAt) >= vagueAfter)
	}
}

// responded: a broker has answered a request. While others fail that says that only their
// addresses are wrong, or that they alone are down.
func (s *phaseTracker) responded(m kgo.BrokerMetadata) {
	if s.err != nil {
		s.answering = brokerAddress(m.Host, m.Port)
		s.explain()
	}
}

// explain says why Kafka is away.
func (s *phaseTracker) explain() {
	if s.Phase != Away {
		return
	}
	s.Cause, s.Err, s.Broker, s.Answering = CauseOf(s.err), s.err, BrokerOf(s.err), s.answering
	if s.Broker == s.Answering {
		s.Answering = ""
	}
}

// unreached is the broker that can't be reached while another answers.
func (s *phaseTracker) unreached() string {
	if s.Answering == "" {
		return ""
	}
	return s.Broker
}

// checkErrors reports whether errors have lasted so long that Kafka is away now, or
// whether an outage has another cause now. again is after what time to check next.
func (s *phaseTracker) checkErrors(now time.Time, pending int64) (changed bool, again time.Duration) {
	switch {
	case s.Phase == Away && (s.Cause != s.toldCause || s.unreached() != s.toldBroker) && now.Sub(s.toldAt) >= toldAgain:
		s.told(now)
		return true, errorGrace
	case s.Phase == Away || s.err == nil:
		return false, errorGrace
	}
	if left := s.firstError.Add(errorGrace).Sub(now); left > 0 {
		return false, left
	}
	s.Delivered, s.Outage = 0, 0
	s.settled, s.GivenUp, s.givenUpAt = 0, 0, s.givenUp
	s.enter(Away, now, pending)
	s.explain()
	s.told(now)
	return true, errorGrace
}

func (s *phaseTracker) told(now time.Time) {
	s.toldCause, s.toldBroker, s.toldAt = s.Cause, s.unreached(), now
}

func (s *phaseTracker) enter(p ConnectionPhase, now time.Time, pending int64) {
	s.Phase, s.Since, s.Pending = p, now, pending
	if p != Away {
		s.Cause, s.Err, s.Broker, s.Answering = evcp.NoCause, nil, "", ""
	}
}

// ErrorText is the error, safe to print; "" when there is none.
func (s ConnectionStatus) ErrorText() string { return ErrorText(s.Err) }

// responded records that a broker answered. Any goroutine may call it.
func (s *Sender) responded(m kgo.BrokerMetadata) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase.responded(m)
}
