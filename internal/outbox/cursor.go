package outbox

import (
	"context"
	"errors"
	"slices"
	"time"

	"evcp"
	"evcp/internal/sqlite"
)

// ErrClosed ends every wait of a reader when the outbox is closed.
var ErrClosed = errors.New("the outbox is closed")

// Cursor reads the kept runs at its own pace. One goroutine at a time.
type Cursor struct {
	o    *Outbox
	name string
	wake chan struct{}

	// Guarded by the outbox's lock.
	at          cursorPosition  // delivered up to here
	saved       cursorPosition  // what the file has
	next        int64           // the last run that was handed out
	out         []Run           // handed out and not delivered, without their events
	oldest      evcp.Stamp      // of the first event not delivered
	skippedFrom *cursorPosition // where runs of an unreadable disk were passed over
}

// Cursor is the reader of that name. In a new file it begins at the oldest event.
// Central is no name of a cursor: see Facts.
func (o *Outbox) Cursor(name string) *Cursor {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cursor(name)
}

func (o *Outbox) cursor(name string) *Cursor {
	c, ok := o.cursors[name]
	if !ok {
		c = &Cursor{o: o, name: name, wake: make(chan struct{}, 1), at: cursorPosition{name: name}}
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
	run.body, run.after = nil, after
	c.out = append(c.out, run)
	return true
}

// Advance is called when the receiver has everything up to a run. A run that was not
// handed out since the last Rewind is ignored.
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
	p := c.pending()
	return p.Events, p.Oldest
}

func (c *Cursor) pending() Pending {
	events := max(0, c.o.keptTotal.events-c.at.events-c.at.dropped)
	if events == 0 {
		return Pending{}
	}
	return Pending{events, c.oldest}
}

// GivenUp is how many events of the outbox were given up since it was opened: by SetAside, at its
// bound, or by a disk that was too slow.
func (c *Cursor) GivenUp() (events int64) {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	for _, n := range c.o.dropped {
		events += int64(n)
	}
	return events
}

// subtract takes into account that events of a run were given up.
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

// cursorPosition is the position of a reader, as the file has it: everything up to the
// run is delivered.
type cursorPosition struct {
	name    string
	run     int64
	events  int64 // ever appended, with that run; for Central: the last fact that is settled
	dropped int64 // events after it that were given up
}

// eachPosition reads how far the readers are.
func (s runStore) eachPosition(f func(cursorPosition)) error {
	return s.Query(`SELECT name, run, events, dropped FROM cursors`, func(p *sqlite.Stmt) error {
		f(cursorPosition{p.ColumnText(0), p.ColumnInt64(1), p.ColumnInt64(2), p.ColumnInt64(3)})
		return nil
	})
}

// savePositions writes how far the readers are.
func (s runStore) savePositions(all []cursorPosition) error {
	for _, p := range all {
		if err := s.Exec(`INSERT INTO cursors VALUES (?,?,?,?) ON CONFLICT DO UPDATE
			SET run=excluded.run, events=excluded.events, dropped=excluded.dropped`, p.name, p.run, p.events, p.dropped); err != nil {
			return err
		}
	}
	return nil
}

// takePositions lists the positions that moved since they were saved: with a fact, once in
// positionsEvery, and last. That of the facts moves with every run: it is written along
// with others, or last, and alone only after snapshotRuns runs. The caller holds the lock.
func (c *committer) takePositions(now time.Time, last bool) {
	c.positions = c.positions[:0]
	if now.Sub(c.positioned) < positionsEvery && c.batch.urgency == urgencyPlain && !last {
		return
	}
	for _, r := range c.o.cursors {
		if r.at != r.saved {
			r.saved = r.at
			c.positions = append(c.positions, r.at)
		}
	}
	f := c.o.facts
	at := f.position()
	due := last || len(c.positions) > 0 || at.run-f.saved.run >= snapshotRuns
	if f.wanted && due && at != f.saved {
		f.saved = at
		c.positions = append(c.positions, at)
	}
	if len(c.positions) > 0 {
		c.positioned = now
	}
}
