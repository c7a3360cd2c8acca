package outbox

import (
	"errors"

	"evcp"
	"evcp/internal/sqlite"
)

// readAtOnce is how many bytes of small rows are handed out as one run.
const readAtOnce = 64 << 10

// readAfter reads the run after a run for a cursor that is behind the newest.
func (o *Outbox) readAfter(c *Cursor, after int64) (Run, bool, error) {
	for {
		run, ok, err := o.readOnce(c, after)
		if !errors.Is(err, errGone) {
			return run, ok, err
		}
	}
}

func (o *Outbox) readOnce(c *Cursor, after int64) (Run, bool, error) {
	o.mu.Lock()
	from, memory, blind := o.memoryFrom, o.committer.store, o.unread
	o.mu.Unlock()
	if from == 0 {
		return o.readDisk(after, 1<<62)
	}
	if after < from-1 && !blind {
		run, ok, err := o.readDisk(after, from)
		switch {
		case ok:
			return run, ok, nil
		case errors.Is(err, errTrial):
			return Run{}, false, nil // its end wakes whoever waits
		case err != nil:
			c.markSkipped(after)
		}
	}
	return memory.readAfter(after, 1<<62)
}

// markSkipped remembers where a cursor passed over what a broken disk holds, so that a
// healed one can bring it back.
func (c *Cursor) markSkipped(after int64) {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	if c.skippedFrom == nil && c.next == after {
		at := c.at
		c.skippedFrom = &at
	}
}

func (o *Outbox) readDisk(after, before int64) (Run, bool, error) {
	return o.reader.read(o.file(), after, before)
}

func (o *Outbox) stopReading() {
	o.reader.close()
	close(o.closed)
}

// readAfter reads the rows after a run, small ones together.
func (s *runStore) readAfter(after, before int64) (run Run, ok bool, err error) {
	err = s.WithLock(func() error {
		if s.Closed() {
			return errGone
		}
		return s.Query(`SELECT id, at, until, count, events, body FROM runs WHERE id > ? AND id < ? ORDER BY id LIMIT 256`,
			func(p *sqlite.Stmt) error {
				body := p.ColumnRawText(5)
				if ok && len(run.Lines)+len(body) > readAtOnce {
					return sqlite.ErrStop
				}
				if !ok {
					run.First, run.after = evcp.Stamp(p.ColumnInt64(1)), after
				}
				run.ID, run.Last = p.ColumnInt64(0), evcp.Stamp(p.ColumnInt64(2))
				run.Count += p.ColumnInt(3)
				run.events = p.ColumnInt64(4)
				run.Lines = append(run.Lines, body...)
				ok = true
				return nil
			}, after, before)
	})
	return run, ok, err
}

// errGone is a store in memory whose content has moved to the disk.
var errGone = errors.New("moved to the disk")
