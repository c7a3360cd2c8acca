package outbox

import (
	"cmp"
	"maps"
	"slices"

	"evcp"
	"evcp/internal/sqlite"
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

func (d drop) observation() evcp.Observation {
	return evcp.Observation{
		CP: d.cp, Kind: evcp.Dropped, DroppedEpoch: d.epoch, From: d.from, To: d.to, Count: d.count, Reason: d.reason,
	}
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
func (s *runStore) saveDrops(l droplist) error { return s.putDrops(l, `count+excluded.count`) }

// moveDrops notes what was given up in memory. It may have been noted before.
func (s *runStore) moveDrops(l droplist) error { return s.putDrops(l, `max(count, excluded.count)`) }

func (s *runStore) putDrops(l droplist, count string) error {
	for _, d := range l {
		if err := s.Exec(`INSERT INTO drops VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
			from_seq=min(from_seq, excluded.from_seq), to_seq=max(to_seq, excluded.to_seq), count=`+count,
			string(d.cp), d.epoch, int64(d.from), int64(d.to), int64(d.count), d.reason); err != nil {
			return err
		}
	}
	return nil
}

// forgetDrop strikes out what an events_dropped event tells.
func (s *runStore) forgetDrop(e evcp.Event) error {
	return s.Exec(`DELETE FROM drops WHERE cp=? AND epoch=? AND from_seq>=? AND to_seq<=?`,
		string(e.CP), e.DroppedEpoch, int64(e.From), int64(e.To))
}

// forgetTold strikes out what the events of a chunk tell.
func (s *runStore) forgetTold(c *pendingRun) error {
	if c.facts == 0 {
		return nil
	}
	for line := range c.Each() {
		if line.Action() != evcp.EventsDropped {
			continue
		}
		e, err := evcp.ParseEvent(line)
		if err == nil {
			err = s.forgetDrop(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *runStore) drops() (droplist, error) {
	l := droplist{}
	return l, s.Query(`SELECT cp, epoch, from_seq, to_seq, count, reason FROM drops`, func(p *sqlite.Stmt) error {
		l.add(drop{
			evcp.CPID(p.ColumnText(0)), p.ColumnInt64(1), uint64(p.ColumnInt64(2)), uint64(p.ColumnInt64(3)),
			uint64(p.ColumnInt64(4)), p.ColumnText(5),
		})
		return nil
	})
}
