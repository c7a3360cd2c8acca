package outbox

import (
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// keeper is the goroutine that writes. When the disk refuses, another one with a
// store in memory takes its place, and this one never writes again.
type keeper struct {
	o        *Outbox
	store    *store
	wake     chan struct{}
	stop     chan struct{} // closed by Close: keep what is there and end
	done     chan struct{}
	closeErr error // valid when done is closed

	work      load       // being kept
	positions []waypoint // of the cursors, kept with the work
	always    bool       // every commit is synced
	synced    time.Time  // the last synced commit
	lost      droplist   // given up before it came here, noted with the work
	unfolded  growth     // since the last snapshot
	trim      trimmer
	// snapshotRun is the run up to which the snapshots tell everything.
	snapshotRun int64
	timer       *time.Timer // plain OKs have waited long enough
	healing     *time.Timer // the disk is tried again; runs in memory only
	trying      bool        // it is being tried
	healed      chan foundDisk
	watchdog    *time.Timer // the commit under way takes too long
}

// growth counts what was written since something was last done about it.
type growth struct {
	runs  int
	bytes int64
}

func newKeeper(o *Outbox, s *store) *keeper {
	k := &keeper{
		o: o, store: s, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		timer: time.NewTimer(time.Hour), healing: time.NewTimer(o.options.healEvery), healed: make(chan foundDisk, 1),
		synced: time.Now(), always: bootID() == "",
	}
	k.timer.Stop()
	if !s.inMemory() {
		k.healing.Stop()
	}
	k.watchdog = time.AfterFunc(o.options.stuckAfter, func() { o.refuse(k, errStuck) })
	k.watchdog.Stop()
	k.trim = trimmer{k: k, told: droplist{}}
	return k
}

// run keeps until Close, or until another keeper has taken over. A timer runs
// only while something waits for it.
func (k *keeper) run() {
	defer close(k.done)
	defer k.timer.Stop()
	defer k.healing.Stop()
	for {
		var err error
		select {
		case <-k.stop:
			k.finish()
			return
		case <-k.wake:
			err = k.woken()
		case <-k.timer.C:
			err = k.keep()
		case <-k.healing.C:
			k.tryDisk()
		case f := <-k.healed:
			_ = k.heal(f) // what the disk said again is no news
		}
		if err != nil {
			k.o.refuse(k, err)
		}
		if k.superseded() {
			k.abandon()
			return
		}
	}
}

// woken commits at once what can't wait, and else when it has waited long enough.
func (k *keeper) woken() error {
	k.o.mu.Lock()
	empty, urgent, since := k.o.load.empty(), k.o.load.urgent, k.o.load.since
	k.o.mu.Unlock()
	switch left := k.o.options.SyncEvery - time.Since(since); {
	case empty:
		return nil
	case urgent || left <= 0:
		return k.keep()
	default:
		k.timer.Reset(left)
		return nil
	}
}

// keep commits what was appended and then tidies up.
func (k *keeper) keep() error {
	k.timer.Stop()
	if !k.begin() {
		return nil
	}
	k.watchdog.Reset(k.o.options.stuckAfter)
	defer k.watchdog.Stop()
	began := time.Now()
	if err := k.commit(began); err != nil {
		return err
	}
	if !k.kept(time.Since(began)) {
		return nil
	}
	if err := k.snapshotWhenDue(); err != nil {
		return err
	}
	return k.trim.step()
}

// begin takes over what was appended. It reports false when that is nothing.
func (k *keeper) begin() bool {
	o := k.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keeper != k || o.load.empty() {
		return false
	}
	k.work.reset()
	k.work, o.load = o.load, k.work
	o.committing = k.work.bytes
	k.lost, o.lost = o.lost, droplist{}
	k.takePositions()
	return true
}

// takePositions notes how far the cursors have moved. Central's moves with every
// run and is worth no write of its own. The caller holds the lock.
func (k *keeper) takePositions() {
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
func (k *keeper) takeAllPositions() {
	k.o.mu.Lock()
	defer k.o.mu.Unlock()
	k.positions = k.positions[:0]
	for _, c := range k.o.cursors {
		k.takePosition(c, 0)
	}
}

func (k *keeper) takePosition(c *Cursor, atLeast int64) {
	if at := c.position(); at != c.saved && at.run-c.saved.run >= atLeast {
		c.saved = at
		k.positions = append(k.positions, at)
	}
}

// commit writes the work as one transaction. A file that somebody else has
// locked for the moment is waited for, until the watchdog loses its patience.
func (k *keeper) commit(now time.Time) error {
	urgent := k.work.urgent || k.always || now.Sub(k.synced) >= syncAtLeast
	for {
		err := k.store.locked(func() error { return k.store.transact(urgent, k.write) })
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
func (k *keeper) write() error {
	for _, c := range k.work.chunks {
		if err := k.store.insert(c); err != nil {
			return err
		}
	}
	for _, e := range k.work.told {
		if err := k.store.forgetDrop(e); err != nil {
			return err
		}
	}
	if err := k.store.saveDrops(k.lost); err != nil {
		return err
	}
	return k.store.savePositions(k.positions)
}

// savePositions writes how far the cursors are.
func (s *store) savePositions(all []waypoint) error {
	for _, p := range all {
		if err := s.do(`INSERT INTO cursors VALUES (?,?,?,?) ON CONFLICT DO UPDATE
			SET run=excluded.run, events=excluded.events, dropped=excluded.dropped`, p.name, p.run, p.events, p.dropped); err != nil {
			return err
		}
	}
	return nil
}

// insert writes one row.
func (s *store) insert(c *chunk) error {
	p, err := s.stmt(insertRun)
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

// superseded reports whether another keeper has taken over.
func (k *keeper) superseded() bool {
	k.o.mu.Lock()
	defer k.o.mu.Unlock()
	return k.o.keeper != k
}

// abandon lets go of a file that refused. What its closing says is of no use.
func (k *keeper) abandon() {
	k.watchdog.Stop()
	_ = k.store.close()
}
