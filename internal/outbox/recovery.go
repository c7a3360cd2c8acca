package outbox

import (
	"errors"
	"fmt"
	"os"
	"time"

	"evcp/internal/folder"
	"evcp/internal/sqlite"
)

// mode says where events are kept, and how far the way back to the disk is. It is
// guarded by the outbox's lock, and enter alone changes it.
type mode uint8

const (
	// onDisk: the file is the store. It stays so until the disk refuses.
	onDisk mode = iota
	// inMemory: the disk refused. It is probed every Options.probeEvery.
	inMemory
	// probing: in memory, while a goroutine opens the file and tries to read and write it.
	probing
	// migrating: in memory, while a goroutine copies everything to the file. Nothing is
	// committed meanwhile, so that what is copied is all there is.
	migrating
	// overdue: the migration takes longer than a commit may. Commits go on in memory, and
	// what the migration comes to counts as failed.
	overdue
)

// diskEvent is what may change the mode.
type diskEvent uint8

const (
	// diskRefused: a commit failed or took longer than Options.stuckAfter.
	diskRefused diskEvent = iota
	probeDue
	probeFailed
	probeSucceeded
	// migrationLate: the migration has taken longer than Options.stuckAfter.
	migrationLate
	migrationFailed
	migrationSucceeded
)

// transitions holds every change of mode that there is. In memory a refusal means that
// memory is full: another store in memory follows, and the way back goes on.
var transitions = [...]map[diskEvent]mode{
	onDisk:    {diskRefused: inMemory},
	inMemory:  {diskRefused: inMemory, probeDue: probing},
	probing:   {diskRefused: probing, probeFailed: inMemory, probeSucceeded: migrating},
	migrating: {diskRefused: overdue, migrationLate: overdue, migrationFailed: inMemory, migrationSucceeded: onDisk},
	overdue:   {diskRefused: overdue, migrationFailed: inMemory},
}

// trying reports whether a second connection may be writing the file.
func (m mode) trying() bool { return m == probing || m == migrating || m == overdue }

// enter changes the mode. It returns false when the event means nothing in this mode. The
// caller holds the lock.
func (o *Outbox) enter(e diskEvent) bool {
	next, ok := transitions[o.mode][e]
	if ok {
		o.mode = next
	}
	return ok
}

func (o *Outbox) transit(e diskEvent) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.enter(e)
}

func (o *Outbox) currentMode() mode {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mode
}

// diskReturn is the way back to the disk. It outlives the committer that began it.
type diskReturn struct {
	probeTimer *time.Timer
	probed     chan probeResult
	migration  *migration // under way
	migrated   chan error
	deadline   *time.Timer // of the migration
}

func newDiskReturn() diskReturn {
	b := diskReturn{
		probeTimer: time.NewTimer(time.Hour), deadline: time.NewTimer(time.Hour),
		probed: make(chan probeResult, 1), migrated: make(chan error, 1),
	}
	b.stop()
	return b
}

func (b *diskReturn) stop() {
	b.probeTimer.Stop()
	b.deadline.Stop()
}

// errStuck is a commit that does not come back.
var errStuck = errors.New("the disk does not answer")

// fallBack goes on in memory, under the next generation: what was appended and not
// kept is discarded, and judged again by its owner. It does nothing when another
// committer is in charge already.
func (o *Outbox) fallBack(c *committer, cause error) {
	memory, err := o.options.openMemory()
	if err != nil {
		o.fail(c, errors.Join(errNoStore, cause, err))
		return
	}
	next := newCommitter(o, memory)
	if !o.replaceCommitter(c, next, sqlite.DiskError(o.dir, cause)) {
		next.stopTimers()
		_ = next.store.Close()
		return
	}
	o.removeMarker()
	go next.run()
}

// replaceCommitter puts the next committer in the place of c, unless another one is there.
func (o *Outbox) replaceCommitter(c, next *committer, why string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.committer != c || o.failure != nil {
		return false
	}
	fromDisk := o.mode == onDisk
	o.nextGeneration()
	o.discard(c)
	if fromDisk {
		o.beginMemory(o.keptRun)
		o.back.probeTimer.Reset(o.options.probeEvery)
	}
	o.enter(diskRefused)
	o.committer = next
	o.stats.refuse(why, time.Now())
	o.owner.refused(o.generation, errors.New(why))
	return true
}

// discard forgets what was appended and not kept. What was dropped of it stays counted:
// an events_dropped will report it. The caller holds the lock.
func (o *Outbox) discard(c *committer) {
	o.pending.reset()
	o.givenUp.addAll(c.givenUp)
	o.setAside = append(c.setAside, o.setAside...)
	o.committing = 0
	o.written = o.keptTotal
	o.facts.discard(o.keptRun)
}

// beginMemory makes the next run the first that is in memory only. Its id is such
// that nothing in the file, now or later, has it. Runs after diskRun are not valid.
func (o *Outbox) beginMemory(diskRun int64) {
	o.nextRun = max(o.nextRun, time.Now().UnixMilli())
	o.memoryFrom, o.diskRun = o.nextRun+1, diskRun
}

// fail ends the outbox, since nothing can keep events any more: Append takes none,
// readers get ErrClosed, and Close returns the error.
func (o *Outbox) fail(c *committer, err error) {
	o.mu.Lock()
	if o.committer != c || o.failure != nil {
		o.mu.Unlock()
		return
	}
	o.failure = fmt.Errorf("%s: %w", o.dir, err)
	o.nextGeneration()
	o.discard(c)
	o.stats.refuse(errNoStore.Error(), time.Now())
	o.owner.failed(o.failure)
	o.mu.Unlock()
	o.removeMarker()
	o.stopReading()
}

// probeResult is a disk that works again, or the reason why it does not.
type probeResult struct {
	store runStore
	lock  *folder.Lock // taken now; nil when it was held all the time
	aside string       // a file that was put aside on the way
	err   error
}

// release closes the file and gives the folder back.
func (r probeResult) release() error { return errors.Join(r.store.Close(), r.lock.Close()) }

// startProbe tries the disk on a goroutine of its own, since a disk that stands still
// must not hold up commits.
func (c *committer) startProbe() {
	o := c.o
	if !o.transit(probeDue) {
		return
	}
	o.reader.addWriter()
	go func() { o.back.probed <- o.probeDisk(time.Now()) }()
}

// probeDisk opens the file and proves that it can be written and read.
func (o *Outbox) probeDisk(now time.Time) (r probeResult) {
	if r.err = os.MkdirAll(o.dir, 0o700); r.err != nil {
		return r
	}
	if !o.isLocked() {
		if r.lock, r.err = folder.Acquire(o.dir, lockName); r.err != nil {
			return r
		}
	}
	r.store, r.err = o.openChecked(now)
	if kind := sqlite.Unusable(r.err); kind != "" {
		if r.aside, r.err = folder.PutAside(o.path(), kind, now); r.err == nil {
			r.store, r.err = o.openChecked(now)
		}
	}
	return r
}

// openChecked opens the file if all of it can be read and it can be written.
func (o *Outbox) openChecked(now time.Time) (runStore, error) {
	s, err := openStore(o.file(), o.options.MaxSize, o.options.ChargePoints)
	if err != nil {
		return s, err
	}
	if err = s.emptyLog(o.options.MaxSize); err == nil {
		err = s.QuickCheck()
	}
	if err == nil {
		err = s.Transact(true, func() error { return s.markTried(now) })
	}
	return s.checked(err)
}

// startMigration begins to copy what is in memory to a disk that works. Nothing is
// committed meanwhile, but only for as long as a commit may take.
func (c *committer) startMigration(r probeResult) error {
	o := c.o
	if r.err != nil {
		return c.probeLater(r, r.err, probeFailed)
	}
	o.transit(probeSucceeded)
	m := o.plan(c.store, r)
	o.back.migration = m
	o.back.deadline.Reset(o.options.stuckAfter)
	go func() {
		err := m.disk.store.Transact(true, m.write)
		if err == nil {
			err = o.placeMarker()
		}
		o.back.migrated <- err
	}()
	return nil
}

// endMigration makes the disk the store again, if the migration ended well and in
// time. Numbers go on: nothing was lost.
func (c *committer) endMigration(err error) error {
	o := c.o
	m := o.back.migration
	o.back.migration = nil
	o.back.deadline.Stop()
	if err == nil && !o.takeDisk(c, m) {
		o.removeMarker() // the file lacks what was committed meanwhile
		err = errStuck
	}
	if err != nil {
		return c.probeLater(m.disk, err, migrationFailed)
	}
	o.owner.dropped(c.trim.dropped)
	c.snapshot, c.trim = snapshotPass{covered: m.keptRun}, trimmer{c: c, dropped: dropSet{}}
	o.reader.disconnect()
	o.wakeCursors()
	o.owner.recovered(m.disk.aside)
	return m.from.WithLock(m.from.Close)
}

// takeDisk makes the file the place where everything is, unless the migration is overdue.
func (o *Outbox) takeDisk(c *committer, m *migration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mode != migrating {
		return false
	}
	o.enter(migrationSucceeded)
	if m.disk.lock != nil {
		_ = o.setLock(m.disk.lock) // the old one, if any, was lost
	}
	c.store = m.disk.store
	c.folderTimer.Reset(checkFolderEvery)
	o.memoryFrom = 0
	o.stats.refuse("", time.Time{})
	for i := range o.states {
		o.states[i].changed = false
	}
	o.shift(m.shift)
	for name, at := range m.goBack {
		c := o.cursors[name]
		c.at, c.saved, c.next, c.out, c.skippedFrom = at, at, at.run, nil, nil
	}
	o.unread = false
	return true
}

// shift adds what the disk had before to the totals that were counted without it.
func (o *Outbox) shift(by total) {
	if by == (total{}) {
		return
	}
	o.written.add(by)
	o.keptTotal.add(by)
	o.recent = recent{}
	for _, r := range o.pending.runs {
		r.events += by.events
		r.bytes += by.bytes
	}
}

// probeLater closes a disk that failed and probes it again after Options.probeEvery.
func (c *committer) probeLater(r probeResult, why error, e diskEvent) error {
	err := errors.Join(why, r.release())
	c.o.reader.removeWriter()
	c.o.transit(e)
	c.o.back.probeTimer.Reset(c.o.options.probeEvery)
	c.o.wakeCursors()
	return err
}

// lastMigration is what a committer in memory does before it ends: it tries the disk
// once more.
func (c *committer) lastMigration() error {
	back := &c.o.back
	c.startProbe() // unless one is under way
	err := c.startMigration(<-back.probed)
	if err == nil {
		err = c.endMigration(<-back.migrated)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: what was kept in memory is lost: %w", c.o.dir, err), c.store.Close())
	}
	return errors.Join(c.seal(), c.store.Close())
}
