package faultproxy

import (
	"testing"
	"time"
)

// TestImpairments says in which direction each holds back what flows, and whether it breaks.
func TestImpairments(t *testing.T) {
	const ms = time.Millisecond
	for name, want := range map[string]struct {
		impairment       Impairment
		up, down, breaks bool
	}{
		"pass":           {impairment: Impairment{}},
		"slow=40ms":      {impairment: Impairment{Kind: Slow, Delay: 40 * ms}},
		"black-hole":     {impairment: Impairment{Kind: BlackHole}, up: true, down: true},
		"hang":           {impairment: Impairment{Kind: Hang}, up: true, down: true},
		"half-open-up":   {impairment: Impairment{Kind: HalfOpenUp}, up: true},
		"half-open-down": {impairment: Impairment{Kind: HalfOpenDown}, down: true},
		"reset":          {impairment: Impairment{Kind: Reset}, breaks: true},
		"refuse":         {impairment: Impairment{Kind: Refuse}, breaks: true},
		"invalid":        {impairment: Impairment{Kind: Refuse + 1}},
	} {
		i := want.impairment
		if i.String() != name || i.holds(true) != want.up || i.holds(false) != want.down || i.breaks() != want.breaks {
			t.Errorf("%s is %s: holds up %t, down %t, breaks %t", name, i, i.holds(true), i.holds(false), i.breaks())
		}
		for _, up := range []bool{true, false} {
			if wait := i.wait(up, 15*ms); i.holds(up) && wait < time.Minute || i.Kind == Slow && wait != 25*ms || !i.holds(up) && i.Kind != Slow && wait != 0 {
				t.Errorf("%s: a chunk that is 15 ms old waits %s more", name, wait)
			}
		}
	}
}
