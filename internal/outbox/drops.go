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

// dropRange is a stretch of one numbering of which events were given up.
type dropRange struct {
	cp       evcp.CPID
	epoch    int64
	from, to uint64
	count    uint64
	reason   string
}

func (d dropRange) observation() evcp.Observation {
	return evcp.Observation{
		CP: d.cp, Kind: evcp.Dropped, DroppedEpoch: d.epoch, From: d.from, To: d.to, Count: d.count, Reason: d.reason,
	}
}

type numberingKey struct {
	cp    evcp.CPID
	epoch int64
}

// dropSet has one stretch for each numbering: many drops become one event.
type dropSet map[numberingKey]dropRange

func (l dropSet) add(d dropRange) {
	key := numberingKey{d.cp, d.epoch}
	if was, ok := l[key]; ok {
		d.from, d.to, d.count = min(was.from, d.from), max(was.to, d.to), was.count+d.count
	}
	l[key] = d
}

func (l dropSet) addLine(line Line, reason string) {
	id := line.ID()
	l.add(dropRange{evcp.CPID(line.CP()), id.Epoch, id.Seq, id.Seq, 1, reason})
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

// drop drops a batch that came while too much waits. The caller holds the lock.
func (o *Outbox) drop(b Batch) {
	for i := range b.Events {
		e := &b.Events[i]
		o.givenUp.add(dropRange{b.CP, e.Epoch, e.Seq, e.Seq, 1, reasonStuck})
		o.counts.dropped[e.Action]++
	}
	o.pending.ticket = o.ticket
}

// saveDrops notes what was given up, until an event says so.
func (s *runStore) saveDrops(l dropSet) error { return s.putDrops(l, `count+excluded.count`) }

// moveDrops notes what was given up in memory. It may have been noted before.
func (s *runStore) moveDrops(l dropSet) error { return s.putDrops(l, `max(count, excluded.count)`) }

func (s *runStore) putDrops(l dropSet, count string) error {
	for _, d := range l {
		if err := s.Exec(`INSERT INTO drops VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
			from_seq=min(from_seq, excluded.from_seq), to_seq=max(to_seq, excluded.to_seq), count=`+count,
			string(d.cp), d.epoch, int64(d.from), int64(d.to), int64(d.count), d.reason); err != nil {
			return err
		}
	}
	return nil
}

// deleteDrop strikes out what an events_dropped event tells.
func (s *runStore) deleteDrop(e evcp.Event) error {
	return s.Exec(`DELETE FROM drops WHERE cp=? AND epoch=? AND from_seq>=? AND to_seq<=?`,
		string(e.CP), e.DroppedEpoch, int64(e.From), int64(e.To))
}

// deleteToldDrops strikes out what the events of a chunk tell.
func (s *runStore) deleteToldDrops(c *pendingRun) error {
	if c.facts == 0 {
		return nil
	}
	for line := range c.Each() {
		if line.Action() != evcp.EventsDropped {
			continue
		}
		e, err := evcp.ParseEvent(line)
		if err == nil {
			err = s.deleteDrop(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *runStore) drops() (dropSet, error) {
	l := dropSet{}
	return l, s.Query(`SELECT cp, epoch, from_seq, to_seq, count, reason FROM drops`, func(p *sqlite.Stmt) error {
		l.add(dropRange{
			evcp.CPID(p.ColumnText(0)), p.ColumnInt64(1), uint64(p.ColumnInt64(2)), uint64(p.ColumnInt64(3)),
			uint64(p.ColumnInt64(4)), p.ColumnText(5),
		})
		return nil
	})
}
