// Package pace decides when the next check of a charge point is due, whether a tick
// noticed late is missed, and how long to wait before the next attempt after a
// failure. It reads no clock and holds no timer.
package pace

import (
	"hash/fnv"
	"time"

	"evcp"
)

// Grid is the ticks of one charge point: one interval apart in Unix time, with a phase
// from the hash of its id. So charge points are spread over the interval, each keeps
// its phase across restarts, and the ticks don't drift, however long a check takes.
//
// Its times are counted from a moment that the owner chooses for all its charge points.
type Grid struct {
	Phase    time.Duration // the first tick that is not before that moment
	Interval time.Duration
}

// NewGrid maps the phase of cp to the monotonic clock. start must come from time.Now: the
// wall clock gives the phase, and later ticks are counted from start by the monotonic clock.
func NewGrid(cp evcp.CPID, interval time.Duration, start time.Time) Grid {
	past := time.Duration(start.UnixNano() % int64(interval))
	first := phase(cp, interval) - past
	if first < 0 {
		first += interval
	}
	return Grid{Phase: first, Interval: interval}
}

// Step is what phases are whole multiples of: a driver that looks at its sockets so often
// makes no check late by that, and charge points share its wake-ups.
const Step = 10 * time.Millisecond

// phase is the offset of cp's ticks within the interval.
func phase(cp evcp.CPID, interval time.Duration) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(cp))
	return time.Duration(mix(h.Sum64()) % uint64(interval)).Truncate(Step)
}

// mix spreads hashes over all bits: those of ids that differ only at the end are close.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// After is the first tick later than t.
func (g Grid) After(t time.Duration) time.Duration {
	past := (t - g.Phase) % g.Interval // since the tick before
	if past < 0 {
		past += g.Interval
	}
	return t - past + g.Interval
}

// AfterFirst is the tick that follows a first check at t off the grid: the first one at
// least half an interval later.
func (g Grid) AfterFirst(t time.Duration) time.Duration { return g.After(t + g.Interval/2) }

// TooLate reports whether a tick is missed: noticed more than a tenth of the interval,
// and more than 50 ms, after it was due.
func (g Grid) TooLate(due, now time.Duration) bool {
	return now-due > max(g.Interval/10, 50*time.Millisecond)
}

// Missed is how many ticks from due on have passed at now, due itself included.
func (g Grid) Missed(due, now time.Duration) uint32 {
	if now < due {
		return 0
	}
	return uint32((now-due)/g.Interval) + 1
}

// Backoff is an exponential backoff with full jitter: the upper bound of the delay doubles
// with each failure, and the delay is random below it. So many Monitors that lost the
// same Central do not reconnect at the same moment.
type Backoff struct {
	First time.Duration // upper bound of the first delay
	Cap   time.Duration // upper bound of every delay
}

// CentralBackoff is the Backoff towards Central.
var CentralBackoff = Backoff{First: 500 * time.Millisecond, Cap: 5 * time.Second}

// Delay is how long to wait after that many failures in a row, from 1. random is a
// number in [0, 1); 1 gives the upper bound.
func (b Backoff) Delay(failures int, random float64) time.Duration {
	most := b.Cap
	if failures < 32 {
		most = min(b.Cap, b.First<<max(failures-1, 0))
	}
	return time.Duration(random * float64(most))
}
