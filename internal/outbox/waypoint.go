package outbox

import "evcp/internal/sqlite"

// cursorPosition is a position of a cursor, as the file has it: everything up to the
// run is delivered.
type cursorPosition struct {
	name    string
	run     int64
	events  int64 // ever appended, with that run; for Central: the position that is settled
	dropped int64 // events after it that were given up
}

// eachPosition reads how far the cursors are.
func (s *runStore) eachPosition(f func(cursorPosition)) error {
	return s.Query(`SELECT name, run, events, dropped FROM cursors`, func(p *sqlite.Stmt) error {
		f(cursorPosition{p.ColumnText(0), p.ColumnInt64(1), p.ColumnInt64(2), p.ColumnInt64(3)})
		return nil
	})
}

// savePositions writes how far the cursors are.
func (s *runStore) savePositions(all []cursorPosition) error {
	for _, p := range all {
		if err := s.Exec(`INSERT INTO cursors VALUES (?,?,?,?) ON CONFLICT DO UPDATE
			SET run=excluded.run, events=excluded.events, dropped=excluded.dropped`, p.name, p.run, p.events, p.dropped); err != nil {
			return err
		}
	}
	return nil
}

// takePositions notes how far the cursors have moved. Central's moves with every
// run and is worth no write of its own. The caller holds the lock.
func (k *committer) takePositions() {
	k.positions = k.positions[:0]
	var central *Cursor
	for _, c := range k.o.cursors {
		if c.follow {
			central = c
		} else {
			k.takePosition(c, 0)
		}
	}
	if central != nil && len(k.positions) == 0 {
		k.takePosition(central, snapshotRuns)
	} else if central != nil {
		k.takePosition(central, 0)
	}
}

// takeAllPositions is for the end.
func (k *committer) takeAllPositions() {
	k.o.mu.Lock()
	defer k.o.mu.Unlock()
	k.positions = k.positions[:0]
	for _, c := range k.o.cursors {
		k.takePosition(c, 0)
	}
}

func (k *committer) takePosition(c *Cursor, atLeast int64) {
	if at := c.position(); at != c.saved && at.run-c.saved.run >= atLeast {
		c.saved = at
		k.positions = append(k.positions, at)
	}
}
