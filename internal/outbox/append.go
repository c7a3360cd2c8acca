package outbox

import "evcp"

// Batch is what one owner judged since its last batch. A charge point has one owner.
type Batch struct {
	Generation uint64
	Events     []evcp.Event
	Judged     []Judged // whose Events these are, in the same order
}

// Judged is one judgement of a batch.
type Judged struct {
	Handle  int // of the charge point
	Events  int // how many of Batch.Events it made, at least 1
	State   evcp.State
	Dropped bool // set by Append: too much waits for the disk, so its events were given up, and counted
}

// Appended is the answer of Append.
type Appended struct {
	Ticket uint64 // the batch is kept once Kept has reached it
	// Kept is the ticket up to which everything of the batch's generation is kept.
	Kept    uint64
	Dropped bool // at least one judgement was
}

// never is the ticket of a batch that was ignored.
const never = ^uint64(0)

// Append takes a batch. It copies everything: the caller may use the slices again at
// once. It never waits for the disk. A batch of an older generation is ignored: its owner
// judges it again for the new one.
func (o *Outbox) Append(b Batch) (a Appended) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a.Kept = o.keptIn(b.Generation)
	if b.Generation != o.generation || o.closing {
		a.Ticket = never
		return a
	}
	if len(b.Judged) == 0 {
		a.Ticket = o.ticket
		return a
	}
	o.owner.start()
	o.ticket++
	a.Ticket, o.pending.ticket = o.ticket, o.ticket
	first, before, from := o.pending.empty(), o.pending.urgency, 0
	for i := range b.Judged {
		j := &b.Judged[i]
		events := b.Events[from : from+j.Events]
		from += j.Events
		judged := urgencyOf(events)
		if j.Dropped = o.overflows(judged > urgencyPlain); j.Dropped {
			a.Dropped = true
			o.drop(events)
		} else {
			o.take(j.Handle, events)
			o.pending.urgency = max(o.pending.urgency, judged)
		}
		o.pending.states = append(o.pending.states, stateUpdate{j.Handle, j.State})
	}
	if !o.pending.empty() && (first || o.pending.urgency > before) {
		poke(o.committer.wake)
	}
	return a
}

// urgency is how soon events are committed.
type urgency uint8

const (
	urgencyPlain       urgency = iota // OKs: within Options.SyncEvery
	urgencyFailedCheck                // synced, within failedCheckWait: in an outage of thousands there are some at every moment
	urgencyFact                       // any other: synced at once
)

func urgencyOf(events []evcp.Event) urgency {
	u := urgencyPlain
	for i := range events {
		switch e := &events[i]; {
		case !e.Fact():
		case e.Action == evcp.HealthCheck:
			u = max(u, urgencyFailedCheck)
		default:
			return urgencyFact
		}
	}
	return u
}

func (o *Outbox) overflows(fact bool) bool {
	waiting := o.pending.bytes + o.committing
	return waiting > factsWaiting || waiting > plainWaiting && !fact
}

// take adds the events of one judgement to what is pending.
func (o *Outbox) take(handle int, events []evcp.Event) {
	p := &o.pending
	r := o.openRun()
	was := r.encoder.size
	place := r.reports
	for i := range events {
		if e := &events[i]; reportable(e.Action) && o.facts.wanted {
			o.facts.appended(handle, e, position(r.ID, place))
			place++
		}
	}
	r.add(events)
	size := r.encoder.size - was
	p.bytes += size
	o.written.add(total{int64(len(events)), int64(size)})
	r.events, r.bytes = o.written.events, o.written.bytes
	if len(o.tails) > 0 && o.forTails(handle, events) {
		p.events = append(p.events, events...)
	}
}

// forTails reports whether a Tail wants the events of a judgement.
func (o *Outbox) forTails(handle int, events []evcp.Event) bool {
	s := &o.states[handle]
	again := s.wasOK && len(events) == 1 && !events[0].Fact()
	s.wasOK = !events[len(events)-1].Fact()
	return o.tailsWantAll || !again
}

// openRun is the run that takes the next judgement. A new one gets a body of the size that
// the first run of the last commit came to; readers keep it, so that it can't be used again.
func (o *Outbox) openRun() *runRow {
	p := &o.pending
	if n := len(p.runs); n > 0 && p.runs[n-1].encoder.size < runSize {
		return p.runs[n-1]
	}
	o.nextRun++
	r := &runRow{Run: Run{ID: o.nextRun, after: o.nextRun - 1, body: make([]byte, 0, o.usualBody+o.usualBody/8)}}
	p.runs = append(p.runs, r)
	return r
}

// drop gives up the events of a judgement that came while too much waits. Its State goes
// on: the events that follow are numbered from it. The caller holds the lock.
func (o *Outbox) drop(events []evcp.Event) {
	for i := range events {
		e := &events[i]
		o.givenUp.addEvent(e.CP, e.ID(), e.Fact(), reasonStuck)
		o.dropped[e.Action]++
	}
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
	runs    []*runRow
	states  []stateUpdate
	events  []evcp.Event // only while there is a Tail
	ticket  uint64       // of the last batch in it
	urgency urgency      // of its most urgent event
	bytes   int
}

// stateUpdate is the state of a charge point after a judgement.
type stateUpdate struct {
	handle int
	state  evcp.State
}

func (p *pendingBatch) empty() bool { return len(p.runs) == 0 }

// reset makes the batch ready for use again. The runs belong to the readers now.
func (p *pendingBatch) reset() {
	*p = pendingBatch{runs: emptied(p.runs), states: emptied(p.states), events: emptied(p.events)}
}

// emptied is the slice without its elements. A slice that was much larger once gives its
// memory back: a disk that stood still must not cost it for good.
func emptied[T any](s []T) []T {
	const usual = 64
	if cap(s) > max(usual, 4*len(s)) {
		return nil
	}
	clear(s)
	return s[:0]
}
