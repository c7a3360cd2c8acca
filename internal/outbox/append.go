package outbox

import "evcp"

// Batch is all events of one judgement, and what is known after it.
type Batch struct {
	Generation uint64
	CP         evcp.CPID
	Events     []evcp.Event
	State      evcp.State
}

// Append takes a batch and answers with its ticket. It copies everything: the
// caller may use Events again at once. It never waits for the disk. A batch of an
// older generation is void and ignored.
func (o *Outbox) Append(b Batch) (ticket uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if b.Generation != o.generation || o.closing || len(b.Events) == 0 {
		return o.ticket
	}
	o.notifier.start()
	o.ticket++
	fact := anyFact(b.Events)
	if o.overflows(fact) {
		o.drop(b)
		return o.ticket
	}
	first := o.pending.empty()
	o.take(b)
	if fact || first {
		o.pending.urgent = o.pending.urgent || fact
		poke(o.committer.wake)
	}
	return o.ticket
}

func (o *Outbox) overflows(fact bool) bool {
	waiting := o.pending.bytes + o.committing
	return waiting > factsWaiting || waiting > plainWaiting && !fact
}

// take puts a batch into the load.
func (o *Outbox) take(b Batch) {
	l := &o.pending
	c := o.openRun()
	was := len(c.Lines)
	for i := range b.Events {
		o.notice(&b.Events[i], c.ID, c.Count+i)
	}
	c.add(b.Events)
	size := len(c.Lines) - was
	l.bytes += size
	o.written.events += int64(len(b.Events))
	o.written.bytes += int64(size)
	c.events, c.bytes = o.written.events, o.written.bytes
	l.states = append(l.states, stateUpdate{o.indexOf(b.CP), b.State})
	l.ticket = o.ticket
	if len(o.tails) > 0 {
		l.events = append(l.events, b.Events...)
	}
}

// notice looks for the events that somebody in here waits for.
func (o *Outbox) notice(e *evcp.Event, run int64, index int) {
	switch {
	case e.Action == evcp.EventsDropped:
		o.pending.dropEvents = append(o.pending.dropEvents, *e)
	case reportable(e.Action) && o.facts.wanted:
		o.facts.add(*e, position(run, index))
	}
}

// openRun is the one in the making. Its buffer is made as large as the last one
// was: it stays with the readers, so there is nothing to use again.
func (o *Outbox) openRun() *pendingRun {
	l := &o.pending
	if n := len(l.runs); n > 0 && len(l.runs[n-1].Lines) < runSize {
		return l.runs[n-1]
	}
	o.nextRun++
	c := &pendingRun{Run: Run{ID: o.nextRun, after: o.nextRun - 1, Lines: make([]byte, 0, o.usualSize)}}
	l.runs = append(l.runs, c)
	return c
}

// indexOf is the number of a charge point in known.
func (o *Outbox) indexOf(cp evcp.CPID) int {
	p, ok := o.index[cp]
	if !ok {
		p = len(o.states)
		o.index[cp] = p
		o.states = append(o.states, keptState{cp: cp})
	}
	return p
}

// poke wakes whoever waits on a channel of capacity 1, or will soon.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
