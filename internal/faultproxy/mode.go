package faultproxy

import (
	"fmt"
	"time"
)

// ImpairmentKind says what a link does with what is sent over it.
type ImpairmentKind uint8

const (
	// Pass: everything goes through at once. The zero Kind.
	Pass ImpairmentKind = iota
	// Slow: every chunk arrives Delay after it was sent, in both directions.
	Slow
	// BlackHole: connections are kept and accepted, and carry nothing. What was sent
	// arrives when the hole is over, as after a route that came back.
	BlackHole
	// Hang: a Hole that does not even answer new connections.
	Hang
	// HalfOpenUp: half-open; what the client sends does not arrive.
	HalfOpenUp
	// HalfOpenDown: half-open; the client's words arrive, the answers do not.
	HalfOpenDown
	// Reset: every connection, open or new, is broken off (RST).
	Reset
	// Refuse: open connections are broken off and nobody listens.
	Refuse
)

var kindNames = [...]string{"pass", "slow", "hole", "hang", "deaf-up", "deaf-down", "reset", "refuse"}

// String is the word for k in schedules and tables.
func (k ImpairmentKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// Impairment is what a link does now. The zero Mode passes everything.
type Impairment struct {
	Kind  ImpairmentKind
	Delay time.Duration // Slow: for each chunk, one way
}

// String is the mode as it stands in a schedule: "slow=40ms".
func (m Impairment) String() string {
	if m.Kind == Slow {
		return fmt.Sprintf("%s=%s", m.Kind, m.Delay)
	}
	return m.Kind.String()
}

// wait is how much longer something waits that came so long ago; 0 or less: it
// passes.
func (m Impairment) wait(up bool, ago time.Duration) time.Duration {
	switch {
	case m.holds(up):
		return untilChanged
	case m.Kind == Slow:
		return m.Delay - ago
	default:
		return 0
	}
}

// untilChanged is long enough for any mode; who waits looks again after it.
const untilChanged = time.Hour

// holds reports whether what flows that way is held back.
func (m Impairment) holds(up bool) bool {
	switch m.Kind {
	case BlackHole, Hang:
		return true
	case HalfOpenUp:
		return up
	case HalfOpenDown:
		return !up
	default:
		return false
	}
}

// cuts reports whether no connection stays open.
func (m Impairment) cuts() bool { return m.Kind == Reset || m.Kind == Refuse }
