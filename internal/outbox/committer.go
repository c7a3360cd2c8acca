package outbox

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"evcp"
)

// committer is the goroutine that writes. When the disk refuses, another one with a
// store in memory takes its place, and this one never writes again.
type committer struct {
	o        *Outbox
	store    runStore
	wake     chan struct{}
	done     chan struct{}
	closeErr error       // valid when done is closed
	sealed   atomic.Bool // everything is committed and the numbering proven; the checkpoint may be missing

	batch      pendingBatch     // being kept
	positions  []cursorPosition // of the readers, kept with the batch
	givenUp    dropSet          // dropped before they came here or set aside, noted with the batch
	setAside   []setAsideEvent  // noted with the batch
	always     bool             // every commit is synced
	committed  time.Time        // when the last commit began
	synced     time.Time        // when the last synced commit began
	positioned time.Time        // when positions were last taken
	snapshot   snapshotPass
	trim       trimmer
	timer      *time.Timer // plain OKs have waited for Options.SyncEvery
	watchdog   *time.Timer // the commit under way has taken Options.stuckAfter
	// folderTimer makes the committer look after the folder; stopped in memory.
	folderTimer   *time.Timer
	folderChecked time.Time
}

// volume counts what was written since some moment.
type volume struct {
	runs  int
	bytes int64
}

func (v *volume) add(r *runRow) {
	v.runs++
	v.bytes += int64(r.encoder.size)
}

func newCommitter(o *Outbox, s runStore) *committer {
	c := &committer{
		o: o, store: s, wake: make(chan struct{}, 1), done: make(chan struct{}),
		synced: time.Now(), always: bootID() == "", timer: time.NewTimer(time.Hour),
		folderTimer: time.NewTimer(checkFolderEvery),
	}
	c.timer.Stop()
	if s.InMemory() {
		c.folderTimer.Stop()
	}
	c.watchdog = time.AfterFunc(o.options.stuckAfter, func() { o.fallBack(c, errStuck) })
	c.watchdog.Stop()
	c.trim = trimmer{c: c, dropped: dropSet{}}
	return c
}

// run commits until Close, or until another committer has taken over. A timer runs
// only while something waits for it; on a disk, one runs for the folder.
func (c *committer) run() {
	defer close(c.done)
	defer c.stopTimers()
	back := &c.o.back
	for {
		var err error
		select {
		case <-c.o.stop:
			c.finish()
			return
		case <-c.wake:
			err = c.commitWhenDue()
		case <-c.timer.C:
			err = c.commitPending()
		case <-c.folderTimer.C:
			err = c.checkFolder(time.Now())
		case <-back.probeTimer.C:
			c.startProbe()
		case r := <-back.probed:
			_ = c.startMigration(r) // the disk goes on refusing: that is known
		case moved := <-back.migrated:
			_ = c.endMigration(moved)
			err = c.commitWhenDue()
		case <-back.deadline.C:
			c.o.transit(migrationLate)
			err = c.commitWhenDue()
		}
		if err != nil {
			c.giveUp(err)
		}
		if c.superseded() {
			c.abandon()
			return
		}
	}
}

// giveUp leaves the disk for memory. fallBack asks the disk for the reason; after a
// second the watchdog no longer waits for that.
func (c *committer) giveUp(cause error) {
	c.watchdog.Reset(time.Second)
	c.o.fallBack(c, cause)
	c.watchdog.Stop()
}

func (c *committer) stopTimers() {
	c.timer.Stop()
	c.folderTimer.Stop()
	c.watchdog.Stop()
}

// commitWhenDue commits at once if a fact is pending or if the last commit is long enough
// ago, and otherwise sets the timer. So a lone charge point's check, one a second, is kept
// without a wait.
func (c *committer) commitWhenDue() error {
	c.o.mu.Lock()
	empty, urgency := c.o.pending.empty(), c.o.pending.urgency
	c.o.mu.Unlock()
	wait := c.o.options.SyncEvery
	switch urgency {
	case urgencyFailedCheck:
		wait = min(wait, failedCheckWait)
	case urgencyFact:
		wait = 0
	}
	switch left := wait - time.Since(c.committed); {
	case empty:
		return nil
	case left <= 0:
		return c.commitPending()
	default:
		c.timer.Reset(left)
		return nil
	}
}

// commitPending commits what was appended, and then does what is due after a commit: a
// slice of a snapshot, a slice of trimming, a look at the log.
func (c *committer) commitPending() error {
	c.timer.Stop()
	began := time.Now()
	if !c.takePending(began) {
		return nil
	}
	c.watchdog.Reset(c.o.options.stuckAfter)
	defer c.watchdog.Stop()
	c.committed = began
	if err := c.commit(began); err != nil {
		return err
	}
	if !c.publish(time.Since(began)) {
		return nil
	}
	if err := c.snapshotStep(); err != nil {
		return err
	}
	if err := c.trim.step(); err != nil {
		return err
	}
	if err := c.checkLog(); err != nil {
		return err
	}
	return c.checkFolderAfter(began)
}

// takePending takes over what was appended. It reports false when there is nothing to
// commit, or when nothing may be committed.
func (c *committer) takePending(now time.Time) bool {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.committer != c || o.pending.empty() || o.mode == migrating {
		return false
	}
	c.batch.reset()
	c.batch, o.pending = o.pending, c.batch
	o.committing = c.batch.bytes
	c.takeGivenUp()
	c.takePositions(now, false)
	return true
}

// commit writes the batch in one transaction. A file that another process has locked
// for the moment is waited for, until the watchdog ends that.
func (c *committer) commit(now time.Time) error {
	sync := c.batch.urgency > urgencyPlain || c.always || now.Sub(c.synced) >= syncAtLeast
	for {
		err := c.store.WithLock(func() error { return c.store.Transact(sync, c.write) })
		if err == nil && sync {
			c.synced = now
		}
		if !errors.Is(err, sqlite3.BUSY) || c.superseded() {
			return err
		}
	}
}

// write is the body of the transaction.
func (c *committer) write() error {
	for _, r := range c.batch.runs {
		if err := c.store.insert(r); err != nil {
			return err
		}
	}
	if err := c.saveGivenUp(); err != nil {
		return err
	}
	return c.store.savePositions(c.positions)
}

// publish shows what was committed to the readers. It reports false when another
// committer has taken over meanwhile: then it counts as never kept.
func (c *committer) publish(took time.Duration) bool {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.isSuperseded() {
		return false
	}
	b := &c.batch
	for _, u := range b.states {
		st := &o.states[u.handle]
		st.state, st.changed, st.renumber = u.state, true, false
	}
	o.usualBody = len(b.runs[0].body)
	for _, r := range b.runs {
		o.keptRun, o.keptTotal = r.ID, total{r.events, r.bytes}
		o.recent.add(r.Run)
		c.snapshot.since.add(r)
		c.trim.sinceCheck.add(r)
	}
	o.committing = 0
	o.stats.commit(took)
	o.owner.dropped(c.givenUp)
	c.givenUp, c.setAside = nil, nil
	o.kept.Store(b.ticket)
	o.wakeReaders(b.events)
	return true
}

// wakeReaders wakes whoever waits for kept events, and feeds the tails.
func (o *Outbox) wakeReaders(events []evcp.Event) {
	o.pokeCursors()
	if len(o.facts.queue) > 0 {
		poke(o.facts.wake)
	}
	for _, done := range o.flushers {
		poke(done)
	}
	if len(o.tails) > 0 && len(events) > 0 {
		batch := slices.Clone(events)
		for _, t := range o.tails {
			t.offer(batch)
		}
	}
}

// wakeCursors makes the cursors look again.
func (o *Outbox) wakeCursors() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pokeCursors()
}

func (o *Outbox) pokeCursors() {
	for _, c := range o.cursors {
		poke(c.wake)
	}
}

// superseded reports whether the committer must not write any more.
func (c *committer) superseded() bool {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	return c.isSuperseded()
}

func (c *committer) isSuperseded() bool { return c.o.committer != c || c.o.failure != nil }

// abandon closes a store that refused. Its errors are of no use.
func (c *committer) abandon() {
	c.watchdog.Stop()
	_ = c.store.Close()
	if !c.store.InMemory() {
		c.o.reader.removeWriter()
	}
	c.o.mu.Lock()
	failure := c.o.failure
	c.o.mu.Unlock()
	if failure != nil {
		c.o.back.stop()
		c.closeErr = errors.Join(failure, c.o.lock.Close())
	}
}

// finish is the orderly end: it keeps what is pending and closes the file.
func (c *committer) finish() {
	if c.o.back.migration != nil {
		_ = c.endMigration(<-c.o.back.migrated) // if it failed, lastMigration tries again
	}
	err := c.commitPending()
	if err == nil && !c.store.InMemory() {
		err = c.checkFolder(time.Now()) // what is sealed must be found again
	}
	if err != nil {
		c.giveUp(err)
	}
	if c.superseded() {
		c.abandon()
		return
	}
	c.o.stopReading()
	if c.store.InMemory() {
		err = c.lastMigration()
	} else {
		err = errors.Join(c.seal(), c.store.Close())
	}
	c.o.back.stop()
	c.closeErr = errors.Join(err, c.o.lock.Close())
}

// seal leaves a file that needs no replay and in which every number is proven.
func (c *committer) seal() error {
	c.o.mu.Lock()
	c.takePositions(time.Now(), true)
	c.takeGivenUp()
	c.o.mu.Unlock()
	if err := c.snapshotAll(); err != nil {
		return err
	}
	if err := c.store.Transact(true, func() error {
		return errors.Join(c.saveGivenUp(), c.store.savePositions(c.positions), c.store.setMeta("open", ""))
	}); err != nil {
		return err
	}
	c.sealed.Store(true)
	if err := c.store.Checkpoint(); !errors.Is(err, sqlite3.BUSY) { // the log holds everything, too
		return err
	}
	return nil
}
