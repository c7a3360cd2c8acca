package outbox

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"evcp"
	"evcp/internal/sqlite"
)

// trimmer gives up the oldest of what is kept, a slice after a commit, so that no
// commit waits long for it.
type trimmer struct {
	c          *committer
	sinceCheck volume  // committed since the size was last looked at
	full       bool    // room is being made, until a sixteenth of the bound is free
	thinned    int64   // up to this run only facts are left
	dropped    dropSet // since full; reported when room is made
}

// The size is looked at after so many runs, and so many rows are given up at once.
const (
	checkRuns = 64
	sliceRows = 1024
)

// trimRange says which runs may go.
type trimRange struct {
	after, upTo int64
	bytes       int64 // runs.bytes up to here
	// safe is the last run that may go: the newest one stays, since it carries the totals,
	// and so does what no snapshot covers, since it carries the States.
	safe      int64
	delivered int64 // every cursor has everything up to here
	settled   int64 // Central has everything up to here
	factsToo  bool
}

// step looks after a commit whether something must go.
func (t *trimmer) step() error {
	if !t.full && t.sinceCheck.runs < checkRuns && t.sinceCheck.bytes < boundShare(t.c.o.options.MaxSize) {
		return nil
	}
	t.sinceCheck = volume{}
	return t.c.store.WithLock(t.check)
}

func (t *trimmer) check() error {
	used, free, err := t.c.store.Usage()
	if err != nil {
		return err
	}
	limit, r := t.c.bounds(used)
	if err := t.trimDelivered(r); err != nil {
		return err
	}
	switch {
	case used > limit, t.full && used > limit-limit/16:
		t.full = true
		return t.makeRoom(r)
	case t.full:
		t.full = false
		t.c.o.owner.dropped(t.dropped)
		t.dropped = dropSet{}
	}
	if free > 4*mib && free > used/4 {
		return t.c.store.Vacuum(mib)
	}
	return nil
}

// bounds is what the bound leaves for the file without its log, and how far the readers
// are.
func (c *committer) bounds(used int64) (limit int64, r trimRange) {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stats.Bytes = used
	r = trimRange{safe: o.keptRun - 1, delivered: o.keptRun, settled: o.keptRun}
	if !c.store.InMemory() {
		r.safe = min(r.safe, c.snapshot.covered)
	}
	for _, name := range o.options.Readers {
		if name == Central {
			r.settled = o.facts.settled(o.keptRun)
		} else {
			r.delivered = min(r.delivered, o.cursors[name].at.run)
		}
	}
	limit = o.limit()
	return limit - 8*boundShare(limit), r
}

// trimDelivered gives up what is delivered and beyond Options.Keep.
func (t *trimmer) trimDelivered(r trimRange) error {
	if err := t.c.store.QueryIntsFor(`SELECT bytes FROM runs WHERE id <= ? ORDER BY id DESC LIMIT 1`, []any{r.delivered}, &r.bytes); err != nil {
		return err
	}
	r.upTo = r.delivered
	r.bytes -= t.c.o.options.Keep
	if err := t.deleteSettled(r); err != nil {
		return err
	}
	_, _, err := t.slice(r)
	return err
}

// deleteSettled deletes rows of which nobody needs anything any more: what is in them need
// not be read.
func (t *trimmer) deleteSettled(r trimRange) error {
	const settled = ` FROM runs WHERE id <= ?1 AND (reports = 0 OR id <= ?2)`
	upTo, oldest := min(r.upTo, r.safe), int64(-1)
	err := t.c.store.QueryIntsFor(`SELECT bytes`+settled+` ORDER BY id LIMIT 1`, []any{upTo, r.settled}, &oldest)
	if err != nil || oldest < 0 || oldest > r.bytes {
		return err
	}
	limit := min(r.bytes, oldest+boundShare(t.c.o.options.MaxSize)) // a slice: the next commit waits for it
	var b trimBatch                                                 // for a cursor of an earlier process, which may be behind
	if err := t.c.store.Query(`SELECT id, count`+settled+` AND bytes <= ?3`, func(p *sqlite.Stmt) error {
		b.runs = append(b.runs, trimmedRun{p.ColumnInt64(0), p.ColumnInt64(1)})
		return nil
	}, upTo, r.settled, limit); err != nil {
		return err
	}
	if err := t.c.store.Exec(`DELETE`+settled+` AND bytes <= ?3`, upTo, r.settled, limit); err != nil {
		return err
	}
	t.c.o.applyTrim(&b)
	return nil
}

// makeRoom gives up what is delivered first, then plain OKs, then facts.
func (t *trimmer) makeRoom(r trimRange) error {
	const all = 1 << 62
	r.upTo, r.bytes = r.delivered, all
	if gone, _, err := t.slice(r); gone > 0 || err != nil {
		return err
	}
	r.after, r.upTo = t.thinned, all
	_, last, err := t.slice(r)
	if t.thinned = max(t.thinned, last); last > 0 || err != nil {
		return err
	}
	if t.c.snapshot.running || t.c.snapshot.since.runs > snapshotRuns/8 {
		return t.c.snapshotAll() // there are more plain OKs; no snapshot covers them yet
	}
	r.after, r.factsToo = 0, true
	_, _, err = t.slice(r)
	return err
}

// slice gives up what it may of some rows. It answers how many events are gone
// and which row it looked at last.
func (t *trimmer) slice(r trimRange) (gone, last int64, err error) {
	rows, err := t.c.store.someRuns(boundShare(t.c.o.options.MaxSize), selectRuns+`id > ? AND id <= ? AND bytes <= ? ORDER BY id LIMIT ?`,
		r.after, min(r.upTo, r.safe), r.bytes, sliceRows)
	if err != nil || len(rows) == 0 {
		return 0, 0, err
	}
	b := trimBatch{trimRange: r, undelivered: dropSet{}}
	err = t.c.store.Transact(false, func() error {
		for _, row := range rows {
			if err := b.trim(t.c.store, row); err != nil {
				return err
			}
		}
		return t.c.store.saveDrops(b.undelivered)
	})
	if err != nil {
		return 0, 0, err
	}
	last = rows[len(rows)-1].ID
	if b.factsToo {
		b.factsUpTo = position(last+1, 0) - 1
	}
	t.c.o.applyTrim(&b)
	t.dropped.addAll(b.undelivered)
	return b.events, last, nil
}

// trimBatch is what a slice of trimming gives up.
type trimBatch struct {
	trimRange
	events      int64
	undelivered dropSet
	factsUpTo   int64 // Fact.Pos up to which facts are gone; 0: none is that Central lacks
	runs        []trimmedRun
	dropped     [evcp.LastAction + 1]uint64
}

// trimmedRun is how many events of a run are gone.
type trimmedRun struct{ run, events int64 }

// trim gives up what it may of one row: all of it, its plain OKs, or nothing.
func (b *trimBatch) trim(s runStore, r runRow) error {
	done := r.ID <= b.delivered && (r.reports == 0 || r.ID <= b.settled)
	switch {
	case done || r.facts == 0 || b.factsToo:
		b.count(r.Run, r.Count, func(Line) bool { return true })
		return s.Exec(`DELETE FROM runs WHERE id=?`, r.ID)
	case r.facts < r.Count:
		b.count(r.Run, r.Count-r.facts, Line.Plain)
		return s.Exec(`UPDATE runs SET body=?, count=facts WHERE id=?`, string(withoutPlain(r.Run)), r.ID)
	}
	return nil
}

// count counts the n events that go, and lists those that were not delivered.
func (b *trimBatch) count(r Run, n int, goes func(Line) bool) {
	b.events += int64(n)
	b.runs = append(b.runs, trimmedRun{r.ID, int64(n)})
	if r.ID <= b.delivered {
		return
	}
	for line := range r.Each() {
		if goes(line) {
			b.undelivered.addEvent(evcp.CPID(line.CP()), line.ID(), !line.Plain(), reasonFull)
			b.dropped[line.Action()]++
		}
	}
}

func withoutPlain(r Run) (facts []byte) {
	for line := range r.Each() {
		if !line.Plain() {
			facts = append(append(facts, line...), '\n')
		}
	}
	return facts
}

// applyTrim takes what is gone into the counters and the positions, and tells Facts.
func (o *Outbox) applyTrim(b *trimBatch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for action, n := range b.dropped {
		o.dropped[action] += n
	}
	for _, c := range o.cursors {
		for _, r := range b.runs {
			c.subtract(r.run, r.events)
		}
	}
	if b.factsUpTo > 0 && o.facts.wanted {
		o.facts.giveUp(FactRange{After: max(0, position(o.memoryFrom, 0)-1), UpTo: b.factsUpTo}) // in memory, the file still has older ones
	}
}

// Reasons of events_dropped.
const (
	reasonFull  = "outbox full"
	reasonStuck = "disk too slow"
)

// dropRange is a range of one numbering in which events were given up.
type dropRange struct {
	cp       evcp.CPID
	epoch    int64
	from, to uint64
	count    uint64
	facts    uint64 // of count
	reason   string
}

func (d dropRange) observation() evcp.Observation {
	return evcp.Observation{
		CP: d.cp, Kind: evcp.Dropped, DroppedEpoch: d.epoch, From: d.from, To: d.to, Count: d.count, Facts: d.facts, Reason: d.reason,
	}
}

// numberingKey is an epoch of one charge point.
type numberingKey struct {
	cp    evcp.CPID
	epoch int64
}

// dropSet holds one range for each numbering: many drops become one event.
type dropSet map[numberingKey]dropRange

func (l dropSet) add(d dropRange) {
	key := numberingKey{d.cp, d.epoch}
	if was, ok := l[key]; ok {
		d.from, d.to = min(was.from, d.from), max(was.to, d.to)
		d.count, d.facts = was.count+d.count, was.facts+d.facts
	}
	l[key] = d
}

// addEvent adds one event.
func (l dropSet) addEvent(cp evcp.CPID, id evcp.EventID, fact bool, reason string) {
	d := dropRange{cp: cp, epoch: id.Epoch, from: id.Seq, to: id.Seq, count: 1, reason: reason}
	if fact {
		d.facts = 1
	}
	l.add(d)
}

func (l dropSet) addAll(other dropSet) {
	for _, d := range other {
		l.add(d)
	}
}

func (l dropSet) sorted() []dropRange {
	return slices.SortedFunc(maps.Values(l), func(a, b dropRange) int {
		return cmp.Or(cmp.Compare(a.cp, b.cp), cmp.Compare(a.epoch, b.epoch))
	})
}

// saveDrops notes what was given up, until an event says so.
func (s runStore) saveDrops(l dropSet) error {
	return s.putDrops(l, `count=count+excluded.count, facts=facts+excluded.facts`)
}

// moveDrops notes what was given up in memory. It may have been noted before.
func (s runStore) moveDrops(l dropSet) error {
	return s.putDrops(l, `count=max(count, excluded.count), facts=max(facts, excluded.facts)`)
}

func (s runStore) putDrops(l dropSet, counts string) error {
	for _, d := range l {
		if err := s.Exec(`INSERT INTO drops VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
			from_seq=min(from_seq, excluded.from_seq), to_seq=max(to_seq, excluded.to_seq), `+counts,
			string(d.cp), d.epoch, int64(d.from), int64(d.to), int64(d.count), d.reason, int64(d.facts)); err != nil {
			return err
		}
	}
	return nil
}

// deleteDrops removes what the events_dropped events of a run cover.
func (s runStore) deleteDrops(r Run) error {
	if !bytes.Contains(r.body, droppedAction) {
		return nil
	}
	for line := range r.Each() {
		if line.Action() != evcp.EventsDropped {
			continue
		}
		e, err := evcp.ParseEvent(line)
		if err == nil {
			err = s.Exec(`DELETE FROM drops WHERE cp=? AND epoch=? AND from_seq>=? AND to_seq<=?`,
				string(e.CP), e.DroppedEpoch, int64(e.From), int64(e.To))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s runStore) drops() (dropSet, error) {
	l := dropSet{}
	return l, s.Query(`SELECT cp, epoch, from_seq, to_seq, count, facts, reason FROM drops`, func(p *sqlite.Stmt) error {
		l.add(dropRange{
			evcp.CPID(p.ColumnText(0)), p.ColumnInt64(1), uint64(p.ColumnInt64(2)), uint64(p.ColumnInt64(3)),
			uint64(p.ColumnInt64(4)), uint64(p.ColumnInt64(5)), p.ColumnText(6),
		})
		return nil
	})
}
