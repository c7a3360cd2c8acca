package outbox

import (
	"context"
	"slices"
	"sync/atomic"

	"evcp"
)

// Tail is the live end of the history: what was kept since it was opened, batch
// by batch. It is bounded; a reader that does not keep up loses batches, and they
// are counted.
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
