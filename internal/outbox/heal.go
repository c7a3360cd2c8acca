package outbox

import (
	"errors"
	"fmt"
	"os"
	"time"

	"evcp/internal/folder"
	"evcp/internal/sqlite"
)

// probeResult is a disk that works again, or not.
type probeResult struct {
	store *runStore
	lock  *folder.Lock // taken now; nil when it was held all the time
	aside string       // a file that was put aside on the way
	err   error
}

// release lets go of it.
func (f probeResult) release() error {
	err := f.store.close()
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	return err
}

// tryDisk looks whether the disk works again, on a goroutine of its own: a disk
// that stands still must not hold up the keeper.
func (k *committer) tryDisk() {
	k.trying = true
	k.o.reader.begin()
	go func() { k.found <- k.o.findDisk(time.Now()) }()
}

// findDisk opens the file and proves that it can be written and read.
func (o *Outbox) findDisk(now time.Time) (f probeResult) {
	if f.err = os.MkdirAll(o.dir, 0o700); f.err != nil {
		return f
	}
	if !o.isLocked() {
		if f.lock, f.err = folder.Acquire(o.dir, lockName); f.err != nil {
			return f
		}
	}
	f.store, f.err = o.sound(now)
	if kind := sqlite.Unusable(f.err); kind != "" {
		if f.aside, f.err = folder.PutAside(o.path(), kind, now); f.err == nil {
			f.store, f.err = o.sound(now)
		}
	}
	return f
}

// sound opens the file if all of it can be read and it can be written. What is
// written differs each time, or SQLite would see that nothing is to be done.
func (o *Outbox) sound(now time.Time) (*runStore, error) {
	s, err := openStore(o.file(), o.options.MaxSize)
	if err != nil {
		return nil, err
	}
	err = s.QuickCheck()
	if err == nil {
		err = s.Transact(true, func() error {
			return errors.Join(s.setMeta("open", bootID()), s.setMeta("tried", now.UTC().Format(time.RFC3339Nano)))
		})
	}
	return s.checked(err)
}

// moveTo begins to move what is in memory to the disk. Nothing is kept meanwhile,
// so that what moves is all there is; but only for as long as a commit may take.
func (k *committer) moveTo(f probeResult) error {
	k.trying = false
	if f.err != nil {
		return k.tryLater(f, f.err)
	}
	k.move, k.holding = k.o.plan(k.store, f), true
	k.patience.Reset(k.o.options.stuckAfter)
	m := k.move
	go func() { k.moved <- m.run(k.o.placeMarker) }()
	return nil
}

// tryLater gives the disk up for now.
func (k *committer) tryLater(f probeResult, why error) error {
	err := errors.Join(why, f.release())
	k.healing.Reset(k.o.options.probeEvery)
	k.o.reader.fail()
	k.o.wakeCursors()
	return err
}

// loseHope goes on in memory although a move is under way: the disk stands still.
func (k *committer) loseHope() error {
	k.holding = false
	return k.woken()
}

// heal makes the disk the store again, if the move came to a good end in time.
// Numbers go on: nothing was lost.
func (k *committer) heal(err error) error {
	m, inTime := k.move, k.holding
	k.move, k.holding = nil, false
	k.patience.Stop()
	if err == nil && !inTime {
		k.o.removeMarker()
		err = errStuck
	}
	if err != nil {
		return k.tryLater(m.disk, err)
	}
	k.o.settle(k, m)
	k.o.notifier.dropped(k.trim.dropped)
	k.snapshotRun, k.trim = m.keptRun, trimmer{k: k, dropped: dropSet{}}
	k.o.reader.succeed()
	k.o.wakeCursors()
	k.o.notifier.healed(m.disk.aside)
	return m.from.WithLock(m.from.close)
}

// lastHeal is what a keeper in memory does before it ends: try the disk once more.
func (k *committer) lastHeal() error {
	if !k.trying {
		k.tryDisk()
	}
	err := k.moveTo(<-k.found)
	if err == nil {
		err = k.heal(<-k.moved)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: what was kept in memory is lost: %w", k.o.dir, err), k.store.close())
	}
	return errors.Join(k.seal(), k.store.close())
}

// settle makes the disk the place where everything is.
func (o *Outbox) settle(k *committer, m *migration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m.disk.lock != nil {
		o.lock = m.disk.lock
	}
	k.store = m.disk.store
	o.memoryFrom = 0
	o.counts.refusedSince, o.counts.refusedWhy = time.Time{}, ""
	for i := range o.states {
		o.states[i].changed = false
	}
	o.shift(m.shift)
	for name, at := range m.goBack {
		c := o.cursors[name]
		c.at, c.saved, c.next, c.out, c.skippedFrom = at, at, at.run, nil, nil
	}
	o.unread = false
}

// shift adds what the disk had before to the totals that were counted without it.
func (o *Outbox) shift(by total) {
	if by == (total{}) {
		return
	}
	o.written.add(by)
	o.keptTotal.add(by)
	o.recent = recent{}
	for _, c := range o.pending.runs {
		c.events += by.events
		c.bytes += by.bytes
	}
}

func (t *total) add(by total) {
	t.events += by.events
	t.bytes += by.bytes
}
