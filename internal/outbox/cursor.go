package outbox

import (
	"context"
	"errors"
	"slices"

	"evcp"
)

// ErrClosed ends every wait of a reader when the outbox is closed.
var ErrClosed = errors.New("the outbox is closed")

// Cursor is a reader at its own pace. One goroutine at a time.
type Cursor struct {
	o    *Outbox
	name string
	wake chan struct{}

	// Guarded by the outbox's lock.
	at          cursorPosition  // delivered up to here
	saved       cursorPosition  // what the file has
	next        int64           // the last run that was handed out
	out         []Run           // handed out and not delivered, without their lines
	oldest      evcp.Stamp      // of the first event not delivered
	follow      bool            // the position is where the facts are settled
	skippedFrom *cursorPosition // where runs of an unreadable disk were passed over
}

// Cursor is the reader of that name. Its first life begins at the oldest event.
func (o *Outbox) Cursor(name string) *Cursor {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cursor(name)
}

func (o *Outbox) cursor(name string) *Cursor {
	c, ok := o.cursors[name]
	if !ok {
		c = &Cursor{o: o, name: name, wake: make(chan struct{}, 1), at: cursorPosition{name: name}, follow: name == Central}
		o.cursors[name] = c
	}
	return c
}

// Next waits for the run after the last one and hands it out.
func (c *Cursor) Next(ctx context.Context) (Run, error) {
	for {
		run, ok, err := c.TryNext()
		if ok || err != nil {
			return run, err
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return Run{}, ctx.Err()
		case <-c.o.closed:
			return Run{}, ErrClosed
		}
	}
}

// TryNext hands out the next run when there is one. The newest are in memory.
func (c *Cursor) TryNext() (run Run, ok bool, err error) {
	o := c.o
	o.mu.Lock()
	after, end := c.next, o.keptRun
	run, ok = o.recent.after(after)
	o.mu.Unlock()
	switch {
	case ok:
		o.reader.disconnect()
	case after >= end:
		return Run{}, false, nil
	default:
		if run, ok, err = o.readAfter(c, after); !ok {
			return Run{}, false, err
		}
	}
	return run, c.handOut(after, run), nil
}

// handOut notes that a run is on its way. It reports false when the cursor was
// moved meanwhile.
func (c *Cursor) handOut(after int64, run Run) bool {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	if c.next != after {
		return false
	}
	c.next = run.ID
	if len(c.out) == 0 {
		c.oldest = run.First
	}
	run.Lines, run.after = nil, after
	c.out = append(c.out, run)
	return true
}

// Advance says that the receiver has everything up to a run. A run that was not
// handed out since the last Rewind is passed over.
func (c *Cursor) Advance(run int64) {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	n := 0
	for n < len(c.out) && c.out[n].ID <= run {
		c.moveOver(c.out[n])
		n++
	}
	c.out = slices.Delete(c.out, 0, n)
	if len(c.out) > 0 {
		c.oldest = c.out[0].First
	}
}

// moveOver moves the position over a run that is delivered.
func (c *Cursor) moveOver(r Run) {
	gone := r.events - c.at.events - int64(r.Count)
	c.at.run, c.at.events = r.ID, r.events
	c.at.dropped = max(0, c.at.dropped-gone)
	c.oldest = r.Last
}

// Rewind makes Next begin again after the last run that was delivered.
func (c *Cursor) Rewind() {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	c.next, c.out = c.at.run, c.out[:0]
}

// Pending is how many kept events are not delivered, and when the oldest of them
// happened, as far as that is known without reading the file.
func (c *Cursor) Pending() (events int64, oldest evcp.Stamp) {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	return c.pending()
}

func (c *Cursor) pending() (events int64, oldest evcp.Stamp) {
	if c.follow {
		return c.o.facts.pending()
	}
	events = max(0, c.o.keptTotal.events-c.at.events-c.at.dropped)
	if events == 0 {
		return 0, 0
	}
	if run, ok := c.o.recent.after(c.at.run); ok && len(c.out) == 0 {
		return events, run.First
	}
	return events, c.oldest
}

// position is what the file is told. Central's follows the facts.
func (c *Cursor) position() cursorPosition {
	if c.follow {
		c.at.run, c.at.events = c.o.facts.settled(c.o.keptRun), c.o.facts.last
	}
	return c.at
}

// subtract takes into account that events of an undelivered run were dropped.
func (c *Cursor) subtract(run, events int64) {
	if run <= c.at.run {
		return
	}
	c.at.dropped += events
	for i := range c.out {
		if c.out[i].after < run && run <= c.out[i].ID {
			c.out[i].Count -= int(events)
			return
		}
	}
}
