package outbox

import (
	"errors"
	"iter"
	"slices"
	"sort"
	"sync"

	"evcp/internal/sqlite"
)

// The newest runs stay in memory, so that a reader that keeps up never reads the file:
// recentSize bytes of them, and recentRuns however large they are. One charge point
// reaches the first after some ten minutes, and its process's memory counts; many fill
// a run in no time.
const (
	recentSize  = 128 << 10
	recentRuns  = 4
	runOverhead = 160 // bytes of a run beside its body
)

// recent holds the newest runs, oldest first and without a gap.
type recent struct {
	runs  []Run
	bytes int
}

func (r *recent) add(run Run) {
	r.runs = append(r.runs, run)
	r.bytes += len(run.body) + runOverhead
	drop := 0
	for r.bytes > recentSize && drop < len(r.runs)-recentRuns {
		r.bytes -= len(r.runs[drop].body) + runOverhead
		drop++
	}
	r.runs = slices.Delete(r.runs, 0, drop)
}

// after is the run that follows a run; false when it isn't here.
func (r *recent) after(run int64) (Run, bool) {
	if len(r.runs) == 0 || r.runs[0].after > run {
		return Run{}, false
	}
	i := sort.Search(len(r.runs), func(i int) bool { return r.runs[i].ID > run })
	if i == len(r.runs) {
		return Run{}, false
	}
	return r.runs[i], true
}

// Latest yields the newest kept events backwards, as far as they are in memory: see
// recentSize. It reads no file and may be called by anybody at any time.
func (o *Outbox) Latest() iter.Seq[Line] {
	o.mu.Lock()
	runs := slices.Clone(o.recent.runs)
	o.mu.Unlock()
	return func(yield func(Line) bool) {
		for _, run := range slices.Backward(runs) {
			all := slices.Collect(run.Each())
			for _, line := range slices.Backward(all) {
				if !yield(line) {
					return
				}
			}
		}
	}
}

// errMigrated is a store in memory whose content has moved to the disk.
var errMigrated = errors.New("moved to the disk")

// readAfter reads the run after a run for a cursor that is behind the newest: from the
// file, or from memory what is only there.
func (o *Outbox) readAfter(c *Cursor, after int64) (Run, bool, error) {
	o.mu.Lock()
	m, from, memory, unread := o.mode, o.memoryFrom, o.committer.store, o.unread
	o.mu.Unlock()
	if m == onDisk {
		return o.reader.read(o.file(), after, 1<<62)
	}
	if after < from-1 && !unread {
		run, ok, err := o.reader.read(o.file(), after, from)
		switch {
		case ok:
			return run, ok, nil
		case err != nil && (m.trying() || o.currentMode().trying()):
			return Run{}, false, nil // the cursor is woken when the trial has ended
		case err != nil:
			c.markSkipped(after)
		}
	}
	run, ok, err := memory.readAfter(after, 1<<62)
	if errors.Is(err, errMigrated) {
		return o.readAfter(c, after)
	}
	return run, ok, err
}

// markSkipped remembers where a cursor passed over what an unreadable disk holds, so
// that it returns there when the disk works again.
func (c *Cursor) markSkipped(after int64) {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	if c.skippedFrom == nil && c.next == after {
		at := c.at
		c.skippedFrom = &at
	}
}

func (o *Outbox) stopReading() {
	o.reader.close()
	close(o.closed)
}

// readAtOnce is how many bytes of small rows are handed out as one run.
const readAtOnce = 64 << 10

// readAfter reads the rows after a run, small ones together.
func (s runStore) readAfter(after, before int64) (run Run, ok bool, err error) {
	err = s.WithLock(func() error {
		if s.Closed() {
			return errMigrated
		}
		return s.eachRun(selectRuns+`id > ? AND id < ? ORDER BY id LIMIT 256`, func(r runRow) error {
			was := len(run.body)
			if run.body = r.appendLines(run.body); ok && len(run.body) > readAtOnce {
				run.body = run.body[:was]
				return sqlite.ErrStop
			}
			if !ok {
				run.First, run.after = r.First, after
			}
			run.ID, run.Last, run.events = r.ID, r.Last, r.events
			run.Count += r.Count
			ok = true
			return nil
		}, after, before)
	})
	return run, ok, err
}

// runReader is a second connection to the file, for cursors. It is open only while one
// of them is behind.
type runReader struct {
	mu        sync.Mutex
	store     runStore
	immutable bool // the store reads a file that nobody writes
	closed    bool
	// writers counts the connections that may write the file. While there are none it is
	// read as it stands: a full disk has no room for the memory that readers and writers
	// share.
	writers int
}

// addWriter counts one more connection that may write the file.
func (r *runReader) addWriter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writers++
	if r.immutable {
		r.drop()
	}
}

// removeWriter is called when such a connection is closed.
func (r *runReader) removeWriter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writers--
}

// read reads the run after a run, up to another one.
func (r *runReader) read(f sqlite.DBFile, after, before int64) (Run, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return Run{}, false, ErrClosed
	}
	if err := r.open(f); err != nil {
		return Run{}, false, err
	}
	run, ok, err := r.store.readAfter(after, before)
	if err != nil {
		r.drop()
	}
	return run, ok && err == nil, err
}

func (r *runReader) open(f sqlite.DBFile) (err error) {
	switch {
	case !r.store.Closed():
	case r.writers == 0:
		r.immutable = true
		r.store, err = storeOn(schema.OpenImmutable(f))
	default:
		r.store, err = storeOn(sqlite.OpenReader(f))
	}
	return err
}

// disconnect closes the connection until it is needed again.
func (r *runReader) disconnect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop()
}

func (r *runReader) drop() {
	_ = r.store.Close() // it has only read
	r.immutable = false
}

// close closes the connection for good.
func (r *runReader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop()
	r.closed = true
}
