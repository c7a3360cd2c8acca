package outbox

import "time"

// committer is the goroutine that writes. When the disk refuses, another one with a
// store in memory takes its place, and this one never writes again.
type committer struct {
	o        *Outbox
	store    *runStore
	wake     chan struct{}
	stop     chan struct{} // closed by Close: keep what is there and end
	done     chan struct{}
	closeErr error // valid when done is closed

	batch         pendingBatch     // being kept
	positions     []cursorPosition // of the cursors, kept with the work
	always        bool             // every commit is synced
	committed     time.Time        // when the last commit began
	synced        time.Time        // the last synced commit
	givenUp       dropSet          // given up before it came here, noted with the work
	sinceSnapshot volume           // since the last snapshot
	trim          trimmer
	// snapshotRun is the run up to which the snapshots tell everything.
	snapshotRun int64
	timer       *time.Timer // plain OKs have waited long enough
	watchdog    *time.Timer // the commit under way takes too long

	// In memory only, on the way back to the disk:
	healing  *time.Timer // it is tried again
	trying   bool        // it is being tried
	found    chan probeResult
	move     *migration // under way
	holding  bool       // nothing is kept while it is
	moved    chan error
	patience *time.Timer // it takes too long
}

// volume counts what was written since something was last done about it.
type volume struct {
	runs  int
	bytes int64
}

func newCommitter(o *Outbox, s *runStore) *committer {
	k := &committer{
		o: o, store: s, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		found: make(chan probeResult, 1), moved: make(chan error, 1), synced: time.Now(), always: bootID() == "",
		timer: time.NewTimer(time.Hour), healing: time.NewTimer(o.options.probeEvery), patience: time.NewTimer(time.Hour),
	}
	k.timer.Stop()
	k.patience.Stop()
	if !s.InMemory() {
		k.healing.Stop()
	}
	k.watchdog = time.AfterFunc(o.options.stuckAfter, func() { o.refuse(k, errStuck) })
	k.watchdog.Stop()
	k.trim = trimmer{k: k, dropped: dropSet{}}
	return k
}

// run keeps until Close, or until another keeper has taken over. A timer runs
// only while something waits for it.
func (k *committer) run() {
	defer close(k.done)
	defer k.stopTimers()
	for {
		var err error
		select {
		case <-k.stop:
			k.finish()
			return
		case <-k.wake:
			err = k.woken()
		case <-k.timer.C:
			err = k.commitPending()
		case <-k.healing.C:
			k.tryDisk()
		case f := <-k.found:
			_ = k.moveTo(f) // what the disk said again is no news
		case moved := <-k.moved:
			_ = k.heal(moved)
			err = k.woken()
		case <-k.patience.C:
			err = k.loseHope()
		}
		if err != nil {
			k.giveUp(err)
		}
		if k.superseded() {
			k.abandon()
			return
		}
	}
}

// giveUp leaves the disk to memory. The disk is asked what ails it, and given no more
// than a second for that.
func (k *committer) giveUp(cause error) {
	k.watchdog.Reset(time.Second)
	k.o.refuse(k, cause)
	k.watchdog.Stop()
}

func (k *committer) stopTimers() {
	for _, t := range []*time.Timer{k.timer, k.healing, k.patience, k.watchdog} {
		t.Stop()
	}
}

// woken commits at once what can't wait, and else as soon as the last commit is long
// enough ago: one a second is kept at once, and wakes nobody twice.
func (k *committer) woken() error {
	k.o.mu.Lock()
	empty, urgent := k.o.pending.empty(), k.o.pending.urgent
	k.o.mu.Unlock()
	switch left := k.o.options.SyncEvery - time.Since(k.committed); {
	case empty:
		return nil
	case urgent || left <= 0:
		return k.commitPending()
	default:
		k.timer.Reset(left)
		return nil
	}
}

// commitPending commits what was appended and then tidies up.
func (k *committer) commitPending() error {
	k.timer.Stop()
	if k.holding || !k.begin() {
		return nil
	}
	k.watchdog.Reset(k.o.options.stuckAfter)
	defer k.watchdog.Stop()
	began := time.Now()
	k.committed = began
	if err := k.commit(began); err != nil {
		return err
	}
	if !k.publish(time.Since(began)) {
		return nil
	}
	if err := k.snapshotWhenDue(); err != nil {
		return err
	}
	return k.trim.step()
}

// begin takes over what was appended. It reports false when that is nothing.
func (k *committer) begin() bool {
	o := k.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.committer != k || o.pending.empty() {
		return false
	}
	k.batch.reset()
	k.batch, o.pending = o.pending, k.batch
	o.committing = k.batch.bytes
	k.givenUp, o.givenUp = o.givenUp, dropSet{}
	k.takePositions()
	return true
}

// superseded reports whether another keeper has taken over.
func (k *committer) superseded() bool {
	k.o.mu.Lock()
	defer k.o.mu.Unlock()
	return k.o.committer != k
}

// abandon lets go of a file that refused. What its closing says is of no use.
func (k *committer) abandon() {
	k.watchdog.Stop()
	_ = k.store.close()
	if !k.store.InMemory() {
		k.o.reader.abandoned()
	}
}
