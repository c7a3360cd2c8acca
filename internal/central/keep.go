package central

import (
	"context"
	"time"

	"evcp/internal/central/cpstate"
	"evcp/internal/sqlite"
	"evcp/internal/wait"
)

const (
	// gather is how long changes are collected into one transaction.
	// Whoever registers for the first time is not kept waiting for it.
	gather = 100 * time.Millisecond
	// retryDisk is the pause after a disk that refused.
	retryDisk = 5 * time.Second
	// refresh is how often the time of the last words is written.
	refresh = time.Minute
)

// keeper brings the board to disk, at the disk's own pace. What it has not
// written yet it takes from the board again: the newest states, and of the
// changes what is left.
type keeper struct {
	c       *Central
	states  Cursor // states written up to here
	changes Cursor // changes written up to here
	failing bool
}

// keep runs until ctx ends, and then writes what is left.
func (c *Central) keep(ctx context.Context) {
	c.tellRemembered()
	signal, stop := c.Watch()
	defer stop()
	k := &keeper{c: c}
	all := time.NewTicker(refresh)
	defer all.Stop()
	for {
		k.write(k.changed)
		select {
		case <-ctx.Done():
			k.write(k.everything)
			return
		case <-k.again(): // also when nobody says anything
		case <-all.C:
			k.write(k.everything)
			k.forget()
		case <-signal:
			k.gather(ctx)
		}
	}
}

// again is when a disk that refused is tried once more; never while all is well.
func (k *keeper) again() <-chan time.Time {
	if !k.failing {
		return nil
	}
	return time.After(retryDisk)
}

// gather waits for more to write, unless somebody waits for the disk.
func (k *keeper) gather(ctx context.Context) {
	if k.failing {
		wait.For(ctx, retryDisk)
		return
	}
	enough := time.NewTimer(gather)
	defer enough.Stop()
	select {
	case <-ctx.Done():
	case <-enough.C:
	case <-k.c.kept.hurry:
	}
}

// changed takes the changes since the last time and the states they led to. Where
// some are forgotten already, all states are taken.
func (k *keeper) changed() ([]cpstate.CP, []Change, func()) {
	changes, missed, next := k.c.board.changesSince(k.changes)
	if missed > 0 {
		return k.everything()
	}
	var cps []cpstate.CP
	for _, id := range changed(changes) {
		if v, ok := k.c.CP(id); ok {
			cps = append(cps, v.CP)
		}
	}
	return cps, changes, func() { k.changes = next }
}

// everything takes the states that changed in any way, such as by a last word.
func (k *keeper) everything() ([]cpstate.CP, []Change, func()) {
	d := k.c.board.since(Cursor{version: k.states.version, seq: k.changes.seq})
	cps := make([]cpstate.CP, len(d.CPs))
	for i, v := range d.CPs {
		cps[i] = v.CP
	}
	return cps, d.Changes, func() {
		if d.Missed > 0 {
			k.c.log.Error("the history has a gap: the disk was too slow", "changes", d.Missed)
		}
		k.states, k.changes = d.Next, d.Next
	}
}

// write brings one batch to disk. The cursors move when it is there.
func (k *keeper) write(take func() ([]cpstate.CP, []Change, func())) {
	err := k.there()
	if err == nil {
		cps, changes, done := take()
		if err = k.c.store.save(cps, changes); err == nil {
			done()
		}
	}
	if sqlite.Unusable(err) != "" {
		err = k.renew(err)
	}
	if err == nil {
		k.recovered()
	} else {
		k.refused(err)
	}
	k.c.kept.tell(k.changes.seq, k.failing)
}

func (k *keeper) recovered() {
	if k.failing {
		k.c.log.Info("the state folder can be written again")
		k.c.meter.refusal.Store(nil)
	}
	k.failing = false
}

func (k *keeper) refused(err error) {
	why := sqlite.DiskError(k.c.o.StateDir, err)
	k.c.meter.refusal.Store(&why)
	if !k.failing {
		k.c.log.Error("can't write to the state folder; goes on in memory", "folder", k.c.o.StateDir, "error", why, "retry", retryDisk)
	}
	k.failing = true
}

// there makes sure that the file which is written stands in the folder. One that
// was taken away is made anew, with all states; from one that could not be opened
// before, or was put there by somebody, we learn what we did not know.
func (k *keeper) there() error {
	had := k.c.store.db != nil
	made, err := k.c.store.ensure()
	if !made {
		return err
	}
	if had {
		k.c.log.Warn("the state file was taken away or replaced; all that is known is written again", "folder", k.c.o.StateDir)
	}
	now := time.Now()
	if err := k.c.recall(now); err != nil {
		return err
	}
	k.c.tellRemembered()
	if k.c.o.Registry != nil {
		k.c.unlist(now)
	}
	return k.all()
}

// renew replaces a file that broke under our hands by one with all states.
func (k *keeper) renew(why error) error {
	note, err := k.c.store.renew(why)
	if err != nil {
		return err
	}
	k.c.log.Warn("put an unusable state file aside and began a new one", "file", note.file, "why", note.why)
	return k.all()
}

// all writes all states, and what is left of the changes.
func (k *keeper) all() error {
	k.states = Cursor{}
	cps, changes, done := k.everything()
	if err := k.c.store.save(cps, changes); err != nil {
		return err
	}
	done()
	return nil
}

func (k *keeper) forget() {
	if k.failing {
		return
	}
	if err := k.c.store.forget(time.Now(), keptInAll); err != nil {
		k.c.log.Error("can't shorten the history", "error", err)
	}
}
