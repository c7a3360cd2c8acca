package central

import (
	"context"
	"sync"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/sqlite"
)

const (
	// batchDelay is how long changes are collected into one transaction. A first
	// registration does not wait for it.
	batchDelay = 100 * time.Millisecond
	// diskRetry is the pause after a write that failed.
	diskRetry = 5 * time.Second
	// fullWriteInterval is how often the times of the last messages are written.
	fullWriteInterval = time.Minute
	// registrationWait is how long the reply to a first registration waits for the disk.
	registrationWait = 200 * time.Millisecond
)

// persister writes the board to disk, at the disk's own pace. It holds nothing but a
// position: what it has not written it reads from the board again, the newest
// conditions and those words that are still held.
type persister struct {
	c         *Central
	written   Position // of all conditions, and of the changes that led to them
	forgotten uint64   // how many charge points the disk has forgotten, as board.forgets counts them
	failing   bool
}

// stateBatch is what one transaction writes.
type stateBatch struct {
	forgotten []evcp.CPID
	cps       []cpstate.Condition
	words     unsavedWords
	next      Position // when it is on disk
}

// persist runs until ctx ends, and then writes what is left.
func (c *Central) persist(ctx context.Context) {
	c.logRestored()
	signal, stop := c.board.watchChanges()
	defer stop()
	k := &persister{c: c}
	full := time.NewTicker(fullWriteInterval)
	defer full.Stop()
	for {
		k.write(k.takeChanged)
		changed := signal
		var retry <-chan time.Time
		if k.failing {
			changed, retry = nil, time.After(diskRetry)
		}
		select {
		case <-ctx.Done():
			k.write(k.takeAll)
			return
		case <-retry:
		case <-full.C:
			k.write(k.takeAll)
			k.trimWords()
		case <-changed:
			k.awaitBatch(ctx)
		}
	}
}

// awaitBatch waits for more to write, unless a reply waits for the disk.
func (k *persister) awaitBatch(ctx context.Context) {
	enough := time.NewTimer(batchDelay)
	defer enough.Stop()
	select {
	case <-ctx.Done():
	case <-enough.C:
	case <-k.c.commits.urgent:
	}
}

// takeChanged takes the words since the last time, and the conditions that changed state. If
// some changes are no longer held, or the Certified of a charge point changed, it takes all.
func (k *persister) takeChanged() stateBatch {
	changes, missed, next := k.c.board.changesAfter(k.written.seq)
	if missed > 0 || k.c.board.certifiedAfter(k.written.version) {
		return k.takeAll()
	}
	b := stateBatch{words: k.c.board.takeWords(false, false), next: Position{version: k.written.version, seq: next}}
	for id := range changedCPs(changes) {
		if v, ok := k.c.CP(id); ok && v.Known() {
			b.cps = append(b.cps, v.Condition)
		}
	}
	return b
}

// takeAll takes the conditions and the words that changed in any way, such as by a last
// message.
func (k *persister) takeAll() stateBatch {
	d := k.c.board.since(k.written)
	b := stateBatch{cps: make([]cpstate.Condition, 0, len(d.CPs)), words: k.c.board.takeWords(true, k.written.version == 0), next: d.Next}
	for _, v := range d.CPs {
		if v.Known() {
			b.cps = append(b.cps, v.Condition)
		}
	}
	return b
}

// write writes one batch. The position moves when it is on disk.
func (k *persister) write(take func() stateBatch) {
	var forgotten []evcp.CPID
	var count uint64
	err := k.ensureFile()
	if err == nil {
		forgotten, count = k.c.board.takeForgotten() // before the rest: it may have registered again
		b := take()
		b.forgotten = forgotten
		err = k.save(b)
	}
	if sqlite.Unusable(err) != "" { // it broke while it was open; a new one knows nothing of what is forgotten
		if err = k.c.file.replace(err); err == nil {
			err = k.rewrite()
		}
	}
	if err != nil {
		k.c.board.forgetLater(forgotten)
	} else {
		k.forgotten = max(k.forgotten, count)
	}
	k.showError(err)
	k.failing = err != nil
	k.c.commits.advance(k.written.seq, k.forgotten, k.failing)
}

func (k *persister) save(b stateBatch) error {
	if err := k.c.file.save(b.forgotten, b.cps, b.words); err != nil {
		k.c.board.keepWords(b.words)
		return err
	}
	if b.words.missed > 0 {
		k.c.log.Error("what Monitors said is not on disk: the disk was too slow", "messages", b.words.missed)
	}
	k.written = b.next
	return nil
}

// showError sets the error of the last write in the Figures, and logs when the disk
// begins and ceases to fail.
func (k *persister) showError(err error) {
	why := ""
	switch {
	case err != nil:
		why = sqlite.DiskError(k.c.o.StateDir, err)
		if !k.failing {
			k.c.log.Error("can't write to the state folder; goes on in memory", "folder", k.c.o.StateDir, "error", why, "retry", diskRetry)
		}
	case k.failing:
		k.c.log.Info("the state folder can be written again")
	}
	k.c.board.setFigures(func(f *Figures) { f.DiskError = why })
}

// ensureFile makes sure that the open file is the one in the folder. A file that was
// deleted is made anew, with all conditions. A file that could not be opened before,
// or that somebody put there, is read for charge points that are not known.
func (k *persister) ensureFile() error {
	hadFile := k.c.file.db != nil
	opened, err := k.c.file.ensure()
	if !opened {
		return err
	}
	if hadFile {
		k.c.log.Warn("the state file was taken away or replaced; all that is known is written again", "folder", k.c.o.StateDir)
	}
	now := time.Now()
	if err := k.c.restore(now); err != nil {
		return err
	}
	k.c.logRestored()
	if k.c.o.Registry != nil {
		k.c.applyRegistry(now)
	}
	return k.rewrite()
}

// rewrite writes all conditions, and the words that are not written yet.
func (k *persister) rewrite() error {
	k.written.version = 0
	return k.save(k.takeAll())
}

func (k *persister) trimWords() {
	if k.failing {
		return
	}
	if err := k.c.file.trimWords(time.Now(), wordsTotal); err != nil {
		k.c.log.Error("can't delete the oldest words", "error", err)
	}
}

// commitWaiter lets a reply wait until a change is on disk. A registration that was
// answered and then lost would silence a first Monitor for good: it registers once,
// and does not react to "not registered". A charge point that was forgotten would be back
// after a restart.
type commitWaiter struct {
	urgent chan struct{} // somebody waits

	mu        sync.Mutex
	committed uint64        // the last change on disk
	forgotten uint64        // how many charge points the disk has forgotten
	failing   bool          // the disk fails: nobody waits
	changed   chan struct{} // closed at the next advance
}

func newCommitWaiter() *commitWaiter {
	return &commitWaiter{urgent: make(chan struct{}, 1), changed: make(chan struct{})}
}

// advance records how far the disk is, and whether it fails.
func (w *commitWaiter) advance(committed, forgotten uint64, failing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.committed, w.forgotten, w.failing = committed, forgotten, failing
	close(w.changed)
	w.changed = make(chan struct{})
}

// waitChange returns when the numbered change is on disk, at once if the disk fails, and
// after the limit in any case.
func (w *commitWaiter) waitChange(change uint64, limit time.Duration) {
	w.wait(limit, func() bool { return w.committed >= change })
}

// waitForgotten is waitChange for the charge point that was forgotten as the numbered one.
// It reports whether the disk has forgotten it.
func (w *commitWaiter) waitForgotten(number uint64, limit time.Duration) bool {
	return w.wait(limit, func() bool { return w.forgotten >= number })
}

// wait calls done with the lock.
func (w *commitWaiter) wait(limit time.Duration, done func() bool) (onDisk bool) {
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		w.mu.Lock()
		onDisk, failing, changed := done(), w.failing, w.changed
		w.mu.Unlock()
		if onDisk || failing {
			return onDisk
		}
		select {
		case w.urgent <- struct{}{}:
		default: // already signalled
		}
		select {
		case <-changed:
		case <-late.C:
			return false
		}
	}
}
