package faultproxy

import (
	"testing"
	"time"
)

// TestModes says in which direction each holds back what flows, and whether it cuts.
func TestModes(t *testing.T) {
	const ms = time.Millisecond
	for said, want := range map[string]struct {
		mode           Mode
		up, down, cuts bool
	}{
		"pass":      {mode: Mode{}},
		"slow=40ms": {mode: Mode{Kind: Slow, Delay: 40 * ms}},
		"hole":      {mode: Mode{Kind: Hole}, up: true, down: true},
		"hang":      {mode: Mode{Kind: Hang}, up: true, down: true},
		"deaf-up":   {mode: Mode{Kind: DeafUp}, up: true},
		"deaf-down": {mode: Mode{Kind: DeafDown}, down: true},
		"reset":     {mode: Mode{Kind: Reset}, cuts: true},
		"refuse":    {mode: Mode{Kind: Refuse}, cuts: true},
		"invalid":   {mode: Mode{Kind: Refuse + 1}},
	} {
		m := want.mode
		if m.String() != said || m.holds(true) != want.up || m.holds(false) != want.down || m.cuts() != want.cuts {
			t.Errorf("%s is %s: holds up %t, down %t, cuts %t", said, m, m.holds(true), m.holds(false), m.cuts())
		}
		for _, up := range []bool{true, false} {
			if wait := m.wait(up, 15*ms); m.holds(up) && wait < time.Minute || m.Kind == Slow && wait != 25*ms || !m.holds(up) && m.Kind != Slow && wait != 0 {
				t.Errorf("%s: what came 15 ms ago waits %s more", said, wait)
			}
		}
	}
}
