package outbox

import (
	"errors"

	"github.com/ncruces/go-sqlite3"
)

// SQLite moves no more of the log into the file than the oldest open transaction of a reader
// has seen, and goes on at the end of the log. So a reader that keeps a transaction open
// makes the log grow with every commit. The log counts within Options.MaxSize: when the file
// and a log that is held fill it, that is a disk that refuses.

// errLogHeld is a log that has grown to the bound.
var errLogHeld = errors.New("another program keeps a transaction open in outbox.db, and its log has filled --state-max-size")

// heldLogSize is the size from which on the log is looked at: more than any usual log has.
func heldLogSize(limit int64) int64 { return 4 * logSize(limit) }

// checkLog looks after a commit whether the log is held.
func (c *committer) checkLog() error {
	if c.store.InMemory() {
		return nil
	}
	limit, size, held := c.o.options.MaxSize, c.store.LogSize(), false
	if size > heldLogSize(limit) {
		if err := c.store.WithLock(func() (err error) { held, err = c.store.LogHeld(); return err }); err != nil {
			return err
		}
	}
	c.o.noteLog(size, held)
	if held {
		return c.store.logFits(limit)
	}
	return nil
}

// noteLog takes what was seen into the figures, and tells the owner when it is news.
func (o *Outbox) noteLog(size int64, held bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if held != o.stats.LogHeld {
		o.owner.logHeld(held, size)
	}
	o.stats.LogBytes, o.stats.LogHeld = size, held
}

// logFits returns errLogHeld when the file and its log are larger than the bound.
func (s runStore) logFits(limit int64) error {
	used, _, err := s.Usage()
	if err == nil && used+s.LogSize() > limit {
		err = errLogHeld
	}
	return err
}

// emptyLog empties a log that had grown to the bound, or says that it is still held.
func (s runStore) emptyLog(limit int64) error {
	if s.LogSize() <= heldLogSize(limit) || s.logFits(limit) == nil {
		return nil
	}
	err := s.Checkpoint()
	if errors.Is(err, sqlite3.BUSY) {
		return errLogHeld
	}
	return err
}
