// Package pace decides when: the next check of a charge point, what became of a
// tick that was noticed late, and how long to wait before trying again. It reads
// no clock and holds no timer.
package pace

import (
	"hash/fnv"
	"time"

	"evcp"
)

// Grid is the fixed rhythm of one charge point: ticks one interval apart whose
// phase comes from the charge point's id, in Unix time. Ten thousand charge
// points are spread over the interval, each keeps its place across restarts, and
// nothing drifts, however long a check takes.
type Grid struct {
	tick     time.Time // some tick, with a monotonic reading
	interval time.Duration
}

// NewGrid maps the phase of cp to the monotonic clock, once. now must come from
// time.Now: its wall clock places the phase, its monotonic reading carries it on.
func NewGrid(cp evcp.CPID, interval time.Duration, now time.Time) Grid {
	past := time.Duration(now.UnixNano() % int64(interval))
	return Grid{tick: now.Add(phase(cp, interval) - past), interval: interval}
}

// phase is where in the interval the ticks of cp lie.
func phase(cp evcp.CPID, interval time.Duration) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(cp))
	return time.Duration(mix(h.Sum64()) % uint64(interval))
}

// mix spreads the hashes of ids that differ only at the end over all bits.
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

// AfterFirst is the first tick after a check at t that stood outside the grid:
// one nearer than half an interval is skipped.
func (g Grid) AfterFirst(t time.Time) time.Time { return g.After(t.Add(g.interval / 2)) }

// TooLate reports whether a tick due then and noticed now is missed: the check
// would no longer stand for its second.
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
