package monitor

import (
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/pace"
)

// watch is one charge point as its owner knows it.
type watch struct {
	cp       evcp.CPID
	state    evcp.State
	grid     pace.Grid
	due      time.Time // the next tick
	begun    bool      // the first check has been asked
	inFlight bool

	gap       time.Duration // the Monitor stood still, not told yet
	swallowed uint32        // ticks that the stall swallowed

	renumber bool         // the next event begins a new epoch
	since    atomic.Int64 // a Stamp: when it became what it is; read by others
	kept     evcp.State   // after the last event known to be kept
	pending  []judged     // what came after it
	// renamed are the incidents that were judged again under a new numbering: Central
	// may have been told of one, and its receipt names the old one.
	renamed map[evcp.EventID]evcp.EventID
}

// judged is an observation whose events are on their way to the disk.
type judged struct {
	ticket uint64
	from   evcp.Observation
	after  evcp.State
}

// tick takes the tick that is due and says whether to check, or how many ticks
// were missed. One noticed too late, or with a check in flight, is never made up.
func (w *watch) tick(now time.Time, lone bool) (check bool, missed uint32) {
	due := w.due
	first := lone && !w.begun
	w.begun = true
	w.due = w.grid.After(now)
	if first { // stands outside the grid, and can't be late
		w.due = w.grid.AfterFirst(now)
		w.inFlight = true
		return true, 0
	}
	if w.grid.TooLate(due, now) {
		missed = w.grid.Missed(due, now)
		w.stood(now.Sub(due), missed)
		return false, missed
	}
	if w.inFlight {
		return false, 1
	}
	w.inFlight = true
	return true, 0
}

// stood notes that the Monitor stood still: the check and the ticks of one stall
// are told together.
func (w *watch) stood(gap time.Duration, ticks uint32) {
	w.gap = max(w.gap, gap)
	w.swallowed += ticks
}

// remember keeps what may have to be judged again, and drops what is kept.
func (w *watch) remember(j judged, kept uint64) {
	w.settle(kept)
	w.pending = append(w.pending, j)
}

func (w *watch) settle(kept uint64) {
	n := 0
	for n < len(w.pending) && w.pending[n].ticket <= kept {
		w.kept = w.pending[n].after
		n++
	}
	w.pending = append(w.pending[:0], w.pending[n:]...)
}

// forget returns to the kept state and hands back what was judged since, to be
// judged again under a new numbering.
func (w *watch) forget(kept uint64) []judged {
	w.settle(kept)
	again := w.pending
	w.pending, w.state, w.renumber, w.renamed = nil, w.kept, true, nil
	return again
}

// rename notes that an incident has another name now.
func (w *watch) rename(before, now evcp.EventID) {
	if before == now {
		return
	}
	if w.renamed == nil {
		w.renamed = map[evcp.EventID]evcp.EventID{}
	}
	w.renamed[before] = now
}

// nameOf is what an incident is called now.
func (w *watch) nameOf(incident evcp.EventID) evcp.EventID {
	if now, ok := w.renamed[incident]; ok {
		return now
	}
	return incident
}
