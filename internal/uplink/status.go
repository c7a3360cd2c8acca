package uplink

import (
	"time"

	"evcp"
)

// SessionPhase is the phase of a session as it is shown.
type SessionPhase uint8

const (
	// Connecting: Central was asked, or is about to be, and has not answered yet.
	Connecting SessionPhase = iota
	// Registered: Central has accepted.
	Registered
	// Refused: Central rejected the registration and is asked again after RefusalRetry.
	Refused
	// Away: Central can't be reached or does not answer.
	Away
)

var phaseNames = [...]string{"connecting", "registered", "refused", "away"}

// String is the word used in metrics and in the status.
func (p SessionPhase) String() string { return phaseNames[min(int(p), len(phaseNames)-1)] }

// SessionStatus is what is shown of one session.
type SessionStatus struct {
	Phase        SessionPhase
	Since        time.Time
	Pending      int // reports without a receipt
	LastExchange LastExchange
	Next         string // the next message, without its details; "": none until an event
	NextAt       time.Time
}

// LastExchange is the newest message and what came of it; zero when there was none.
type LastExchange struct {
	At      time.Time // when it ended
	Message string
	Repeat  uint32
	Reply   SendResult
}

// Status is what is shown of the session of cp; zero for a charge point that has none.
// Any goroutine may call it.
func (u *Uplink) Status(cp evcp.CPID) SessionStatus {
	i, found := u.find(cp)
	u.mu.Lock()
	defer u.mu.Unlock()
	if !found || !u.known(i) {
		return SessionStatus{}
	}
	s, clock := &u.sessions[i], time.Now()
	now := u.instant(clock)
	status := SessionStatus{Phase: s.phase, Since: u.time(s.since, clock), Pending: s.state.pending(), LastExchange: u.lastExchange(s.last, clock)}
	m, at := u.schedule.Next(s.state, now)
	if m.Operation != NoOperation {
		at = now
	} else if at != 0 {
		m, _ = u.schedule.Next(s.state, at)
	}
	if m.Operation != NoOperation {
		status.Next, status.NextAt = u.o.Codec.Describe(m), u.time(at, clock)
	}
	return status
}

func (u *Uplink) lastExchange(r exchangeRecord, clock time.Time) LastExchange {
	if r.operation == NoOperation {
		return LastExchange{}
	}
	reply := SendResult{Verdict: r.verdict, Received: r.received, Connected: r.connected, Cause: r.cause, Latency: time.Duration(r.latency) * time.Microsecond}
	if r.received {
		reply.Text = r.text
	} else {
		reply.Why = r.text
	}
	return LastExchange{At: u.time(r.at, clock), Message: u.o.Codec.Describe(Outbound{Operation: r.operation, Status: r.status}), Repeat: r.repeat, Reply: reply}
}
