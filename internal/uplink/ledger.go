package uplink

import (
	"evcp"
	"evcp/internal/outbox"
)

// ledger knows which facts still wait for Central's receipt, over all charge
// points, so that the outbox may forget everything before the oldest of them. What
// settles a fact is the kept event of its receipt, not the receipt: one that came
// while the Monitor ended is recorded nowhere, and the next life has to ask again.
type ledger struct {
	facts settler
	open  []*entry // in the order of their places; the first is not settled
	known map[subject]*entry
}

// settler is the outbox's end of it: everything up to pos may be forgotten. It is
// called from the goroutine that adds.
type settler interface{ Settle(pos int64) }

// entry is one fact.
type entry struct {
	pos     int64
	names   [2]subject // in known
	settled bool
}

// subject is what a report is about: an incident, by its name, or by when its
// failure or recovery was detected. The second is the same when a disk refused the
// fact and it was numbered anew.
type subject struct {
	cp       evcp.CPID
	recovery bool
	incident evcp.EventID
	at       evcp.Stamp
}

// namesOf are the two names of what a fact, or a receipt, is about.
func namesOf(e evcp.Event) [2]subject {
	s := subject{cp: e.CP, recovery: e.Action == evcp.EngineRecovered || e.Action == evcp.ReportEngineRecovery}
	byName, byTime := s, s
	byName.incident, byTime.at = e.Incident, e.At
	return [2]subject{byName, byTime}
}

// add notes a fact. A receipt settles what it is for. What nobody will tell, since
// its charge point is no longer watched, is settled at once.
func (l *ledger) add(f outbox.Fact, watched bool) {
	names := namesOf(f.Event)
	now := &entry{pos: f.Pos, names: names, settled: !watched}
	switch f.Event.Action {
	case evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		now.settled = true
		l.settle(names[0])
	default:
		l.settle(names[1]) // it had another name before
		l.know(now)
	}
	l.open = append(l.open, now)
	l.sweep()
}

func (l *ledger) know(e *entry) {
	if l.known == nil {
		l.known = map[subject]*entry{}
	}
	for _, name := range e.names {
		l.known[name] = e
	}
}

func (l *ledger) settle(name subject) {
	if e, ok := l.known[name]; ok {
		e.settled = true
	}
}

// sweep tells the outbox how far everything is settled.
func (l *ledger) sweep() {
	n := 0
	for n < len(l.open) && l.open[n].settled {
		l.forget(l.open[n])
		n++
	}
	if n > 0 {
		l.facts.Settle(l.open[n-1].pos)
		l.open = append(l.open[:0], l.open[n:]...)
	}
}

// forget takes a settled fact's names back, unless they are another's by now.
func (l *ledger) forget(e *entry) {
	for _, name := range e.names {
		if l.known[name] == e {
			delete(l.known, name)
		}
	}
}
