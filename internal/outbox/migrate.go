package outbox

import (
	"errors"
	"strconv"
)

// migration is everything that goes from memory to a disk. It may be made twice: its
// commit may have taken place although that was not known in time.
type migration struct {
	from      runStore
	disk      probeResult
	host      host
	unread    bool     // the file was never read
	invalid   [2]int64 // runs between these are not valid
	keptRun   int64
	states    []keptState
	positions []cursorPosition
	goBack    map[string]cursorPosition // cursors that passed over what the disk holds
	shift     total                     // what the file had before, when unread
}

// plan lists what there is to migrate. The committer calls it.
func (o *Outbox) plan(from runStore, disk probeResult) *migration {
	m := &migration{from: from, disk: disk, host: o.host, states: o.copyStates(), goBack: map[string]cursorPosition{}}
	o.mu.Lock()
	defer o.mu.Unlock()
	m.unread, m.keptRun, m.invalid = o.unread, o.keptRun, [2]int64{o.diskRun, o.memoryFrom}
	if o.facts.wanted {
		m.positions = append(m.positions, o.facts.position())
	}
	for _, c := range o.cursors {
		switch {
		case m.unread:
			m.goBack[c.name] = cursorPosition{name: c.name}
		case c.skippedFrom != nil:
			m.goBack[c.name] = *c.skippedFrom
		default:
			m.positions = append(m.positions, c.at)
		}
	}
	return m
}

// copyStates copies all States, a slice at a time: Append needs the lock too. The
// committer, which alone changes them, calls it.
func (o *Outbox) copyStates() (all []keptState) {
	for from, more := 0, true; more; from += snapshotSlice {
		var some []keptState
		_, some, more = o.takeStates(from, true)
		all = append(all, some...)
	}
	return all
}

// write is the body of the transaction on the disk.
func (m *migration) write() error {
	for _, step := range []func() error{m.deleteInvalid, m.readUnread, m.copyRuns, m.writeRest} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// name is the same for every migration of one stay in memory.
func (m *migration) name() string { return strconv.FormatInt(m.invalid[1], 10) }

// deleteInvalid removes from the disk commits that succeeded after they had been given
// up, and an earlier migration that did.
func (m *migration) deleteInvalid() error {
	to := m.disk.store
	meta, err := to.meta()
	if err == nil && meta["moved"] == m.name() {
		err = to.Exec(`DELETE FROM runs WHERE id >= ?`, m.invalid[1])
	}
	if err == nil && !m.unread {
		err = to.Exec(`DELETE FROM runs WHERE id > ? AND id < ?`, m.invalid[0], m.invalid[1])
	}
	return err
}

// errBehind is a clock that is behind the history on the disk: our runs would come
// before those that are there.
var errBehind = errors.New("the clock is behind what is on the disk")

// readUnread reads the totals and positions of a file that was not read before.
func (m *migration) readUnread() error {
	if !m.unread {
		return nil
	}
	var last int64
	to := m.disk.store
	if err := to.QueryInts(`SELECT id, events, bytes FROM runs ORDER BY id DESC LIMIT 1`, &last, &m.shift.events, &m.shift.bytes); err != nil {
		return err
	}
	if last >= m.invalid[1] {
		return errBehind
	}
	return to.eachPosition(func(at cursorPosition) {
		if _, ok := m.goBack[at.name]; ok {
			m.goBack[at.name] = at
		}
	})
}

func (m *migration) copyRuns() error {
	for after := int64(0); ; {
		some, err := m.readRuns(after)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, r := range some {
			r.events += m.shift.events
			r.bytes += m.shift.bytes
			if err := m.disk.store.insert(&r); err != nil {
				return err
			}
			after = r.ID
		}
	}
}

// readRuns reads some rows from memory. Cursors read there too: the lock is not held
// while the disk works.
func (m *migration) readRuns(after int64) (some []runRow, err error) {
	err = m.from.WithLock(func() error {
		some, err = m.from.someRuns(mib, selectRuns+`id > ? ORDER BY id`, after)
		return err
	})
	return some, err
}

// givenUp reads what was noted in memory.
func (m *migration) givenUp() (l dropSet, all []setAsideEvent, err error) {
	err = m.from.WithLock(func() error {
		if l, err = m.from.drops(); err == nil {
			all, err = m.from.allSetAside()
		}
		return err
	})
	return l, all, err
}

// writeRest writes what there is besides the runs.
func (m *migration) writeRest() error {
	drops, setAside, err := m.givenUp()
	if err != nil {
		return err
	}
	for _, p := range m.goBack {
		m.positions = append(m.positions, p)
	}
	to := m.disk.store
	return errors.Join(to.setHost(m.host), to.setMeta("moved", m.name()), to.moveDrops(drops), to.saveSetAside(setAside),
		to.saveStates(m.keptRun, m.states), to.setCovered(m.keptRun), to.savePositions(m.positions))
}
