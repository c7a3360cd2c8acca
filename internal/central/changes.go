package central

import (
	"cmp"
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
	return c.board.watch(c.board.watchers)
}

// ChangesAfter are the changes of state after a number, how many of them are no longer held, and
// the number of the last one.
func (c *Central) ChangesAfter(seq uint64) (changes []Change, missed, next uint64) {
	return c.board.changesAfter(seq)
}

// WatchChanges is Watch for readers of ChangesAfter: heartbeats do not wake them.
func (c *Central) WatchChanges() (signal <-chan struct{}, stop func()) { return c.board.watchChanges() }

// watchChanges is Watch for readers of changes of state, of what is certified, and of what is
// forgotten: heartbeats do not wake them.
func (b *board) watchChanges() (signal <-chan struct{}, stop func()) {
	return b.watch(b.changeWatchers)
}

func (b *board) watch(watchers signals) (signal <-chan struct{}, stop func()) {
	w := make(chan struct{}, 1)
	w <- struct{}{}
	b.mu.Lock()
	defer b.mu.Unlock()
	watchers[w] = struct{}{}
	return w, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(watchers, w)
	}
}

// signals are raised together.
type signals map[chan struct{}]struct{}

func (s signals) raise() {
	for w := range s {
		select {
		case w <- struct{}{}:
		default: // it is still raised
		}
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

// minChanges is how many changes are held at least.
const minChanges = 8192

// changeLog holds the last changes. The zero value is ready.
type changeLog struct {
	changes []Change // the last has the number next
	next    uint64
}

// add adds a change. limit is how far behind a reader may be; up to twice as many are held.
func (l *changeLog) add(c Change, limit int) {
	l.next++
	c.Seq = l.next
	if len(l.changes) >= 2*limit {
		l.changes = append(l.changes[:0], l.changes[len(l.changes)-limit+1:]...)
	}
	l.changes = append(l.changes, c)
}

// after copies the changes after a number, and counts those that are no longer held.
func (l *changeLog) after(seq uint64) (changes []Change, missed uint64) {
	held := uint64(len(l.changes))
	if behind := l.next - seq; behind > held {
		missed = behind - held
		seq += missed
	}
	return slices.Clone(l.changes[held-(l.next-seq):]), missed
}
