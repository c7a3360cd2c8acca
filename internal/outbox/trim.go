package outbox

import "evcp/internal/sqlite"

// trimmer gives up the oldest of what is kept, a slice after a commit, so that no
// commit waits long for it.
type trimmer struct {
	k          *committer
	sinceCheck volume // since the last look
	full       bool   // a stretch is being given up
	thinned    int64  // up to this run only facts are left
	dropped    dropSet
}

const (
	checkRuns = 64
	sliceRows = 1024
)

// trimRow is what the trimmer sees of a run.
type trimRow struct {
	id      int64
	count   int
	facts   int
	reports int
	body    []byte
}

// trimRange says which runs may go.
type trimRange struct {
	after     int64
	upTo      int64
	bytes     int64 // runs.bytes up to here
	delivered int64 // all but Central have everything up to here
	settled   int64 // Central has everything up to here
	factsToo  bool
}

// step looks after a commit whether something must go.
func (t *trimmer) step() error {
	if !t.full && t.sinceCheck.runs < checkRuns && t.sinceCheck.bytes < boundShare(t.k.o.options.MaxSize) {
		return nil
	}
	t.sinceCheck = volume{}
	return t.k.store.WithLock(t.check)
}

func (t *trimmer) check() error {
	used, free, err := t.k.store.Usage()
	if err != nil {
		return err
	}
	limit, delivered, settled := t.k.o.bounds(used)
	if err := t.trimDelivered(delivered, settled); err != nil {
		return err
	}
	switch {
	case used > limit, t.full && used > limit-limit/16:
		t.full = true
		return t.makeRoom(delivered, settled)
	case t.full:
		t.full = false
		t.k.o.notifier.dropped(t.dropped)
		t.dropped = dropSet{}
	}
	if free > 1024 && free*sqlite.PageSize > used/4 {
		return t.k.store.Vacuum(256)
	}
	return nil
}

// bounds is what the bound of the log leaves for the file, and how far the
// readers are.
func (o *Outbox) bounds(used int64) (limit, delivered, settled int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.bytes = used
	limit, delivered, settled = o.limit(), o.keptRun, o.keptRun
	for _, name := range o.options.Readers {
		if c := o.cursors[name]; c.follow {
			settled = o.facts.settled(o.keptRun)
		} else {
			delivered = min(delivered, c.at.run)
		}
	}
	return limit - 8*boundShare(limit), delivered, settled
}

// trimDelivered gives up what is delivered and beyond Options.Keep.
func (t *trimmer) trimDelivered(delivered, settled int64) error {
	var bytes int64
	if err := t.k.store.QueryIntsFor(`SELECT bytes FROM runs WHERE id <= ? ORDER BY id DESC LIMIT 1`, []any{delivered}, &bytes); err != nil {
		return err
	}
	_, _, err := t.slice(trimRange{upTo: delivered, bytes: bytes - t.k.o.options.Keep, delivered: delivered, settled: settled})
	return err
}

// makeRoom makes room: what is delivered goes first, then plain OKs, then facts.
func (t *trimmer) makeRoom(delivered, settled int64) error {
	const all = 1 << 62
	r := trimRange{upTo: delivered, bytes: all, delivered: delivered, settled: settled}
	if gone, _, err := t.slice(r); gone > 0 || err != nil {
		return err
	}
	r.after, r.upTo = t.thinned, all
	_, last, err := t.slice(r)
	if t.thinned = max(t.thinned, last); last > 0 || err != nil {
		return err
	}
	if t.k.sinceSnapshot.runs > snapshotRuns/8 {
		return t.k.snapshot() // there are more plain OKs, not yet safe to give up
	}
	r.after, r.factsToo = 0, true
	_, _, err = t.slice(r)
	return err
}

// slice gives up what it may of some rows. It answers how many events are gone
// and which row it looked at last.
func (t *trimmer) slice(r trimRange) (gone, last int64, err error) {
	rows, err := t.rows(r)
	if err != nil || len(rows) == 0 {
		return 0, 0, err
	}
	l := trimBatch{trimRange: r, undelivered: dropSet{}}
	err = t.k.store.Transact(false, func() error {
		for _, row := range rows {
			if err := l.take(t.k.store, row); err != nil {
				return err
			}
		}
		return t.k.store.saveDrops(l.undelivered)
	})
	if err != nil {
		return 0, 0, err
	}
	t.k.o.applyTrim(&l)
	t.dropped.addAll(l.undelivered)
	return l.events, rows[len(rows)-1].id, nil
}

func (t *trimmer) rows(r trimRange) (rows []trimRow, err error) {
	size := 0
	err = t.k.store.Query(`SELECT id, count, facts, reports, body FROM runs
		WHERE id > ? AND id <= ? AND bytes <= ? ORDER BY id LIMIT ?`, func(p *sqlite.Stmt) error {
		rows = append(rows, trimRow{p.ColumnInt64(0), p.ColumnInt(1), p.ColumnInt(2), p.ColumnInt(3), p.ColumnBlob(4, nil)})
		if size += len(rows[len(rows)-1].body); int64(size) > boundShare(t.k.o.options.MaxSize) {
			return sqlite.ErrStop
		}
		return nil
	}, r.after, min(r.upTo, t.k.safe()), r.bytes, sliceRows)
	return rows, err
}

// safe is the last run that may go: the newest one stays, since it carries the
// totals, and so does what the snapshots don't cover, since it carries the states.
func (k *committer) safe() int64 {
	k.o.mu.Lock()
	defer k.o.mu.Unlock()
	if k.store.InMemory() {
		return k.o.keptRun - 1
	}
	return min(k.snapshotRun, k.o.keptRun-1)
}
