package uplink

import (
	"time"

	"evcp"
	"evcp/internal/wire"
)

// SessionPhase is where one charge point stands with Central, as it is shown.
type SessionPhase uint8

const (
	// Connecting: Central was asked, or is about to be, and has not answered yet.
	Connecting SessionPhase = iota
	// Registered: Central has accepted.
	Registered
	// Refused: Central has said no, and is asked again after AskAgain.
	Refused
	// Away: Central can't be reached or does not answer.
	Away
)

var phaseNames = [...]string{"connecting", "registered", "refused", "away"}

// String is the word used in metrics and in the status.
func (p SessionPhase) String() string { return phaseNames[min(int(p), len(phaseNames)-1)] }

// SessionStatus is where one charge point stands with Central: what was said last,
// what is said next, and when.
type SessionStatus struct {
	Phase        SessionPhase
	Since        time.Time
	LastExchange LastExchange
	Next         wire.Verb // NoVerb: nothing, until something happens
	NextAt       time.Time // of Next
}

// LastExchange is one message and what came of it. The zero Said: none yet.
type LastExchange struct {
	At      time.Time // when the answer came, or why none did was known
	Message string
	Repeat  uint32
	Reply   Reply
}

// Status is how it stands with Central for cp. Any goroutine may call at any time.
func (u *Uplink) Status(cp evcp.CPID) SessionStatus {
	if i, ok := u.index[cp]; ok {
		return u.sessions[i].standing()
	}
	return SessionStatus{}
}

func (s *session) standing() SessionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shows
}

func (p *SessionState) phase() SessionPhase {
	switch {
	case p.Away:
		return Away
	case p.Registered:
		return Registered
	case p.Refused:
		return Refused
	}
	return Connecting
}

// heard counts what came of a message, and shows it.
func (s *session) heard(m wire.Message, r Report, a Reply, v wire.CentralVerdict) {
	now := time.Now()
	if m.Verb == wire.EngineFailure || m.Verb == wire.EngineRecovered {
		s.up.meter.told(r, resultOf(v, a.Received), evcp.StampOf(now))
	}
	phase := s.posture.phase()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shows.LastExchange = LastExchange{At: now, Message: said(m), Repeat: r.Repeat, Reply: a}
	s.shows.become(phase, now)
}

func (s *SessionStatus) become(p SessionPhase, now time.Time) {
	if s.Since.IsZero() || s.Phase != p {
		s.Phase, s.Since = p, now
	}
}

// show shows what is said at wake, unless something is learned before.
func (s *session) show(wake time.Time) {
	next := wire.NoVerb
	if !wake.IsZero() {
		next, _, _ = s.up.manner.Next(s.posture, wake)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shows.Next, s.shows.NextAt = next, wake
}

// said is a message without the names that open it: "heartbeat OK".
func said(m wire.Message) string {
	if m.Verb == wire.Heartbeat {
		return m.Verb.String() + " " + m.Status.String()
	}
	return m.Verb.String()
}
