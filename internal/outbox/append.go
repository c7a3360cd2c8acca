package outbox

import (
	"slices"

	"evcp"
)

// Batch is all events of one judgement, and what is known after it.
type Batch struct {
	Generation uint64
	CP         evcp.CPID
	Events     []evcp.Event
	State      evcp.State
}

// Append takes a batch and answers with its ticket: the batch is kept once Kept has
// reached it. It copies everything: the caller may use Events again at once. It never
// waits for the disk. dropped means that too much waits for the disk already: the batch is
// given up, and counted. A batch of an older generation is ignored, and its ticket is
// not reached before its owner has judged it again for the new one.
func (o *Outbox) Append(b Batch) (ticket uint64, dropped bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if b.Generation != o.generation || o.closing {
		return o.ticket + 1, false
	}
	if len(b.Events) == 0 {
		return o.ticket, false
	}
	o.owner.start()
	o.ticket++
	fact := slices.ContainsFunc(b.Events, evcp.Event.Fact)
	if o.overflows(fact) {
		o.drop(b)
		return o.ticket, true
	}
	first := o.pending.empty()
	o.take(b)
	if fact || first {
		o.pending.urgent = o.pending.urgent || fact
		poke(o.committer.wake)
	}
	return o.ticket, false
}

func (o *Outbox) overflows(fact bool) bool {
	waiting := o.pending.bytes + o.committing
	return waiting > factsWaiting || waiting > plainWaiting && !fact
}

// take adds a batch to what is pending.
func (o *Outbox) take(b Batch) {
	p := &o.pending
	r := o.openRun()
	was := len(r.Lines)
	for i := range b.Events {
		if e := &b.Events[i]; reportable(e.Action) && o.facts.wanted {
			o.facts.add(*e, position(r.ID, r.Count+i))
		}
	}
	r.add(b.Events)
	size := len(r.Lines) - was
	p.bytes += size
	o.written.add(total{int64(len(b.Events)), int64(size)})
	r.events, r.bytes = o.written.events, o.written.bytes
	p.states = append(p.states, stateUpdate{o.indexOf(b.CP), b.State})
	p.ticket = o.ticket
	if len(o.tails) > 0 {
		p.events = append(p.events, b.Events...)
	}
}

// openRun is the run that takes the next batch. A new one gets a buffer as large as the
// last run was; readers keep it, so that it can't be used again.
func (o *Outbox) openRun() *runRow {
	p := &o.pending
	if n := len(p.runs); n > 0 && len(p.runs[n-1].Lines) < runSize {
		return p.runs[n-1]
	}
	o.nextRun++
	r := &runRow{Run: Run{ID: o.nextRun, after: o.nextRun - 1, Lines: make([]byte, 0, o.usualSize)}}
	p.runs = append(p.runs, r)
	return r
}

// drop gives up a batch that came while too much waits. The caller holds the lock.
func (o *Outbox) drop(b Batch) {
	for i := range b.Events {
		e := &b.Events[i]
		o.givenUp.addEvent(b.CP, e.ID(), e.Fact(), reasonStuck)
		o.dropped[e.Action]++
	}
	o.pending.ticket = o.ticket
}

// poke wakes whoever waits on a channel of capacity 1, or will soon.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pendingBatch is what was appended and waits for its commit.
type pendingBatch struct {
	runs   []*runRow
	states []stateUpdate
	events []evcp.Event // only while there is a Tail
	ticket uint64       // of the last batch in it
	urgent bool         // it holds a fact
	bytes  int
}

// stateUpdate is the state of a charge point after a batch.
type stateUpdate struct {
	cp    int // place in Outbox.states
	state evcp.State
}

func (p *pendingBatch) empty() bool { return len(p.runs) == 0 }

// reset makes the batch ready for use again. The runs belong to the readers now.
func (p *pendingBatch) reset() {
	clear(p.runs)
	clear(p.events)
	*p = pendingBatch{runs: p.runs[:0], states: p.states[:0], events: p.events[:0]}
}
