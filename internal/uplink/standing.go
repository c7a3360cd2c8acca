package uplink

import (
	"time"

	"evcp"
	"evcp/internal/wire"
)

// Phase is where one charge point stands with Central, as it is shown.
type Phase uint8

const (
	// Connecting: Central was asked, or is about to be, and has not answered yet.
	Connecting Phase = iota
	// Registered: Central has accepted.
	Registered
	// Refusing: Central has said no, and is asked again after AskAgain.
	Refusing
	// Away: Central can't be reached or does not answer.
	Away
)

var phaseNames = [...]string{"connecting", "registered", "refused", "away"}

// String is the word used in metrics and in the status.
func (p Phase) String() string { return phaseNames[min(int(p), len(phaseNames)-1)] }

// Standing is where one charge point stands with Central: what was said last,
// what is said next, and when.
type Standing struct {
	Phase Phase
	Since time.Time
	Last  Said
	Next  wire.Verb // NoVerb: nothing, until something happens
	At    time.Time // of Next
}

// Said is one message and what came of it. The zero Said: none yet.
type Said struct {
	At      time.Time // when the answer came, or why none did was known
	Message string
	Repeat  uint32
	Answer  Answer
}

// Standing is how it stands with Central for cp. Any goroutine may call at any time.
func (u *Uplink) Standing(cp evcp.CPID) Standing {
	if i, ok := u.index[cp]; ok {
		return u.sessions[i].standing()
	}
	return Standing{}
}

func (s *session) standing() Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shows
}

func (p *Posture) phase() Phase {
	switch {
	case p.Away:
		return Away
	case p.Registered:
		return Registered
	case p.Refused:
		return Refusing
	}
	return Connecting
}

// heard counts what came of a message, and shows it.
func (s *session) heard(m wire.Message, r Report, a Answer, v wire.Verdict) {
	now := time.Now()
	if m.Verb == wire.EngineFailure || m.Verb == wire.EngineRecovered {
		s.up.meter.told(r, resultOf(v, a.Came), evcp.StampOf(now))
	}
	phase := s.posture.phase()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shows.Last = Said{At: now, Message: said(m), Repeat: r.Repeat, Answer: a}
	s.shows.become(phase, now)
}

func (s *Standing) become(p Phase, now time.Time) {
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
	s.shows.Next, s.shows.At = next, wake
}

// said is a message without the names that open it: "heartbeat OK".
func said(m wire.Message) string {
	if m.Verb == wire.Heartbeat {
		return m.Verb.String() + " " + m.Status.String()
	}
	return m.Verb.String()
}
