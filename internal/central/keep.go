package central

import (
	"context"
	"time"

	"evcp/internal/central/cpstate"
	"evcp/internal/sqlite"
	"evcp/internal/wait"
)

const (
	// batchDelay is how long changes are collected into one transaction.
	// Whoever registers for the first time is not kept waiting for it.
	batchDelay = 100 * time.Millisecond
	// diskRetry is the pause after a disk that refused.
	diskRetry = 5 * time.Second
	// fullWriteInterval is how often the time of the last words is written.
	fullWriteInterval = time.Minute
)

// persister brings the board to disk, at the disk's own pace. What it has not
// written yet it takes from the board again: the newest states, and of the
// changes what is left.
type persister struct {
	c       *Central
	states  Position // states written up to here
	changes Position // changes written up to here
	failing bool
}

// persist runs until ctx ends, and then writes what is left.
func (c *Central) persist(ctx context.Context) {
	c.logRestored()
	signal, stop := c.Watch()
	defer stop()
	k := &persister{c: c}
	all := time.NewTicker(fullWriteInterval)
	defer all.Stop()
	for {
		k.write(k.takeChanged)
		select {
		case <-ctx.Done():
			k.write(k.takeAll)
			return
		case <-k.retry(): // also when nobody says anything
		case <-all.C:
			k.write(k.takeAll)
			k.trimHistory()
		case <-signal:
			k.awaitBatch(ctx)
		}
	}
}

// retry is when a disk that refused is tried once more; never while all is well.
func (k *persister) retry() <-chan time.Time {
	if !k.failing {
		return nil
	}
	return time.After(diskRetry)
}

// awaitBatch waits for more to write, unless somebody waits for the disk.
func (k *persister) awaitBatch(ctx context.Context) {
	if k.failing {
		wait.For(ctx, diskRetry)
		return
	}
	enough := time.NewTimer(batchDelay)
	defer enough.Stop()
	select {
	case <-ctx.Done():
	case <-enough.C:
	case <-k.c.commits.urgent:
	}
}

// takeChanged takes the changes since the last time and the states they led to. Where
// some are forgotten already, all states are taken.
func (k *persister) takeChanged() ([]cpstate.Condition, []Change, func()) {
	changes, missed, next := k.c.board.changesSince(k.changes)
	if missed > 0 {
		return k.takeAll()
	}
	var cps []cpstate.Condition
	for _, id := range changed(changes) {
		if v, ok := k.c.CP(id); ok {
			cps = append(cps, v.Condition)
		}
	}
	return cps, changes, func() { k.changes = next }
}

// takeAll takes the states that changed in any way, such as by a last word.
func (k *persister) takeAll() ([]cpstate.Condition, []Change, func()) {
	d := k.c.board.since(Position{version: k.states.version, seq: k.changes.seq})
	cps := make([]cpstate.Condition, len(d.CPs))
	for i, v := range d.CPs {
		cps[i] = v.Condition
	}
	return cps, d.Changes, func() {
		if d.Missed > 0 {
			k.c.log.Error("the history has a gap: the disk was too slow", "changes", d.Missed)
		}
		k.states, k.changes = d.Next, d.Next
	}
}

// write brings one batch to disk. The cursors move when it is there.
func (k *persister) write(take func() ([]cpstate.Condition, []Change, func())) {
	err := k.ensureFile()
	if err == nil {
		cps, changes, done := take()
		if err = k.c.store.save(cps, changes); err == nil {
			done()
		}
	}
	if sqlite.Unusable(err) != "" {
		err = k.replaceFile(err)
	}
	if err == nil {
		k.recovered()
	} else {
		k.failed(err)
	}
	k.c.commits.advance(k.changes.seq, k.failing)
}

func (k *persister) recovered() {
	if k.failing {
		k.c.log.Info("the state folder can be written again")
		k.c.meter.diskError.Store(nil)
	}
	k.failing = false
}

func (k *persister) failed(err error) {
	why := sqlite.DiskError(k.c.o.StateDir, err)
	k.c.meter.diskError.Store(&why)
	if !k.failing {
		k.c.log.Error("can't write to the state folder; goes on in memory", "folder", k.c.o.StateDir, "error", why, "retry", diskRetry)
	}
	k.failing = true
}

// ensureFile makes sure that the file which is written stands in the folder. One that
// was taken away is made anew, with all states; from one that could not be opened
// before, or was put there by somebody, we learn what we did not know.
func (k *persister) ensureFile() error {
	had := k.c.store.db != nil
	made, err := k.c.store.ensure()
	if !made {
		return err
	}
	if had {
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

// replaceFile replaces a file that broke under our hands by one with all states.
func (k *persister) replaceFile(why error) error {
	note, err := k.c.store.replace(why)
	if err != nil {
		return err
	}
	k.c.log.Warn("put an unusable state file aside and began a new one", "file", note.file, "why", note.why)
	return k.rewrite()
}

// rewrite writes all states, and what is left of the changes.
func (k *persister) rewrite() error {
	k.states = Position{}
	cps, changes, done := k.takeAll()
	if err := k.c.store.save(cps, changes); err != nil {
		return err
	}
	done()
	return nil
}

func (k *persister) trimHistory() {
	if k.failing {
		return
	}
	if err := k.c.store.trimHistory(time.Now(), historyTotal); err != nil {
		k.c.log.Error("can't shorten the history", "error", err)
	}
}
