package central

import (
	"cmp"
	"context"
	"slices"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
)

// Change is one charge point that moved from a state to another.
type Change struct {
	Seq    uint64 // from 1, gapless since Central started
	CP     evcp.CPID
	From   cpstate.Availability
	To     cpstate.Availability
	Reason cpstate.Reason
	Status evcp.Status   // of its last heartbeat; Unknown if a later report contradicts it
	At     time.Time     // when Central saw it
	Lasted time.Duration // how long From lasted; 0 for a first registration
	Peer   string        // the address that sent last
}

// Position is how far one reader of the board has come. The zero Position has read
// nothing.
type Position struct{ version, seq uint64 }

// Delta is what changed on the board since a Position.
type Delta struct {
	CPs     []CPView // the charge points that changed, by id; all of them for the zero Position
	Changes []Change // changes of state, in order
	Missed  uint64   // changes that were no longer held
	Removed bool     // a charge point was removed: what is not in the zero Position's CPs is gone
	Next    Position
}

// Since is what changed on the board since the position.
func (c *Central) Since(p Position) Delta { return c.board.since(p) }

// Snapshot is what changed since the position, and everything, of one moment.
func (c *Central) Snapshot(p Position) (changed, all Delta) {
	c.board.mu.Lock()
	changed, all = c.board.collect(p), c.board.collect(Position{})
	c.board.mu.Unlock()
	changed.sort()
	all.sort()
	return changed, all
}

// Watch gives a signal that is raised at every change and stays raised until it is
// received, and a func that ends it. It is raised at first: what changed between a
// reader's position and its Watch is to be read too.
func (c *Central) Watch() (signal <-chan struct{}, stop func()) {
	w := make(chan struct{}, 1)
	w <- struct{}{}
	c.board.mu.Lock()
	defer c.board.mu.Unlock()
	c.board.watchers[w] = struct{}{}
	return w, func() {
		c.board.mu.Lock()
		defer c.board.mu.Unlock()
		delete(c.board.watchers, w)
	}
}

// CPs are all charge points, by id.
func (c *Central) CPs() []CPView { return c.board.since(Position{}).CPs }

// CP is one charge point.
func (c *Central) CP(id evcp.CPID) (CPView, bool) {
	c.board.mu.Lock()
	defer c.board.mu.Unlock()
	p, ok := c.board.cps[id]
	if !ok {
		return CPView{}, false
	}
	return p.CPView, true
}

// follow calls f for each change of state after a number, in order, until ctx ends.
// When f is more than maxChanges behind, the oldest are skipped and missed counts them.
func (c *Central) follow(ctx context.Context, seq uint64, signal <-chan struct{}, f func(Change, uint64)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signal:
		}
		changes, missed, next := c.board.changesAfter(seq)
		seq = next
		for _, change := range changes {
			f(change, missed)
			missed = 0
		}
	}
}

func (b *board) since(p Position) Delta {
	b.mu.Lock()
	d := b.collect(p)
	b.mu.Unlock()
	d.sort()
	return d
}

// collect copies what changed, the newest first. The caller holds the lock.
func (b *board) collect(p Position) Delta {
	d := Delta{Next: Position{version: b.version, seq: b.changes.next}, Removed: p.version > 0 && p.version < b.removed}
	d.Changes, d.Missed = b.changes.after(p.seq)
	if p.version == 0 {
		d.CPs = make([]CPView, 0, len(b.cps))
	}
	for place := b.byVersion.Front(); place != nil; place = place.Next() {
		e, _ := place.Value.(*boardEntry)
		if e.version <= p.version {
			break
		}
		d.CPs = append(d.CPs, e.CPView)
	}
	return d
}

// sort is called without the lock: it takes longer than the copying.
func (d *Delta) sort() {
	slices.SortFunc(d.CPs, func(x, y CPView) int { return cmp.Compare(x.ID, y.ID) })
}

// changesAfter is since for a reader of the changes alone. next is the number of the
// last change.
func (b *board) changesAfter(seq uint64) (changes []Change, missed, next uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	changes, missed = b.changes.after(seq)
	return changes, missed, b.changes.next
}

// certifiedAfter reports whether the Certified of a charge point changed after a version.
func (b *board) certifiedAfter(version uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.certified > version
}

// maxChanges is how far behind a reader of the changes may be: enough for eight
// thousand charge points that change at once.
const maxChanges = 8192

// changeRing holds the last changes. The zero value is ready.
type changeRing struct {
	changes []Change
	next    uint64 // the number of the last change
}

func (r *changeRing) add(c Change) {
	r.next++
	c.Seq = r.next
	if len(r.changes) < maxChanges {
		r.changes = append(r.changes, c)
		return
	}
	r.changes[(r.next-1)%maxChanges] = c
}

// after copies the changes after a number, and counts those that are no longer held.
func (r *changeRing) after(seq uint64) (changes []Change, missed uint64) {
	if behind := r.next - seq; behind > uint64(len(r.changes)) {
		missed = behind - uint64(len(r.changes))
		seq += missed
	}
	for n := seq; n < r.next; n++ {
		changes = append(changes, r.changes[n%maxChanges])
	}
	return changes, missed
}
