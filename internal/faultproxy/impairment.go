package faultproxy

import (
	"fmt"
	"time"
)

// ImpairmentKind says what a link does with traffic.
type ImpairmentKind uint8

const (
	// Pass: everything goes through at once. The zero ImpairmentKind.
	Pass ImpairmentKind = iota
	// Slow: every chunk arrives Delay after it was sent, in both directions.
	Slow
	// BlackHole: connections are accepted and kept, and carry nothing. What was sent
	// arrives when the impairment ends, as after a route that came back.
	BlackHole
	// Hang: a BlackHole that does not answer new connections either: the SYN is dropped.
	Hang
	// HalfOpenUp: what the client sends does not arrive; the other direction passes.
	HalfOpenUp
	// HalfOpenDown: what the target sends does not arrive; the other direction passes.
	HalfOpenDown
	// Reset: every connection, open or new, is broken with an RST.
	Reset
	// Refuse: open connections are broken with an RST, and nobody listens.
	Refuse
)

var kindNames = [...]string{"pass", "slow", "black-hole", "hang", "half-open-up", "half-open-down", "reset", "refuse"}

// String is the name of k in plans and tables.
func (k ImpairmentKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// Impairment is what a link does now. The zero Impairment passes everything.
type Impairment struct {
	Kind  ImpairmentKind
	Delay time.Duration // Slow: of each chunk, one way
}

// String is its form in plans: "slow=40ms".
func (i Impairment) String() string {
	if i.Kind == Slow {
		return fmt.Sprintf("%s=%s", i.Kind, i.Delay)
	}
	return i.Kind.String()
}

// wait is how much longer a chunk of that age is held back; 0 or less lets it pass.
func (i Impairment) wait(up bool, age time.Duration) time.Duration {
	switch {
	case i.holds(up):
		return untilChanged
	case i.Kind == Slow:
		return i.Delay - age
	default:
		return 0
	}
}

// untilChanged outlasts any impairment; wait is asked again after it.
const untilChanged = time.Hour

// holds reports whether that direction carries nothing.
func (i Impairment) holds(up bool) bool {
	switch i.Kind {
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

// breaks reports whether no connection stays open.
func (i Impairment) breaks() bool { return i.Kind == Reset || i.Kind == Refuse }
