package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/folder"
)

// Outbox is an open folder. All methods may be called from any goroutine; those
// of one Cursor, one Facts or one Tail from one goroutine at a time.
type Outbox struct {
	options Options
	dir     string
	host    host
	lock    *folder.Lock // nil when the folder can't be locked: then the disk refused
	result  OpenResult
	kept    atomic.Uint64 // the ticket up to which everything is kept
	stop    chan struct{} // closed by Close: commit what is pending and end
	closed  chan struct{} // closed when nothing more will be kept
	owner   *ownerCalls
	reader  runReader
	back    diskReturn // used by the committer in charge alone

	mu           sync.Mutex // guards what follows; never held while the disk works
	committer    *committer // the one in charge
	mode         mode
	failure      error // neither disk nor memory can keep anything
	generation   uint64
	refusals     []uint64 // what was kept at the end of each older generation: 8 bytes for a refusal
	ticket       uint64
	closing      bool
	pending      pendingBatch
	committing   int   // bytes in the commit under way
	nextRun      int64 // id of the last run that was opened
	written      total // appended so far
	usualBody    int   // bytes of the first run of the last commit
	stateTable         // the committer alone changes the States in it
	recent       recent
	keptRun      int64
	keptTotal    total
	unread       bool  // in memory, and the file was never read
	diskRun      int64 // in memory: the last run in the file
	memoryFrom   int64 // in memory: the first run that is not in the file
	cursors      map[string]*Cursor
	facts        *Facts
	tails        []*Tail
	tailsWantAll bool // one of them wants every event
	flushers     []chan struct{}
	givenUp      dropSet                     // dropped before they came to the committer, or set aside
	setAside     []setAsideEvent             // since the last commit
	stats        Stats                       // what is counted as it happens; Stats adds the rest
	dropped      [evcp.LastAction + 1]uint64 // events given up, by action

	// Only while Open reads the file:
	snapshotRun int64
	oldDrops    dropSet
	taking      []*loneFolder
	doubtful    []evcp.CPID // taken over, with a last number that can't be proven
}

// total counts everything that was ever appended.
type total struct{ events, bytes int64 }

func (t *total) add(by total) {
	t.events += by.events
	t.bytes += by.bytes
}

// OpenResult says what Open found.
func (o *Outbox) OpenResult() OpenResult { return o.result }

// Generation is the one that Append takes. It rises when the disk refuses.
func (o *Outbox) Generation() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.generation
}

// Handle is the place of a charge point in the table of States. It is the same for as long
// as the outbox is open.
func (o *Outbox) Handle(cp evcp.CPID) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.indexOf(cp)
}

// Lookup is Handle for a charge point that is known already; false: it is not.
func (o *Outbox) Lookup(cp evcp.CPID) (handle int, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.find(cp)
}

// StateAt is State by handle.
func (o *Outbox) StateAt(handle int) evcp.State {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.states[handle].state
}

// State is the fold of the kept events of a charge point; the zero State when there are
// none. A State with a number only comes from a file that was put aside.
func (o *Outbox) State(cp evcp.CPID) evcp.State {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i, known := o.find(cp); known {
		return o.states[i].state
	}
	return evcp.State{}
}

// Renumber reports whether the next event of a charge point must begin a new epoch.
func (o *Outbox) Renumber(handle int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.states[handle].renumber
}

// Kept is the ticket up to which everything is kept.
func (o *Outbox) Kept() (ticket uint64) { return o.kept.Load() }

// KeptIn is Kept for one generation. What an older one had not kept when the disk refused
// never will be, although tickets go on.
func (o *Outbox) KeptIn(generation uint64) (ticket uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.keptIn(generation)
}

func (o *Outbox) keptIn(generation uint64) uint64 {
	if generation == o.generation {
		return o.kept.Load()
	}
	return o.refusals[generation-1]
}

// NotifyKept pokes wake, of capacity 1, whenever more is kept, until stop is called.
func (o *Outbox) NotifyKept(wake chan struct{}) (stop func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flushers = append(o.flushers, wake)
	return func() { o.removeFlusher(wake) }
}

// nextGeneration ends a generation. The caller holds the lock.
func (o *Outbox) nextGeneration() {
	o.refusals = append(o.refusals, o.kept.Load())
	o.generation++
	for i := range o.states {
		o.states[i].wasOK = false // the tails may not have it
	}
}

// Close commits what was appended, snapshots every State and unlocks the folder.
// When ctx ends before everything is committed, Close returns its error, and a disk that
// stands still keeps its goroutine: what it has not taken is lost, together with its
// numbers. Only the checkpoint may be missing when Close returns nil at the end of ctx.
func (o *Outbox) Close(ctx context.Context) error {
	o.mu.Lock()
	if !o.closing {
		o.closing = true
		close(o.stop)
		o.owner.close()
	}
	o.mu.Unlock()
	if err := wait(ctx, o.owner.done); err != nil {
		return err
	}
	for {
		c := o.currentCommitter()
		if err := wait(ctx, c.done); err != nil && c.sealed.Load() {
			return nil
		} else if err != nil {
			return fmt.Errorf("close %s: %w", o.dir, err)
		}
		if c == o.currentCommitter() {
			return c.closeErr
		}
	}
}

// Flush waits until everything appended so far is kept.
func (o *Outbox) Flush(ctx context.Context) error {
	o.mu.Lock()
	ticket, done := o.ticket, make(chan struct{}, 1)
	if !o.pending.empty() {
		o.pending.urgency = urgencyFact
	}
	o.flushers = append(o.flushers, done)
	poke(o.committer.wake)
	o.mu.Unlock()
	defer o.removeFlusher(done)
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

func (o *Outbox) removeFlusher(done chan struct{}) {
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

// isLocked reports whether this process has the folder that is at its path now.
func (o *Outbox) isLocked() bool {
	o.mu.Lock()
	lock := o.lock
	o.mu.Unlock()
	return lock != nil && !lock.Lost()
}

// Stats are the figures of an outbox at one moment.
type Stats struct {
	Bytes      int64 // in use, as of the last look
	Limit      int64 // of Bytes and LogBytes
	LogBytes   int64 // of SQLite's log, after the last commit
	LogHeld    bool  // a transaction of another program makes the log grow
	Waiting    int   // encoded bytes that are not kept yet
	LastCommit time.Duration
	LongCommit time.Duration // the longest so far
	Commits    uint64
	Written    int64             // encoded bytes ever kept
	Dropped    map[string]uint64 // events given up, by action
	// RefusedSince is when the disk refused; zero while all is well.
	RefusedSince time.Time
	RefusedWhy   string
	// Cursors are the readers of this process: not those that only the file has, from an
	// earlier process with other Options.Readers.
	Cursors map[string]Pending
}

// Pending is what a reader does not have yet.
type Pending struct {
	Events int64
	Oldest evcp.Stamp
}

func (s *Stats) commit(took time.Duration) {
	s.LastCommit, s.LongCommit = took, max(s.LongCommit, took)
	s.Commits++
}

func (s *Stats) refuse(why string, now time.Time) { s.RefusedSince, s.RefusedWhy = now, why }

// Stats reads all figures at one moment. It reads no file.
func (o *Outbox) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	s.Limit, s.Waiting, s.Written = o.limit(), o.pending.bytes+o.committing, o.keptTotal.bytes
	s.Dropped, s.Cursors = map[string]uint64{}, map[string]Pending{}
	for action, n := range o.dropped {
		if n > 0 {
			s.Dropped[evcp.Action(action).String()] = n
		}
	}
	for _, name := range o.options.Readers {
		if name == Central {
			s.Cursors[name] = o.facts.pending()
		} else {
			s.Cursors[name] = o.cursors[name].pending()
		}
	}
	return s
}

// limit is the bound in force. The caller holds the lock.
func (o *Outbox) limit() int64 {
	if o.mode != onDisk {
		return min(memorySize, o.options.MaxSize)
	}
	return o.options.MaxSize
}

var errNoStore = errors.New("neither disk nor memory can keep events")
