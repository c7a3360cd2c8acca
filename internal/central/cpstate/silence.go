package cpstate

import (
	"slices"
	"time"
)

const (
	// maxSilence is the most silence that is ever waited for.
	maxSilence = 15 * time.Minute
	// unknownGapTimeout is waited for while the usual gap is not known yet: a Monitor that
	// beats once a minute must not be called silent after each of its starts.
	unknownGapTimeout = time.Minute
)

// learnGap learns the usual gap. A gap that a restart of either side is part of is
// nobody's habit; one that Central called silence is, or a slow Monitor would be
// called silent for ever.
func (c Condition) learnGap(now time.Time) Condition {
	if !c.LastHeartbeat.IsZero() && (c.State != Disconnected || c.Reason == Silent) {
		copy(c.gaps[1:], c.gaps[:len(c.gaps)-1])
		c.gaps[0] = max(now.Sub(c.LastHeartbeat), 1)
	}
	c.LastHeartbeat, c.BeatSinceRegistration, c.SendsHeartbeats = now, true, true
	return c
}

// UsualGap is the usual time between its heartbeats: the upper median of the last
// four gaps, so that one long pause teaches nothing and two do. 0 = not known.
func (c Condition) UsualGap() time.Duration {
	known := slices.DeleteFunc(slices.Clone(c.gaps[:]), func(d time.Duration) bool { return d == 0 })
	if len(known) == 0 {
		return 0
	}
	slices.Sort(known)
	return known[len(known)/2]
}

// SilenceTimeout is how long the charge point may say nothing: three of its usual gaps,
// at least three of the heartbeat that Central expects. 0 = for ever.
func (c Condition) SilenceTimeout(expected time.Duration) time.Duration {
	switch gap := c.UsualGap(); {
	case !c.SendsHeartbeats:
		return 0
	case gap == 0:
		return min(max(unknownGapTimeout, 3*expected), maxSilence)
	default:
		return min(max(3*gap, 3*expected), maxSilence)
	}
}

// AfterSilence judges silence. awake is since when Central itself has been listening
// without a pause: what it slept through was not silence.
func (c Condition) AfterSilence(now, awake time.Time, expected time.Duration) Condition {
	patience := c.SilenceTimeout(expected)
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
	return c.changeState(Disconnected, Silent, now)
}

// AfterConnectionEnd judges a connection of its heartbeats that ended a second ago: lost,
// unless a word came since.
func (c Condition) AfterConnectionEnd(ended time.Time) Condition {
	if !c.Known() || c.LastSeen.After(ended) {
		return c
	}
	return c.changeState(Disconnected, ConnectionLost, ended)
}

// AfterRestart is the charge point after a restart of Central: nothing is known
// until it speaks. One that was disconnected keeps its reason.
func (c Condition) AfterRestart(now time.Time) Condition {
	c.BeatSinceRegistration, c.LastHeartbeat, c.gaps = c.SendsHeartbeats, time.Time{}, [4]time.Duration{}
	if !c.Known() {
		return c
	}
	return c.changeState(Disconnected, CentralRestarted, now)
}

// AfterUnlisting is the charge point after it was taken off the registry.
func (c Condition) AfterUnlisting(now time.Time) Condition {
	if !c.Known() || c.Reason == NotListed {
		return c
	}
	c.State = Unregistered // leaves whatever was before, also disconnected
	return c.changeState(Disconnected, NotListed, now)
}
