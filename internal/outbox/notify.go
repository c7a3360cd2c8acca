package outbox

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"evcp"
)

// ownerCalls calls the owner back, from its own goroutine and one call at a time. It
// waits for the first Append: before that the owner may not be complete.
type ownerCalls struct {
	options Options
	ready   chan struct{}
	once    sync.Once
	wake    chan struct{}
	stop    chan struct{}
	done    chan struct{}

	mu    sync.Mutex
	calls []func()
}

func newOwnerCalls(o Options) *ownerCalls {
	return &ownerCalls{
		options: o, ready: make(chan struct{}), wake: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
}

func (n *ownerCalls) run() {
	defer close(n.done)
	select {
	case <-n.ready:
	case <-n.stop:
		return
	}
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

func (n *ownerCalls) start() { n.once.Do(func() { close(n.ready) }) }
func (n *ownerCalls) close() { close(n.stop) }

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
	// C carries the batches. They are shared by all tails: read only.
	C       <-chan []evcp.Event
	o       *Outbox
	c       chan []evcp.Event
	dropped atomic.Uint64
}

// Tail opens a live tail that holds at most buffer batches for its reader.
func (o *Outbox) Tail(buffer int) *Tail {
	c := make(chan []evcp.Event, max(1, buffer))
	t := &Tail{C: c, o: o, c: c}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tails = append(o.tails, t)
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

// Next waits for a batch. After Close of the outbox it hands out what is left.
func (t *Tail) Next(ctx context.Context) ([]evcp.Event, error) {
	select {
	case batch := <-t.c:
		return batch, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.o.closed:
	}
	select {
	case batch := <-t.c:
		return batch, nil
	default:
		return nil, ErrClosed
	}
}

// Dropped is how many events the reader has lost.
func (t *Tail) Dropped() uint64 { return t.dropped.Load() }

// Close ends the tail. C stays open: nothing more comes.
func (t *Tail) Close() {
	t.o.mu.Lock()
	defer t.o.mu.Unlock()
	t.o.tails = slices.DeleteFunc(t.o.tails, func(other *Tail) bool { return other == t })
}
