package cpstate

import "time"

const (
	// maxSilence is the longest SilenceTimeout.
	maxSilence = 15 * time.Minute
	// unknownGapTimeout applies while the usual gap is not known yet: a Monitor that
	// sends a heartbeat once a minute must not be called silent after each start.
	unknownGapTimeout = time.Minute
)

// learnGap records the time since the last heartbeat. A gap that contains a restart
// of either side is left out. One that Central called silence is recorded: otherwise
// a slow Monitor would be called silent for ever.
func (c Condition) learnGap(now time.Time) Condition {
	if !c.LastHeartbeat.IsZero() && (c.State != Disconnected || c.Reason == Silent) {
		copy(c.gaps[1:], c.gaps[:len(c.gaps)-1])
		c.gaps[0] = max(now.Sub(c.LastHeartbeat), 1)
	}
	c.LastHeartbeat, c.BeatSinceRegistration, c.SendsHeartbeats, c.EverSentHeartbeats = now, true, true, true
	return c
}

// UsualGap is the usual time between its heartbeats: the upper median of the last
// four gaps, so that one long pause changes nothing and two do. 0 = not known.
func (c Condition) UsualGap() time.Duration {
	g := c.gaps
	if g[2] == 0 { // at most two are known: the larger
		return max(g[0], g[1])
	}
	// The second largest of three or four: an unknown gap is 0 and ranks last.
	return max(min(max(g[0], g[1]), max(g[2], g[3])), min(g[0], g[1]), min(g[2], g[3]))
}

// SilenceTimeout is how long the charge point may send nothing: three of its usual
// gaps, at least three of the heartbeat that Central expects. 0 = for ever.
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

// SilenceDeadline is when the charge point becomes silent, or unverified where it sends
// no heartbeats, unless it sends something before; the zero time is never. listening is
// since when Central itself has received without a pause: time in which Central stood
// still does not count.
func (c Condition) SilenceDeadline(listening time.Time, expected time.Duration) time.Time {
	timeout := c.SilenceTimeout(expected)
	if timeout == 0 && c.Unverified == Verified {
		timeout = maxUnverifiedWait
	}
	if timeout == 0 || c.State == Disconnected || !c.Known() {
		return time.Time{}
	}
	from := c.LastSeen
	if listening.After(from) {
		from = listening
	}
	return from.Add(timeout)
}

// AfterSilence is disconnected (silent) if its SilenceDeadline has passed; one that sends
// no heartbeats is unverified.
func (c Condition) AfterSilence(now, listening time.Time, expected time.Duration) Condition {
	deadline := c.SilenceDeadline(listening, expected)
	if deadline.IsZero() || now.Before(deadline) {
		return c
	}
	if !c.SendsHeartbeats {
		c.Unverified = NoMessage
		return c
	}
	return c.changeState(Disconnected, Silent, now)
}

// AfterConnectionEnd is called a second after the last connection of the group that
// carried its heartbeats ended (package conngroup): the charge point is disconnected
// (connection_lost) unless a message came since.
func (c Condition) AfterConnectionEnd(ended time.Time) Condition {
	if !c.Known() || c.LastSeen.After(ended) {
		return c
	}
	return c.changeState(Disconnected, ConnectionLost, ended)
}

// AfterRestart is the charge point after a restart of Central: disconnected until it
// sends something. One that was disconnected before keeps its reason.
func (c Condition) AfterRestart(now time.Time) Condition {
	c = c.resetHeartbeats(c.SendsHeartbeats)
	if !c.Known() {
		return c
	}
	return c.changeState(Disconnected, CentralRestarted, now)
}

// AfterUnlisting is the charge point after it was removed from the registry.
func (c Condition) AfterUnlisting(now time.Time) Condition {
	if !c.Known() || c.Reason == NotListed {
		return c
	}
	c.State = Unregistered // so that changeState also leaves Disconnected
	return c.changeState(Disconnected, NotListed, now)
}
