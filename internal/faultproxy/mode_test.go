package faultproxy

import (
	"testing"
	"time"
)

// TestModes says in which direction each holds back what flows, and whether it cuts.
func TestModes(t *testing.T) {
	const ms = time.Millisecond
	for said, want := range map[string]struct {
		mode           Impairment
		up, down, cuts bool
	}{
		"pass":      {mode: Impairment{}},
		"slow=40ms": {mode: Impairment{Kind: Slow, Delay: 40 * ms}},
		"hole":      {mode: Impairment{Kind: BlackHole}, up: true, down: true},
		"hang":      {mode: Impairment{Kind: Hang}, up: true, down: true},
		"deaf-up":   {mode: Impairment{Kind: HalfOpenUp}, up: true},
		"deaf-down": {mode: Impairment{Kind: HalfOpenDown}, down: true},
		"reset":     {mode: Impairment{Kind: Reset}, cuts: true},
		"refuse":    {mode: Impairment{Kind: Refuse}, cuts: true},
		"invalid":   {mode: Impairment{Kind: Refuse + 1}},
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
