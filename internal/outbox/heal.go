package outbox

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ncruces/go-sqlite3"

	"evcp"
)

// found is a disk that works again, or not.
type foundDisk struct {
	store *store
	lock  *os.File // taken now; nil when it was held all the time
	aside string   // a file that was put aside on the way
	err   error
}

// tryDisk looks whether the disk works again, on a goroutine of its own: a disk
// that stands still must not hold up the keeper.
func (k *keeper) tryDisk() {
	k.trying = true
	go func() { k.healed <- k.o.findDisk(time.Now()) }()
}

// findDisk opens the file and proves that it can be written and read.
func (o *Outbox) findDisk(now time.Time) (f foundDisk) {
	if f.err = os.MkdirAll(o.dir, 0o700); f.err != nil {
		return f
	}
	if !o.isLocked() {
		if f.lock, f.err = lockFolder(o.dir); f.err != nil {
			return f
		}
	}
	f.store, f.err = o.sound()
	if why := unusable(f.err); why != "" {
		if f.aside, f.err = putAside(o.dir, why, now); f.err == nil {
			f.store, f.err = o.sound()
		}
	}
	if f.err != nil && f.lock != nil {
		f.err = errors.Join(f.err, f.lock.Close())
	}
	return f
}

// sound opens the file if all of it can be read and it can be written.
func (o *Outbox) sound() (*store, error) {
	s, err := openStore(o.dir, o.options.VFS, o.options.MaxSize)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(thorough(s), s.transact(true, func() error { return s.setMeta("open", bootID()) })); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// heal moves what is in memory to the disk and goes on there. Numbers go on too:
// nothing was lost.
func (k *keeper) heal(f foundDisk) error {
	k.trying = false
	if f.err != nil {
		k.healing.Reset(k.o.options.healEvery)
		return f.err
	}
	m := &move{from: k.store, to: f.store}
	k.o.plan(m)
	err := f.store.transact(true, m.write)
	if err == nil {
		err = k.o.prove()
	}
	if err != nil {
		k.healing.Reset(k.o.options.healEvery)
		return errors.Join(err, f.store.close(), closeFile(f.lock))
	}
	k.o.moved(k, m, f.lock)
	k.snapshotRun, k.trim = m.keptRun, trimmer{k: k, told: droplist{}}
	k.o.reads.rest()
	k.o.teller.healed(f.aside)
	return m.from.locked(m.from.close)
}

// move is everything that goes from memory to the disk.
type move struct {
	from, to  *store
	instance  string
	blind     bool     // nothing was ever read from the disk
	void      [2]int64 // runs between these never were
	keptRun   int64
	known     []standing
	positions []waypoint
	goBack    map[string]waypoint // cursors that passed over what the disk holds
	shift     total               // what the disk had before, when blind
	runs      int
}

// plan lists what there is to move.
func (o *Outbox) plan(m *move) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m.instance, m.blind, m.keptRun = o.options.Instance, o.blind, o.keptRun
	m.void = [2]int64{o.diskRun, o.memoryFrom}
	for i := range o.known {
		if o.known[i].state != (evcp.State{}) {
			m.known = append(m.known, o.known[i])
		}
	}
	m.goBack = map[string]waypoint{}
	for _, c := range o.cursors {
		switch {
		case c.follow || !m.blind && c.jumped == nil:
			m.positions = append(m.positions, c.position())
		case m.blind:
			m.goBack[c.name] = waypoint{name: c.name}
		default:
			m.goBack[c.name] = *c.jumped
		}
	}
}

// write is the body of the transaction on the disk.
func (m *move) write() error {
	if m.blind {
		if err := m.lookBack(); err != nil {
			return err
		}
	} else if err := m.to.do(`DELETE FROM runs WHERE id > ? AND id < ?`, m.void[0], m.void[1]); err != nil {
		return err
	}
	if err := m.copyRuns(); err != nil {
		return err
	}
	drops, err := m.from.drops()
	if err != nil {
		return err
	}
	for _, p := range m.goBack {
		m.positions = append(m.positions, p)
	}
	return errors.Join(m.to.setMeta("instance", m.instance), m.to.saveDrops(drops), m.to.saveStates(m.keptRun, m.known), m.to.savePositions(m.positions))
}

// errBehind is a clock that stands before the history on the disk: our runs would
// come before those that are there.
var errBehind = errors.New("the clock is behind what is on the disk")

// lookBack reads how far an earlier life had come with this file.
func (m *move) lookBack() error {
	var last int64
	if err := m.to.ask(`SELECT id, events, bytes FROM runs ORDER BY id DESC LIMIT 1`, &last, &m.shift.events, &m.shift.bytes); err != nil {
		return err
	}
	if last >= m.void[1] {
		return errBehind
	}
	return m.to.waypoints(func(at waypoint) {
		if _, ok := m.goBack[at.name]; ok {
			m.goBack[at.name] = at
		}
	})
}

func (m *move) copyRuns() error {
	return m.from.each(`SELECT id, at, until, count, facts, reports, events, bytes, body FROM runs ORDER BY id`,
		func(p *sqlite3.Stmt) error {
			m.runs++
			return m.to.insert(&chunk{
				Run: Run{
					ID: p.ColumnInt64(0), First: evcp.Stamp(p.ColumnInt64(1)), Last: evcp.Stamp(p.ColumnInt64(2)),
					Count: p.ColumnInt(3), Lines: p.ColumnRawText(8), events: p.ColumnInt64(6) + m.shift.events,
				},
				facts: p.ColumnInt(4), reports: p.ColumnInt(5), bytes: p.ColumnInt64(7) + m.shift.bytes,
			})
		})
}

// moved makes the disk the place where everything is.
func (o *Outbox) moved(k *keeper, m *move, lock *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if lock != nil {
		o.lock = lock
	}
	k.store = m.to
	o.memoryFrom = 0
	o.counts.refusedSince, o.counts.refusedWhy = time.Time{}, ""
	for i := range o.known {
		o.known[i].changed = false
	}
	o.shift(m.shift)
	for name, at := range m.goBack {
		c := o.cursors[name]
		c.at, c.saved, c.next, c.out, c.jumped = at, at, at.run, nil, nil
		poke(c.wake)
	}
	o.blind = false
}

// shift adds what the disk had before to the totals that were counted without it.
func (o *Outbox) shift(by total) {
	if by == (total{}) {
		return
	}
	o.written.add(by)
	o.keptTotal.add(by)
	o.recent = recent{}
	for _, c := range o.load.chunks {
		c.events += by.events
		c.bytes += by.bytes
	}
}

func (t *total) add(by total) {
	t.events += by.events
	t.bytes += by.bytes
}

// lastHeal is what a keeper in memory does before it ends: try the disk once more.
func (k *keeper) lastHeal() error {
	var f foundDisk
	if k.trying {
		f = <-k.healed
	} else {
		f = k.o.findDisk(time.Now())
	}
	if err := k.heal(f); err != nil {
		return errors.Join(fmt.Errorf("%s: what was kept in memory is lost: %w", k.o.dir, err), k.store.close())
	}
	return errors.Join(k.seal(), k.store.close())
}

func closeFile(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}
