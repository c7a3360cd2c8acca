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

// newWallClock begins at the present moment.
func newWallClock(now time.Time, slept time.Duration) wallClock {
	c := wallClock{base: now, wall: evcp.StampOf(now), slept: slept}
	c.wall = c.wall.Add(settled(0, c.differenceNow))
	return c
}

// stamp is the date of a moment of this process.
func (c *wallClock) stamp(t time.Time) evcp.Stamp { return c.wall.Add(t.Sub(c.base)) }

// follow compares the clocks and returns by how much the wall clock was set, and how
// long the machine slept, since the last call; each 0 when it did not happen. Time
// slept is no step: it is missing from the monotonic clock, not from the wall clock.
func (c *wallClock) follow(now time.Time, slept time.Duration) (step, sleep time.Duration) {
	difference := c.difference(now)
	if slept-c.slept >= minStep {
		sleep = slept - c.slept
	}
	step = difference - sleep
	if step.Abs() >= minStep {
		difference = settled(difference, c.differenceNow)
		step = difference - sleep
	}
	if step.Abs() < minStep {
		step = 0
	}
	if step != 0 || sleep != 0 {
		c.slept, c.wall = slept, c.wall.Add(difference)
	}
	return step, sleep
}

// difference is how far the wall clock is before the dates that stamp gives.
func (c *wallClock) difference(now time.Time) time.Duration {
	return evcp.StampOf(now).Sub(c.stamp(now))
}

func (c *wallClock) differenceNow() time.Duration { return c.difference(time.Now()) }

// maxReadings bounds how often the clocks are read for one comparison.
const maxReadings = 16

// settled reads the difference of two clocks until two readings in a row agree. time.Now
// reads one clock after the other: a process that is interrupted in between sees a difference
// that there is not.
func settled(difference time.Duration, read func() time.Duration) time.Duration {
	for range maxReadings {
		again := read()
		if (again - difference).Abs() < minStep/10 {
			return again
		}
		difference = again
	}
	return difference
}
