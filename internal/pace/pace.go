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
type Grid struct {
	tick     time.Time // any one tick, with a monotonic reading
	interval time.Duration
}

// NewGrid maps the phase of cp to the monotonic clock. now must come from time.Now: the
// wall clock gives the phase, and later ticks are counted by the monotonic clock.
func NewGrid(cp evcp.CPID, interval time.Duration, now time.Time) Grid {
	past := time.Duration(now.UnixNano() % int64(interval))
	return Grid{tick: now.Add(phase(cp, interval) - past), interval: interval}
}

// phase is the offset of cp's ticks within the interval.
func phase(cp evcp.CPID, interval time.Duration) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(cp))
	return time.Duration(mix(h.Sum64()) % uint64(interval))
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
func (g Grid) After(t time.Time) time.Time {
	n := int64(t.Sub(g.tick) / g.interval)
	next := g.tick.Add(time.Duration(n) * g.interval)
	for !next.After(t) {
		next = next.Add(g.interval)
	}
	return next
}

// AfterFirst is the tick that follows a first check at t off the grid: the first one at
// least half an interval later.
func (g Grid) AfterFirst(t time.Time) time.Time { return g.After(t.Add(g.interval / 2)) }

// TooLate reports whether a tick is missed: noticed more than a tenth of the interval,
// and more than 50 ms, after it was due.
func (g Grid) TooLate(due, now time.Time) bool {
	return now.Sub(due) > max(g.interval/10, 50*time.Millisecond)
}

// Missed is how many ticks from due on have passed at now, due itself included.
func (g Grid) Missed(due, now time.Time) uint32 {
	if now.Before(due) {
		return 0
	}
	return uint32(now.Sub(due)/g.interval) + 1
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
