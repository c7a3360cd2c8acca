package uplink

import (
	"slices"

	"evcp"
	"evcp/internal/outbox"
)

// ledger knows which facts still wait for Central's receipt, over all charge
// points, so that the outbox may forget everything before the oldest of them. What
// settles a fact is the kept event of its receipt, not the receipt: one that came
// while the Monitor ended is recorded nowhere, and the next life has to ask again.
type ledger struct {
	facts *outbox.Facts
	open  []entry // in the order in which they came; the first is not settled
}

type entry struct {
	pos     int64
	cp      evcp.CPID
	about   subject
	at      evcp.Stamp
	settled bool
}

// subject is what a report is about.
type subject struct {
	incident evcp.EventID
	recovery bool
}

func subjectOf(e evcp.Event) subject {
	if e.Action == evcp.EngineFailed {
		return subject{incident: e.ID()}
	}
	return subject{e.Incident, e.Action == evcp.EngineRecovered || e.Action == evcp.ReportEngineRecovery}
}

// add notes a fact. A receipt settles what it is for, and itself. What nobody will
// tell, since its charge point is no longer watched, is settled too.
func (l *ledger) add(f outbox.Fact, watched bool) {
	e := f.Event
	receipt := e.Action == evcp.ReportEngineFailure || e.Action == evcp.ReportEngineRecovery
	now := entry{f.Pos, e.CP, subjectOf(e), e.At, receipt || !watched}
	for i := range l.open {
		if o := &l.open[i]; receipt && o.isFor(now) || !receipt && o.isBefore(now) {
			o.settled = true
		}
	}
	l.open = append(l.open, now)
	l.sweep()
}

// isFor reports whether a receipt is for this fact.
func (e entry) isFor(receipt entry) bool { return e.cp == receipt.cp && e.about == receipt.about }

// isBefore reports whether this is the same fact, as it was called before the disk
// refused it.
func (e entry) isBefore(again entry) bool {
	return e.cp == again.cp && e.about.recovery == again.about.recovery && e.at == again.at
}

// sweep tells the outbox how far everything is settled. Facts come in the order of
// their places, but for those that a disk gives back late.
func (l *ledger) sweep() {
	n := 0
	for n < len(l.open) && l.open[n].settled {
		n++
	}
	if n == 0 {
		return
	}
	last := l.open[n-1].pos
	l.open = append(l.open[:0], l.open[n:]...)
	if !slices.ContainsFunc(l.open, func(e entry) bool { return e.pos < last }) {
		l.facts.Settle(last)
	}
}
