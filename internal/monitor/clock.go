package monitor

import (
	"time"

	"evcp"
)

// wallClock dates observations: the wall clock's time at the start plus the time that
// the monotonic clock counted since. So no date is before an earlier one, and the
// difference of two dates is the time elapsed. When the wall clock is set, follow
// returns the step, and dates go on from the new time.
type wallClock struct {
	base  time.Time
	wall  evcp.Stamp
	slept time.Duration
}

// minStep is how far wall and monotonic clock must differ to count as a step. Slewing
// by NTP moves both alike.
const minStep = 100 * time.Millisecond

func newWallClock(now time.Time, slept time.Duration) wallClock {
	return wallClock{base: now, wall: evcp.StampOf(now), slept: slept}
}

// stamp is the date of a moment of this process.
func (c *wallClock) stamp(t time.Time) evcp.Stamp { return c.wall.Add(t.Sub(c.base)) }

// follow compares the clocks and returns by how much the wall clock was set, and how
// long the machine slept, since the last call; each 0 when it did not happen. Time
// slept is no step: it is missing from the monotonic clock, not from the wall clock.
func (c *wallClock) follow(now time.Time, slept time.Duration) (step, sleep time.Duration) {
	difference := evcp.StampOf(now).Sub(c.stamp(now))
	if slept-c.slept >= minStep {
		sleep = slept - c.slept
	}
	step = difference - sleep
	if step.Abs() < minStep {
		step = 0
	}
	if step != 0 || sleep != 0 {
		c.slept, c.wall = slept, c.wall.Add(difference)
	}
	return step, sleep
}
