package central

import (
	"context"
	"time"

	"evcp"
	"evcp/internal/central/standing"
	"evcp/internal/pause"
)

const (
	// gather is how long changes are collected into one transaction.
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
		case <-all.C:
			k.write(k.everything)
			k.forget()
		case <-signal:
			pause.For(ctx, gather)
		}
		if k.failing {
			pause.For(ctx, retryDisk)
		}
	}
}

// changed takes the changes since the last time and the states they led to.
func (k *keeper) changed() ([]standing.CP, []Change, func()) {
	changes, missed, next := k.c.board.changesSince(k.changes)
	if missed > 0 {
		k.c.log.Error("the history has a gap: the disk was too slow", "changes", missed)
	}
	seen := map[evcp.CPID]bool{}
	var cps []standing.CP
	for _, change := range changes {
		if v, ok := k.c.CP(change.CP); ok && !seen[change.CP] {
			seen[change.CP] = true
			cps = append(cps, v.CP)
		}
	}
	return cps, changes, func() { k.changes = next }
}

// everything takes the states that changed in any way, such as by a last word.
func (k *keeper) everything() ([]standing.CP, []Change, func()) {
	d := k.c.board.since(Cursor{version: k.states.version, seq: k.changes.seq})
	cps := make([]standing.CP, len(d.CPs))
	for i, v := range d.CPs {
		cps[i] = v.CP
	}
	return cps, d.Changes, func() { k.states, k.changes = d.Next, d.Next }
}

// write brings one batch to disk. The cursors move when it is there.
func (k *keeper) write(take func() ([]standing.CP, []Change, func())) {
	cps, changes, done := take()
	err := k.c.store.save(cps, changes)
	if unusable(err) != "" {
		err = k.renew(err)
	}
	if err == nil {
		k.recovered()
		done()
		return
	}
	if !k.failing {
		k.c.log.Error("can't write to the state folder; goes on in memory", "error", err, "retry", retryDisk)
	}
	k.failing = true
}

func (k *keeper) recovered() {
	if k.failing {
		k.c.log.Info("the state folder can be written again")
	}
	k.failing = false
}

// renew replaces a file that broke under our hands by one with all states.
func (k *keeper) renew(why error) error {
	note, err := k.c.store.renew(why)
	if err != nil {
		return err
	}
	k.c.log.Warn("put an unusable state file aside and began a new one", "file", note.file, "why", note.why)
	k.states = Cursor{}
	cps, changes, done := k.everything()
	if err := k.c.store.save(cps, changes); err != nil {
		return err
	}
	done()
	return nil
}

func (k *keeper) forget() {
	if err := k.c.store.forget(time.Now()); err != nil && !k.failing {
		k.c.log.Error("can't shorten the history", "error", err)
	}
}
