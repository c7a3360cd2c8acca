package monitor

import (
	"time"

	"evcp"
	"evcp/internal/pace"
)

// monitoredCP is one charge point of a shard.
type monitoredCP struct {
	cp     evcp.CPID
	policy *evcp.Policy // shared by many charge points
	state  evcp.State
	phase  time.Duration // of its ticks
	since  evcp.Stamp    // see Monitor.Since
	handle int32         // in the outbox

	stall       time.Duration // how long the Monitor stood still; not recorded yet
	stallMissed uint32        // ticks missed in that stall

	begun      bool  // the first check was made
	inFlight   bool  // an exchange is under way
	renumber   bool  // the next event begins a new epoch
	released   bool  // nothing is asked or judged any more; its last events are not kept yet
	rechecks   uint8 // so many checks come soon: see Options.RecheckAfter
	soon       bool  // the next check is one of them, and not at a tick
	rechecking bool  // the exchange under way is such a check
}

func (c *monitoredCP) grid() pace.Grid {
	return pace.Grid{Phase: c.phase, Interval: c.policy.Interval}
}

// checkKind says what is asked at a moment that is due.
type checkKind uint8

const (
	noCheck      checkKind = iota
	onTick                 // a check at its tick; how late it is counts
	betweenTicks           // the first check of a lone Monitor, or one that comes soon after a failure
)

// tick handles a moment that is due. It returns what to ask, how many ticks were missed,
// and the next tick. A tick that is noticed too late, or with a check in flight, is not
// made up for.
func (c *monitoredCP) tick(due, now time.Duration, lone bool) (check checkKind, missed uint32, next time.Duration) {
	grid := c.grid()
	first, soon := lone && !c.begun, c.soon
	c.begun, c.soon = true, false
	switch {
	case first: // is not on the grid, and can't be late
		check, next = betweenTicks, grid.AfterFirst(now)
	case grid.TooLate(due, now):
		if missed = grid.Missed(due, now); soon { // due was no tick: those after it count
			missed = grid.Missed(grid.After(due), now)
		}
		c.rechecks = 0
		c.stalled(now-due, missed)
		return noCheck, missed, grid.After(now)
	case c.inFlight:
		if !soon && !c.rechecking {
			missed = 1
		}
		return noCheck, missed, grid.After(now)
	case soon:
		c.rechecking = true
		check, next = betweenTicks, grid.After(now)
	default:
		check, next = onTick, grid.After(now)
	}
	c.inFlight = true
	return check, 0, next
}

// stalled notes that the Monitor stood still, and the ticks missed by that. What is
// noted before recordStall is one stall.
func (c *monitoredCP) stalled(gap time.Duration, missed uint32) {
	c.stall = max(c.stall, gap)
	c.stallMissed += missed
}

// recheckCount is how many checks come soon after a first failure.
const recheckCount = 2

// checked notes the outcome of a check, and reports whether the next one comes soon.
func (c *monitoredCP) checked(o evcp.Outcome) (soon bool) {
	switch {
	case o.Status == evcp.OK || c.state.Incident.Open:
		c.rechecks = 0
	case o.Status.Failed() && c.state.Failures == 1:
		c.rechecks = recheckCount
	}
	if c.rechecks == 0 {
		return false
	}
	c.rechecks--
	return true
}
