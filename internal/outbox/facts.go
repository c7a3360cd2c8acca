package outbox

import (
	"context"
	"slices"
	"sort"
	"time"

	"evcp"
)

// Fact is what the uplink needs of an event. There may be hundreds of thousands, so it is
// small.
type Fact struct {
	// Pos is its place in the order of append: rising, and the same after a restart.
	Pos      int64
	Incident evcp.EventID
	At       evcp.Stamp
	Handle   int32 // of its charge point
	Action   evcp.Action
	Kept     bool // when it was handed out
}

// FactRange is a part of the order of append.
type FactRange struct{ After, UpTo int64 }

// Has reports whether a position is in the part.
func (r FactRange) Has(pos int64) bool { return r.After < pos && pos <= r.UpTo }

// position makes a Pos of the run and the place among its reportable events. Plain OKs don't
// count: they may be given up.
func position(run int64, place int) int64 { return run<<20 | int64(place) }

// Facts is the reader for Central: every engine_failed, engine_recovered,
// report_engine_failure and report_engine_recovery that is not settled, in the
// order of append. It loses those that the outbox gives up at its bound, and says so.
// One goroutine at a time.
type Facts struct {
	o      *Outbox
	wake   chan struct{}
	wanted bool // Central is one of Options.Readers
	began  time.Time

	// Guarded by the outbox's lock.
	queue     []queuedFact   // not handed out yet
	open      int64          // Fact.Pos of the oldest that is not settled, or before it; 0: there is none
	newest    int64          // Fact.Pos of the newest, or after it
	last      int64          // Fact.Pos up to which all is settled
	unsettled int            // of those that were handed out
	givenUp   []FactRange    // at the bound, not told yet
	saved     cursorPosition // what the file has
}

type queuedFact struct {
	Fact
	due time.Duration // since Facts.began, when it is handed out, synced or not
}

// factsAtOnce is how many facts are handed out at once. There are more only at a start.
const factsAtOnce = 1024

func newFacts(o *Outbox) *Facts {
	return &Facts{o: o, wake: make(chan struct{}, 1), wanted: slices.Contains(o.options.Readers, Central), began: time.Now()}
}

// Facts is the reader for Central. It hands out nothing unless Central is one of
// Options.Readers: nobody would settle it.
func (o *Outbox) Facts() *Facts { return o.facts }

// add queues a fact. The caller holds the lock.
func (f *Facts) add(handle int, e *evcp.Event, pos int64, due time.Duration) {
	fact := Fact{Pos: pos, Incident: e.Incident, At: e.At, Handle: int32(handle), Action: e.Action} //nolint:gosec // a process has no 2^31 charge points
	f.queue = append(f.queue, queuedFact{fact, due})
	f.newest = pos
	if f.open == 0 {
		f.open = pos
	}
}

// appended queues a fact that was just appended. The caller holds the lock.
func (f *Facts) appended(handle int, e *evcp.Event, pos int64) {
	f.add(handle, e, pos, time.Since(f.began)+slowDisk)
	poke(f.wake)
}

// Next waits for facts: each is handed out once it is synced, or 200 ms after its Append.
// A receipt (report_engine_*) is handed out only once it is kept: Central waits for none.
// Of what was handed out before, and now, givenUp is what the outbox has given up at its bound.
func (f *Facts) Next(ctx context.Context) (facts []Fact, givenUp []FactRange, err error) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		facts, givenUp, wait := f.take(time.Now())
		if len(facts)+len(givenUp) > 0 {
			return facts, givenUp, nil
		}
		timer.Reset(wait)
		select {
		case <-f.wake:
		case <-timer.C:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-f.o.closed:
			return nil, nil, ErrClosed
		}
	}
}

// Ready is what Next would hand out at once. One goroutine at a time, as Next.
func (f *Facts) Ready() (facts []Fact, givenUp []FactRange) {
	facts, givenUp, _ = f.take(time.Now())
	return facts, givenUp
}

// take hands out what is ready, at most factsAtOnce, or returns how long to wait for something.
func (f *Facts) take(now time.Time) (facts []Fact, givenUp []FactRange, wait time.Duration) {
	f.o.mu.Lock()
	defer f.o.mu.Unlock()
	clock := now.Sub(f.began)
	wait = time.Hour
	read, held := 0, 0
	for ; read < len(f.queue) && len(facts) < factsAtOnce; read++ {
		w := f.queue[read]
		w.Kept = w.Pos>>20 <= f.o.keptRun
		switch {
		case w.Kept || !w.isReceipt() && clock >= w.due:
			facts = append(facts, w.Fact)
			continue
		case !w.isReceipt():
			wait = min(wait, w.due-clock)
		}
		f.queue[held] = w
		held++
	}
	if read == len(f.queue) { // whatever was given up is handed out
		givenUp, f.givenUp = f.givenUp, nil
	}
	copy(f.queue[read-held:], f.queue[:held])
	if f.queue = f.queue[read-held:]; len(f.queue) == 0 {
		f.queue = nil
	}
	return facts, givenUp, wait
}

func (w queuedFact) isReceipt() bool {
	return w.Action == evcp.ReportEngineFailure || w.Action == evcp.ReportEngineRecovery
}

// Settle is called when Central has answered everything up to pos, and of what was handed out
// so many facts are not answered.
func (f *Facts) Settle(pos int64, unsettled int) {
	f.o.mu.Lock()
	defer f.o.mu.Unlock()
	f.last, f.unsettled = max(f.last, pos), unsettled
	switch {
	case f.last >= f.newest:
		f.open = 0
	case f.open <= f.last:
		f.open = f.last + 1
	}
}

// giveUp notes that the outbox has given up the facts of some runs. The caller holds the lock.
func (f *Facts) giveUp(gone FactRange) {
	if n := len(f.givenUp); n > 0 && f.givenUp[n-1].After == gone.After {
		f.givenUp[n-1].UpTo = gone.UpTo
	} else {
		f.givenUp = append(f.givenUp, gone)
	}
	poke(f.wake)
}

// position is what is saved in the file. The caller holds the lock.
func (f *Facts) position() cursorPosition {
	return cursorPosition{name: Central, run: f.settled(f.o.keptRun), events: f.last}
}

// settled is the run up to which nothing is open.
func (f *Facts) settled(kept int64) int64 {
	if f.open == 0 {
		return kept
	}
	return min(kept, f.open>>20-1)
}

func (f *Facts) pending() Pending {
	p := Pending{Events: int64(f.unsettled)}
	for i := range f.queue {
		if w := &f.queue[i]; !w.isReceipt() {
			p.Events++
			if p.Events == 1 {
				p.Oldest = w.At
			}
		}
	}
	return p
}

// discard forgets what was not kept when the disk refused. The caller holds the lock.
func (f *Facts) discard(kept int64) {
	end := position(kept+1, 0)
	f.queue = f.queue[:sort.Search(len(f.queue), func(i int) bool { return f.queue[i].Pos >= end })]
	f.newest = min(f.newest, end-1)
	if f.open >= end {
		f.open = 0
	}
}

// readFacts fills the queue with what the file holds after the settled position.
func (o *Outbox) readFacts(s runStore) error {
	f := o.facts
	if !f.wanted {
		return nil
	}
	f.last = f.saved.events
	return s.eachRun(selectRuns+`reports > 0 AND id > ? ORDER BY id`, func(r runRow) error {
		place := 0
		for line := range r.Each() {
			e, err := evcp.ParseEvent(line)
			if err != nil {
				return contentError(err)
			}
			if !reportable(e.Action) {
				continue
			}
			if pos := position(r.ID, place); pos > f.last {
				f.add(o.indexOf(e.CP), &e, pos, 0)
			}
			place++
		}
		return nil
	}, f.saved.run)
}
