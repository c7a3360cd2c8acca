package cpstate

import (
	"slices"
	"time"
)

const (
	// longest is the most silence that is ever waited for.
	longest = 15 * time.Minute
	// learning is waited for while the usual gap is not known yet: a Monitor that
	// beats once a minute must not be called silent after each of its starts.
	learning = time.Minute
)

// pulse learns the usual gap. A gap that a restart of either side is part of is
// nobody's habit; one that Central called silence is, or a slow Monitor would be
// called silent for ever.
func (c CP) pulse(now time.Time) CP {
	if !c.Beat.IsZero() && (c.State != Disconnected || c.Reason == Silent) {
		copy(c.gaps[1:], c.gaps[:len(c.gaps)-1])
		c.gaps[0] = max(now.Sub(c.Beat), 1)
	}
	c.Beat, c.Beats, c.Habit = now, true, true
	return c
}

// Gap is the usual time between its heartbeats: the upper median of the last
// four gaps, so that one long pause teaches nothing and two do. 0 = not known.
func (c CP) Gap() time.Duration {
	known := slices.DeleteFunc(slices.Clone(c.gaps[:]), func(d time.Duration) bool { return d == 0 })
	if len(known) == 0 {
		return 0
	}
	slices.Sort(known)
	return known[len(known)/2]
}

// Patience is how long the charge point may say nothing: three of its usual gaps,
// at least three of the heartbeat that Central expects. 0 = for ever.
func (c CP) Patience(expected time.Duration) time.Duration {
	switch gap := c.Gap(); {
	case !c.Habit:
		return 0
	case gap == 0:
		return min(max(learning, 3*expected), longest)
	default:
		return min(max(3*gap, 3*expected), longest)
	}
}

// Silent judges silence. awake is since when Central itself has been listening
// without a pause: what it slept through was not silence.
func (c CP) Silent(now, awake time.Time, expected time.Duration) CP {
	patience := c.Patience(expected)
	if patience == 0 || c.State == Disconnected || !c.Known() {
		return c
	}
	heard := c.LastSeen
	if awake.After(heard) {
		heard = awake
	}
	if now.Sub(heard) < patience {
		return c
	}
	return c.enter(Disconnected, Silent, now)
}

// Lost judges a connection of its heartbeats that ended a second ago: lost,
// unless a word came since.
func (c CP) Lost(ended time.Time) CP {
	if !c.Known() || c.LastSeen.After(ended) {
		return c
	}
	return c.enter(Disconnected, ConnectionLost, ended)
}

// Restarted is the charge point after a restart of Central: nothing is known
// until it speaks. One that was disconnected keeps its reason.
func (c CP) Restarted(now time.Time) CP {
	c.Beats, c.Beat, c.gaps = c.Habit, time.Time{}, [4]time.Duration{}
	if !c.Known() {
		return c
	}
	return c.enter(Disconnected, CentralRestarted, now)
}

// Unlisted is the charge point after it was taken off the registry.
func (c CP) Unlisted(now time.Time) CP {
	if !c.Known() || c.Reason == NotListed {
		return c
	}
	c.State = Unregistered // leaves whatever was before, also disconnected
	return c.enter(Disconnected, NotListed, now)
}
