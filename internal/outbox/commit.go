package outbox

import (
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// commit writes the work as one transaction. A file that somebody else has
// locked for the moment is waited for, until the watchdog loses its patience.
func (k *committer) commit(now time.Time) error {
	urgent := k.batch.urgent || k.always || now.Sub(k.synced) >= syncAtLeast
	for {
		err := k.store.WithLock(func() error { return k.store.Transact(urgent, k.write) })
		if err == nil && urgent {
			k.synced = now
		}
		if !errors.Is(err, sqlite3.BUSY) || k.superseded() {
			return err
		}
	}
}

const insertRun = `INSERT INTO runs VALUES (?,?,?,?,?,?,?,?,?)`

// write is the body of the transaction.
func (k *committer) write() error {
	for _, c := range k.batch.runs {
		if err := k.store.insert(c); err != nil {
			return err
		}
	}
	for _, e := range k.batch.dropEvents {
		if err := k.store.deleteDrop(e); err != nil {
			return err
		}
	}
	if err := k.store.saveDrops(k.givenUp); err != nil {
		return err
	}
	return k.store.savePositions(k.positions)
}

// insert writes one row.
func (s *runStore) insert(c *pendingRun) error {
	p, err := s.Prepare(insertRun)
	if err != nil {
		return err
	}
	for i, v := range [...]int64{c.ID, int64(c.First), int64(c.Last), int64(c.Count), int64(c.facts), int64(c.reports), c.events, c.bytes} {
		if err := p.BindInt64(i+1, v); err != nil {
			return err
		}
	}
	if err := p.BindRawText(9, c.Lines); err != nil {
		return err
	}
	return p.Exec()
}
