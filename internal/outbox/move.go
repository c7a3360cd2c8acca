package outbox

import (
	"bytes"
	"errors"
	"strconv"

	"evcp"
	"evcp/internal/sqlite"
)

// migration is everything that goes from memory to a disk. It may be made again: its
// commit may have taken place although nobody heard of it in time.
type migration struct {
	from      *runStore
	disk      probeResult
	host      host
	blind     bool     // nothing was ever read from the disk
	void      [2]int64 // runs between these never were
	keptRun   int64
	known     []keptState
	positions []cursorPosition
	goBack    map[string]cursorPosition // cursors that passed over what the disk holds
	shift     total                     // what the disk had before, when blind
}

// plan lists what there is to move.
func (o *Outbox) plan(from *runStore, disk probeResult) *migration {
	o.mu.Lock()
	defer o.mu.Unlock()
	m := &migration{
		from: from, disk: disk, host: o.host, blind: o.unread, keptRun: o.keptRun,
		void: [2]int64{o.diskRun, o.memoryFrom}, goBack: map[string]cursorPosition{},
	}
	for i := range o.states {
		if o.states[i].state != (evcp.State{}) {
			m.known = append(m.known, o.states[i])
		}
	}
	for _, c := range o.cursors {
		switch {
		case c.follow || !m.blind && c.skippedFrom == nil:
			m.positions = append(m.positions, c.position())
		case m.blind:
			m.goBack[c.name] = cursorPosition{name: c.name}
		default:
			m.goBack[c.name] = *c.skippedFrom
		}
	}
	return m
}

// run moves everything in one commit and then says that the file has all numbers.
func (m *migration) run(prove func() error) error {
	if err := m.disk.store.Transact(true, m.write); err != nil {
		return err
	}
	return prove()
}

// write is the body of the transaction on the disk.
func (m *migration) write() error {
	for _, step := range []func() error{m.clear, m.lookBack, m.copyRuns, m.note} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// name is the same for every move of one stay in memory.
func (m *migration) name() string { return strconv.FormatInt(m.void[1], 10) }

// clear removes from the disk what never was: commits that came through after they
// had been given up, and an earlier move that did.
func (m *migration) clear() error {
	to := m.disk.store
	moved, err := to.meta("moved")
	if err == nil && moved == m.name() {
		err = to.Exec(`DELETE FROM runs WHERE id >= ?`, m.void[1])
	}
	if err == nil && !m.blind {
		err = to.Exec(`DELETE FROM runs WHERE id > ? AND id < ?`, m.void[0], m.void[1])
	}
	return err
}

// errBehind is a clock that stands before the history on the disk: our runs would
// come before those that are there.
var errBehind = errors.New("the clock is behind what is on the disk")

// lookBack reads how far an earlier life had come with a file that was not read.
func (m *migration) lookBack() error {
	if !m.blind {
		return nil
	}
	var last int64
	to := m.disk.store
	if err := to.QueryInts(`SELECT id, events, bytes FROM runs ORDER BY id DESC LIMIT 1`, &last, &m.shift.events, &m.shift.bytes); err != nil {
		return err
	}
	if last >= m.void[1] {
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
		some, err := m.chunks(after)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, c := range some {
			if err := errors.Join(m.disk.store.insert(c), m.disk.store.deleteToldDrops(c)); err != nil {
				return err
			}
			after = c.ID
		}
	}
}

// chunks reads some rows from memory. Cursors read there too, and nobody shall wait
// for the disk meanwhile.
func (m *migration) chunks(after int64) (some []*pendingRun, err error) {
	size := 0
	read := func(p *sqlite.Stmt) error {
		c := &pendingRun{
			Run: Run{
				ID: p.ColumnInt64(0), First: evcp.Stamp(p.ColumnInt64(1)), Last: evcp.Stamp(p.ColumnInt64(2)),
				Count: p.ColumnInt(3), Lines: bytes.Clone(p.ColumnRawText(8)), events: p.ColumnInt64(6) + m.shift.events,
			},
			facts: p.ColumnInt(4), reports: p.ColumnInt(5), bytes: p.ColumnInt64(7) + m.shift.bytes,
		}
		some = append(some, c)
		if size += len(c.Lines); size > mib {
			return sqlite.ErrStop
		}
		return nil
	}
	err = m.from.WithLock(func() error {
		return m.from.Query(`SELECT id, at, until, count, facts, reports, events, bytes, body FROM runs WHERE id > ? ORDER BY id`, read, after)
	})
	return some, err
}

func (m *migration) drops() (l dropSet, err error) {
	err = m.from.WithLock(func() error {
		l, err = m.from.drops()
		return err
	})
	return l, err
}

// note writes what there is besides the runs.
func (m *migration) note() error {
	drops, err := m.drops()
	if err != nil {
		return err
	}
	for _, p := range m.goBack {
		m.positions = append(m.positions, p)
	}
	to := m.disk.store
	return errors.Join(to.setHost(m.host), to.setMeta("moved", m.name()), to.moveDrops(drops),
		to.saveStates(m.keptRun, m.known), to.savePositions(m.positions))
}
