package outbox

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"evcp"
	"evcp/internal/folder"
)

// Outbox is an open folder. All methods may be called from any goroutine; those
// of one Cursor, one Facts or one Tail from one goroutine at a time.
type Outbox struct {
	options  Options
	dir      string
	host     host
	lock     *folder.Lock // nil when the folder can't be locked: then the disk refused
	result   OpenResult
	kept     atomic.Uint64
	closed   chan struct{} // nothing more will be kept
	notifier *notifier
	reader   runReader

	mu          sync.Mutex // guards what follows; never held over a disk
	committer   *committer
	generation  uint64
	ticket      uint64
	closing     bool
	pending     pendingBatch
	committing  int // bytes in the commit under way
	nextRun     int64
	written     total // appended so far
	usualSize   int   // bytes of a usual chunk
	index       map[evcp.CPID]int
	states      []keptState // by place
	recent      recent
	keptRun     int64
	keptTotal   total
	snapshotRun int64   // as Open found it
	oldDrops    dropSet // as Open found it
	unread      bool    // in memory, and nothing was ever read from the disk
	diskRun     int64   // the last run on disk while the outbox is in memory
	memoryFrom  int64   // the first run that is in memory only; 0 on disk
	cursors     map[string]*Cursor
	facts       *Facts
	tails       []*Tail
	flushers    []chan struct{}
	givenUp     dropSet // given up before they came to the store
	counts      statCounters
}

// total counts everything that was ever appended.
type total struct{ events, bytes int64 }

// OpenResult is what Open found.
func (o *Outbox) OpenResult() OpenResult { return o.result }

// Generation is the one that Append takes. It rises when the disk refuses.
func (o *Outbox) Generation() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.generation
}

// State is what the kept events say of a charge point. The zero State is nothing;
// a State with a number only comes from a file that was put aside.
func (o *Outbox) State(cp evcp.CPID) evcp.State {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p, ok := o.index[cp]; ok {
		return o.states[p].state
	}
	return evcp.State{}
}

// Renumber reports whether the next event of cp must begin a new epoch.
func (o *Outbox) Renumber(cp evcp.CPID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, ok := o.index[cp]
	return ok && o.states[p].renumber
}

// Kept is the ticket up to which everything is kept.
func (o *Outbox) Kept() (ticket uint64) { return o.kept.Load() }

// Close keeps what was appended, snapshots every State and lets go of the folder.
// When ctx ends first, a disk that stands still is left to itself: what it has
// not taken is lost, together with its numbers.
func (o *Outbox) Close(ctx context.Context) error {
	o.mu.Lock()
	if !o.closing {
		o.closing = true
		close(o.committer.stop)
		o.notifier.close()
	}
	o.mu.Unlock()
	if err := wait(ctx, o.notifier.done); err != nil {
		return err
	}
	for {
		k := o.currentCommitter()
		if err := wait(ctx, k.done); err != nil {
			return fmt.Errorf("close %s: %w", o.dir, err)
		}
		if k == o.currentCommitter() {
			return k.closeErr
		}
	}
}

// Flush waits until everything appended so far is kept.
func (o *Outbox) Flush(ctx context.Context) error {
	o.mu.Lock()
	ticket, done := o.ticket, make(chan struct{}, 1)
	o.pending.urgent = !o.pending.empty()
	o.flushers = append(o.flushers, done)
	poke(o.committer.wake)
	o.mu.Unlock()
	defer o.forget(done)
	for o.Kept() < ticket {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		case <-o.closed:
			return ErrClosed
		}
	}
	return nil
}

func (o *Outbox) forget(done chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flushers = slices.DeleteFunc(o.flushers, func(c chan struct{}) bool { return c == done })
}

func (o *Outbox) currentCommitter() *committer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.committer
}

func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *Outbox) isLocked() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lock != nil
}

// unlock lets go of the folder.
func (o *Outbox) unlock() error {
	if o.lock == nil {
		return nil
	}
	return o.lock.Close()
}
