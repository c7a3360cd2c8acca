package outbox

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"evcp"
)

// Reasons of events_dropped.
const (
	reasonFull  = "outbox full"
	reasonStuck = "disk too slow"
)

// drop is a stretch of one numbering of which events were given up.
type drop struct {
	cp       evcp.CPID
	epoch    int64
	from, to uint64
	count    uint64
	reason   string
}

type numbering struct {
	cp    evcp.CPID
	epoch int64
}

// droplist has one stretch for each numbering: many drops become one event.
type droplist map[numbering]drop

func (l droplist) add(d drop) {
	key := numbering{d.cp, d.epoch}
	if was, ok := l[key]; ok {
		d.from, d.to, d.count = min(was.from, d.from), max(was.to, d.to), was.count+d.count
	}
	l[key] = d
}

func (l droplist) addLine(line Line, reason string) {
	id := line.ID()
	l.add(drop{evcp.CPID(line.CP()), id.Epoch, id.Seq, id.Seq, 1, reason})
}

func (l droplist) addAll(other droplist) {
	for _, d := range other {
		l.add(d)
	}
}

func (l droplist) sorted() []drop {
	return slices.SortedFunc(maps.Values(l), func(a, b drop) int {
		return cmp.Or(cmp.Compare(a.cp, b.cp), cmp.Compare(a.epoch, b.epoch))
	})
}

// giveUp drops a batch that came while too much waits. The caller holds the lock.
func (o *Outbox) giveUp(b Batch) {
	for i := range b.Events {
		e := &b.Events[i]
		o.lost.add(drop{b.CP, e.Epoch, e.Seq, e.Seq, 1, reasonStuck})
		o.counts.dropped[e.Action]++
	}
	o.load.ticket = o.ticket
}

// saveDrops notes what was given up, until an event says so.
func (s *store) saveDrops(l droplist) error {
	for _, d := range l {
		if err := s.do(`INSERT INTO drops VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
			from_seq=min(from_seq, excluded.from_seq), to_seq=max(to_seq, excluded.to_seq), count=count+excluded.count`,
			string(d.cp), d.epoch, int64(d.from), int64(d.to), int64(d.count), d.reason); err != nil {
			return err
		}
	}
	return nil
}

// forgetDrop strikes out what an events_dropped event tells.
func (s *store) forgetDrop(e evcp.Event) error {
	return s.do(`DELETE FROM drops WHERE cp=? AND to_seq<=? AND from_seq>=?`, string(e.CP), int64(e.To), int64(e.From))
}

func (s *store) drops() (droplist, error) {
	l := droplist{}
	return l, s.each(`SELECT cp, epoch, from_seq, to_seq, count, reason FROM drops`, func(p *sqlite3.Stmt) error {
		l.add(drop{
			evcp.CPID(p.ColumnText(0)), p.ColumnInt64(1), uint64(p.ColumnInt64(2)), uint64(p.ColumnInt64(3)),
			uint64(p.ColumnInt64(4)), p.ColumnText(5),
		})
		return nil
	})
}

// loss is what a slice of trimming gives up.
type loss struct {
	reach
	events      int64
	undelivered droplist
	rows        []lostRow
	dropped     [evcp.EventsDropped + 1]uint64
}

// lostRow is how many events of a run are gone.
type lostRow struct{ run, events int64 }

// take gives up what it may of one row: all of it, its plain OKs, or nothing.
func (l *loss) take(s *store, r row) error {
	done := r.id <= l.delivered && (r.reports == 0 || r.id <= l.settled)
	switch {
	case done || r.facts == 0 || l.factsToo:
		l.note(r, func(Line) bool { return true })
		return s.do(`DELETE FROM runs WHERE id=?`, r.id)
	case r.facts < r.count:
		l.note(r, Line.Plain)
		return s.do(`UPDATE runs SET body=?, count=facts WHERE id=?`, string(withoutPlain(r.body)), r.id)
	}
	return nil
}

// note counts what goes, and lists what was not delivered.
func (l *loss) note(r row, goes func(Line) bool) {
	n := int64(0)
	for line := range lines(r.body) {
		if !goes(line) {
			continue
		}
		n++
		if r.id > l.delivered {
			l.undelivered.addLine(line, reasonFull)
			l.dropped[line.Action()]++
		}
	}
	l.events += n
	l.rows = append(l.rows, lostRow{r.id, n})
}

func withoutPlain(body []byte) (facts []byte) {
	for line := range lines(body) {
		if !line.Plain() {
			facts = append(append(facts, line...), '\n')
		}
	}
	return facts
}

// lose takes the loss into the totals and the positions.
func (o *Outbox) lose(l *loss) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for action, n := range l.dropped {
		o.counts.dropped[action] += n
	}
	for _, c := range o.cursors {
		for _, r := range l.rows {
			c.gaveUp(r.run, r.events)
		}
	}
}
