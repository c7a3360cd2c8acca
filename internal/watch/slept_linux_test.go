package watch

import (
	"testing"
	"time"
)

// TestSleptWhileInterrupted: a process that stands still between the clocks at each try knows
// no less than before. With 0 instead, the next reading would be a sleep that there was not.
func TestSleptWhileInterrupted(t *testing.T) {
	const slept = time.Hour
	var now, pause time.Duration // awake, and how long each look at a clock takes
	awake := func() time.Duration { now += pause; return now }
	sinceBegan := func() time.Duration { now += pause; return now + slept }
	var r sleepReader
	for i, p := range []time.Duration{0, 2 * time.Millisecond, time.Second, 0} {
		if pause = p; r.read(sinceBegan, awake) != slept {
			t.Errorf("reading %d, pauses of %s: not %s", i, p, slept)
		}
	}
}
