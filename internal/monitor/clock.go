package monitor

import (
	"time"

	"evcp"
)

// clock dates observations: the wall clock as it was at the start, carried on by
// the monotonic one. So a date never runs backwards and a duration between two
// dates is a true one, until the wall clock was set; then the step is told and
// the new time goes on from there.
type clock struct {
	base  time.Time
	wall  evcp.Stamp
	slept time.Duration
}

// setBy is how far wall and monotonic clock must part before it counts as a
// step. Slewing by NTP moves both alike and never gets here.
const setBy = 100 * time.Millisecond

func newClock(now time.Time, slept time.Duration) clock {
	return clock{base: now, wall: evcp.StampOf(now), slept: slept}
}

// stamp is the date of a moment of this process.
func (c *clock) stamp(t time.Time) evcp.Stamp { return c.wall.Add(t.Sub(c.base)) }

// follow compares the clocks and answers by how much the wall clock was set, and
// how long the machine slept; both 0 when neither happened. Time slept is no
// step: the monotonic clock missed it, the wall clock rightly did not.
func (c *clock) follow(now time.Time, slept time.Duration) (step, nap time.Duration) {
	apart := evcp.StampOf(now).Sub(c.stamp(now))
	if slept-c.slept >= setBy {
		nap = slept - c.slept
	}
	step = apart - nap
	if step.Abs() < setBy {
		step = 0
	}
	if step != 0 || nap != 0 {
		c.slept, c.wall = slept, c.wall.Add(apart)
	}
	return step, nap
}
