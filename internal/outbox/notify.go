package outbox

import (
	"sync"
	"sync/atomic"

	"evcp"
)

// ownerCalls calls the owner back, from its own goroutine and one call at a time. It
// waits for the first Append: before that the owner may not be complete.
type ownerCalls struct {
	options Options
	once    sync.Once // start, or close without one
	wake    chan struct{}
	stop    chan struct{} // that of the outbox
	done    chan struct{}

	mu    sync.Mutex
	calls []func()
}

func (n *ownerCalls) run() {
	defer close(n.done)
	for {
		for _, call := range n.take() {
			call()
		}
		select {
		case <-n.wake:
		case <-n.stop:
			return
		}
	}
}

func (n *ownerCalls) take() []func() {
	n.mu.Lock()
	defer n.mu.Unlock()
	calls := n.calls
	n.calls = nil
	return calls
}

func (n *ownerCalls) add(call func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, call)
	poke(n.wake)
}

func (n *ownerCalls) start() { n.once.Do(func() { go n.run() }) }

// close makes done close, soon after stop.
func (n *ownerCalls) close() { n.once.Do(func() { close(n.done) }) }

func (n *ownerCalls) refused(generation uint64, err error) {
	if f := n.options.Refused; f != nil {
		n.add(func() { f(generation, err) })
	}
}

func (n *ownerCalls) recovered(aside string) {
	if f := n.options.Recovered; f != nil {
		n.add(func() { f(aside) })
	}
}

func (n *ownerCalls) logHeld(held bool, bytes int64) {
	if f := n.options.LogHeld; f != nil {
		n.add(func() { f(held, bytes) })
	}
}

func (n *ownerCalls) failed(err error) {
	if f := n.options.Failed; f != nil {
		n.add(func() { f(err) })
	}
}

func (n *ownerCalls) dropped(l dropSet) {
	if f := n.options.Observe; f != nil && len(l) > 0 {
		n.add(func() {
			for _, d := range l.sorted() {
				f(d.observation())
			}
		})
	}
}

// Tail hands out what is kept from when it was opened on, commit by commit. It is
// bounded: a reader that does not keep up loses batches, and their events are counted.
type Tail struct {
	// C carries the batches and is never closed. They are shared by all tails: read only.
	C       <-chan []evcp.Event
	c       chan []evcp.Event
	dropped atomic.Uint64
}

// Tail opens a live tail that holds at most buffer batches for its reader. One of changes
// leaves out each OK that follows an OK of the same charge point, which nearly every event is.
// Beside a tail of everything it gets everything.
func (o *Outbox) Tail(buffer int, changes bool) *Tail {
	c := make(chan []evcp.Event, max(1, buffer))
	t := &Tail{C: c, c: c}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tails, o.tailsWantAll = append(o.tails, t), o.tailsWantAll || !changes
	return t
}

// offer never waits.
func (t *Tail) offer(batch []evcp.Event) {
	select {
	case t.c <- batch:
	default:
		t.dropped.Add(uint64(len(batch)))
	}
}

// Dropped is how many events the reader has lost.
func (t *Tail) Dropped() uint64 { return t.dropped.Load() }
