package monitor

import (
	"container/heap"
	"slices"
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/pace"
)

// monitoredCP is one charge point of a Monitor, owned by Run but for since and next.
type monitoredCP struct {
	cp       evcp.CPID
	handle   int // in the outbox
	state    evcp.State
	grid     pace.Grid
	due      time.Time // the next tick
	begun    bool      // the first check was made
	inFlight bool      // an exchange is under way

	stall       time.Duration // how long the Monitor stood still; not recorded yet
	stallMissed uint32        // ticks missed in that stall

	renumber bool                 // the next event begins a new epoch
	since    atomic.Int64         // a Stamp: see Monitor.Since; read by other goroutines
	next     atomic.Int64         // see meter.mark: the next tick; read by other goroutines
	kept     evcp.State           // after the last event known to be kept
	pending  []pendingObservation // judged after that
	// newIDs are the ids of incidents that were judged again in a new epoch, by the
	// id before. Central may know an incident by the old id, and its receipt names it.
	newIDs map[evcp.EventID]evcp.EventID
}

// pendingObservation is an observation whose events are not kept yet.
type pendingObservation struct {
	ticket      uint64 // of its events in the outbox
	dropped     bool   // the outbox gave its events up, since too much waits for the disk
	observation evcp.Observation
	after       evcp.State
}

// tick handles the tick that is due. It returns whether to check, or how many ticks
// were missed: one noticed too late, or with a check in flight, is not made up for.
func (c *monitoredCP) tick(now time.Time, lone bool) (check bool, missed uint32) {
	due := c.due
	first := lone && !c.begun
	c.begun = true
	c.due = c.grid.After(now)
	if first { // is not on the grid, and can't be late
		c.due = c.grid.AfterFirst(now)
		c.inFlight = true
		return true, 0
	}
	if c.grid.TooLate(due, now) {
		missed = c.grid.Missed(due, now)
		c.stalled(now.Sub(due), missed)
		return false, missed
	}
	if c.inFlight {
		return false, 1
	}
	c.inFlight = true
	return true, 0
}

// stalled notes that the Monitor stood still, and the ticks missed by that. What is
// noted before recordStall is one stall.
func (c *monitoredCP) stalled(gap time.Duration, missed uint32) {
	c.stall = max(c.stall, gap)
	c.stallMissed += missed
}

// addPending adds what may have to be judged again, and removes what is kept now. The
// list is bounded as the outbox is: of what the outbox dropped in a row, it holds the last
// OK and the last failure after it. An OK between failures so ends their streak also when
// they are judged again, and nothing dropped can open an incident.
func (c *monitoredCP) addPending(p pendingObservation, kept uint64) {
	c.removeKept(kept)
	if p.dropped {
		status := p.observation.Outcome.Status
		if p.observation.Kind != evcp.Checked || !status.Countable() {
			return
		}
		for n := len(c.pending) - 1; n >= 0 && c.pending[n].dropped && (status == evcp.OK || c.pending[n].observation.Outcome.Status.Failed()); n-- {
			c.pending = c.pending[:n]
		}
	}
	c.pending = append(c.pending, p)
}

// removeKept removes what is kept now, and the memory that a disk that stood still made
// the list take.
func (c *monitoredCP) removeKept(kept uint64) {
	n := 0
	for n < len(c.pending) && c.pending[n].ticket <= kept {
		c.kept = c.pending[n].after
		n++
	}
	if n == len(c.pending) && n > 64 {
		c.pending = nil
	}
	c.pending = slices.Delete(c.pending, 0, min(n, len(c.pending)))
}

// rollBack returns to the kept state, and begins a new epoch. It returns what was judged
// after that state, to be judged again.
func (c *monitoredCP) rollBack(kept uint64) []pendingObservation {
	c.removeKept(kept)
	again := c.pending
	c.pending, c.state, c.renumber, c.newIDs = nil, c.kept, true, nil
	return again
}

// renumbered notes that an incident has a new id.
func (c *monitoredCP) renumbered(before, now evcp.EventID) {
	if before == now {
		return
	}
	if c.newIDs == nil {
		c.newIDs = map[evcp.EventID]evcp.EventID{}
	}
	c.newIDs[before] = now
}

// currentID is the present id of an incident.
func (c *monitoredCP) currentID(incident evcp.EventID) evcp.EventID {
	if now, ok := c.newIDs[incident]; ok {
		return now
	}
	return incident
}

// tickQueue orders the charge points by due. It is a heap.Interface, but Push and Pop are
// never called: it holds each of them all the time, and is never empty.
type tickQueue struct {
	cps   []monitoredCP
	order []int // a heap of their indices
}

func newTickQueue(cps []monitoredCP) tickQueue {
	q := tickQueue{cps: cps}
	for i := range cps {
		q.order = append(q.order, i)
	}
	heap.Init(&q)
	return q
}

func (q *tickQueue) first() int      { return q.order[0] }
func (q *tickQueue) next() time.Time { return q.cps[q.order[0]].due }

func (q *tickQueue) Len() int           { return len(q.order) }
func (q *tickQueue) Less(i, j int) bool { return q.cps[q.order[i]].due.Before(q.cps[q.order[j]].due) }
func (q *tickQueue) Swap(i, j int)      { q.order[i], q.order[j] = q.order[j], q.order[i] }
func (q *tickQueue) Push(any)           {}
func (q *tickQueue) Pop() any           { return nil }
