package outbox

import (
	"context"
	"slices"
	"sort"
	"time"

	"evcp"
)

// Fact is an event that the uplink needs.
type Fact struct {
	Handle int // of its charge point
	Event  evcp.Event
	// Pos is its place in the order of append: rising, and the same after a restart.
	Pos int64
}

// position makes a Pos of the run and the index in it.
func position(run int64, index int) int64 { return run<<20 | int64(index) }

// Facts is the reader for Central: every engine_failed, engine_recovered,
// report_engine_failure and report_engine_recovery that is not settled, in the
// order of append. It never drops one. One goroutine at a time.
type Facts struct {
	o      *Outbox
	wake   chan struct{}
	wanted bool // Central is one of Options.Readers

	// Guarded by the outbox's lock.
	queue []queuedFact   // not handed out yet
	open  []int64        // Fact.Pos of those not settled, handed out or not
	last  int64          // Fact.Pos up to which all is settled
	saved cursorPosition // what the file has
}

type queuedFact struct {
	Fact
	due time.Time // when it is handed out, synced or not
}

func newFacts(o *Outbox) *Facts {
	return &Facts{o: o, wake: make(chan struct{}, 1), wanted: slices.Contains(o.options.Readers, Central)}
}

// Facts is the reader for Central. It hands out nothing unless Central is one of
// Options.Readers: nobody would settle it.
func (o *Outbox) Facts() *Facts { return o.facts }

// add queues a fact that was just appended. The caller holds the lock.
func (f *Facts) add(handle int, e evcp.Event, pos int64) {
	f.queue = append(f.queue, queuedFact{Fact{handle, e, pos}, time.Now().Add(slowDisk)})
	f.open = append(f.open, pos)
	poke(f.wake)
}

// Next waits for facts: each is handed out once it is synced, or 200 ms after its Append.
// A receipt (report_engine_*) is handed out only once it is kept: Central waits for none.
func (f *Facts) Next(ctx context.Context) ([]Fact, error) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		facts, wait := f.take(time.Now())
		if len(facts) > 0 {
			return facts, nil
		}
		timer.Reset(wait)
		select {
		case <-f.wake:
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.o.closed:
			return nil, ErrClosed
		}
	}
}

// Ready is what Next would hand out at once. One goroutine at a time, as Next.
func (f *Facts) Ready() []Fact {
	facts, _ := f.take(time.Now())
	return facts
}

// take hands out what is ready, or returns how long to wait for something.
func (f *Facts) take(now time.Time) (facts []Fact, wait time.Duration) {
	f.o.mu.Lock()
	defer f.o.mu.Unlock()
	left := f.queue[:0]
	wait = time.Hour
	for _, w := range f.queue {
		kept := w.Pos>>20 <= f.o.keptRun
		switch {
		case kept || !w.isReceipt() && !now.Before(w.due):
			facts = append(facts, w.Fact)
			continue
		case !w.isReceipt():
			wait = min(wait, w.due.Sub(now))
		}
		left = append(left, w)
	}
	clear(f.queue[len(left):])
	f.queue = left
	return facts, wait
}

func (w queuedFact) isReceipt() bool {
	return w.Event.Action == evcp.ReportEngineFailure || w.Event.Action == evcp.ReportEngineRecovery
}

// Settle is called when Central has answered everything up to pos.
func (f *Facts) Settle(pos int64) {
	f.o.mu.Lock()
	defer f.o.mu.Unlock()
	f.last = max(f.last, pos)
	n := sort.Search(len(f.open), func(i int) bool { return f.open[i] > pos })
	f.open = f.open[:copy(f.open, f.open[n:])]
}

// position is what is saved in the file. The caller holds the lock.
func (f *Facts) position() cursorPosition {
	return cursorPosition{name: Central, run: f.settled(f.o.keptRun), events: f.last}
}

// settled is the run up to which nothing is open.
func (f *Facts) settled(kept int64) int64 {
	if len(f.open) == 0 {
		return kept
	}
	return min(kept, f.open[0]>>20-1)
}

func (f *Facts) pending() Pending {
	p := Pending{Events: int64(len(f.open))}
	if len(f.open) > 0 && len(f.queue) > 0 && f.queue[0].Pos == f.open[0] {
		p.Oldest = f.queue[0].Event.At
	}
	return p
}

// discard forgets what was not kept when the disk refused.
func (f *Facts) discard(kept int64) {
	end := position(kept+1, 0)
	f.queue = f.queue[:sort.Search(len(f.queue), func(i int) bool { return f.queue[i].Pos >= end })]
	f.open = f.open[:sort.Search(len(f.open), func(i int) bool { return f.open[i] >= end })]
}

// readFacts fills the queue with what the file holds after the settled position.
func (o *Outbox) readFacts(s runStore) error {
	f := o.facts
	if !f.wanted {
		return nil
	}
	f.last = f.saved.events
	return s.eachRun(selectRuns+`reports > 0 AND id > ? ORDER BY id`, func(r runRow) error {
		index := 0
		for line := range r.Each() {
			e, err := evcp.ParseEvent(line)
			if err != nil {
				return contentError(err)
			}
			if pos := position(r.ID, index); pos > f.last && reportable(e.Action) {
				f.queue = append(f.queue, queuedFact{Fact: Fact{o.indexOf(e.CP), e, pos}})
				f.open = append(f.open, pos)
			}
			index++
		}
		return nil
	}, f.saved.run)
}
