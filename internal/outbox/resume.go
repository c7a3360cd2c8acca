package outbox

import (
	"errors"

	"evcp"
)

// read takes in what the file knows.
func (o *Outbox) read(s *runStore, found Found) error {
	o.result.Found = found
	doubt, err := o.numberingDoubt(s, found)
	if err != nil {
		return err
	}
	h, err := replay(s)
	if err != nil {
		return err
	}
	if err := o.readPositions(s, h.snapshot); err != nil {
		return err
	}
	o.setStates(h)
	o.result.Replayed = h.replayed
	if doubt != "" {
		o.result.Renumber, o.result.Why = true, doubt
		o.renumber()
	}
	return errors.Join(o.readReports(s), o.readOldest(s))
}

// readPositions finds where writing and reading go on.
func (o *Outbox) readPositions(s *runStore, snapshot int64) (err error) {
	o.snapshotRun = snapshot
	if err := s.QueryInts(`SELECT id, events, bytes FROM runs ORDER BY id DESC LIMIT 1`,
		&o.keptRun, &o.keptTotal.events, &o.keptTotal.bytes); err != nil {
		return err
	}
	if err := o.readCursors(s); err != nil {
		return err
	}
	o.keptRun = max(o.keptRun, snapshot)
	for _, c := range o.cursors {
		o.keptRun = max(o.keptRun, c.at.run)
		if !c.follow {
			o.keptTotal.events = max(o.keptTotal.events, c.at.events)
		}
	}
	o.nextRun, o.written = o.keptRun, o.keptTotal
	o.oldDrops, err = s.drops()
	return err
}

func (o *Outbox) readCursors(s *runStore) error {
	return s.eachPosition(func(at cursorPosition) {
		c := o.cursor(at.name)
		c.at, c.saved, c.next = at, at, at.run
	})
}

// readOldest finds when the first event happened that a cursor does not have.
func (o *Outbox) readOldest(s *runStore) error {
	for _, c := range o.cursors {
		var at int64
		if err := s.QueryIntsFor(`SELECT at FROM runs WHERE id > ? ORDER BY id LIMIT 1`, []any{c.at.run}, &at); err != nil {
			return err
		}
		c.oldest = evcp.Stamp(at)
	}
	return nil
}
