package uplink

import (
	"sync"

	"evcp"
	"evcp/internal/outbox"
)

// ledger knows which facts still wait for Central's receipt, over all charge
// points, so that the outbox may forget everything before the oldest of them.
type ledger struct {
	facts *outbox.Facts

	mu   sync.Mutex // guards open
	open []entry    // in order of Pos; never empty but when nothing came yet
}

type entry struct {
	pos     int64
	settled bool
}

// add notes a fact. A receipt settles itself: it only comes back to be known.
func (l *ledger) add(f outbox.Fact) {
	told := f.Event.Action == evcp.ReportEngineFailure || f.Event.Action == evcp.ReportEngineRecovery
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, entry{f.Pos, told})
	l.sweep()
}

// settle notes Central's receipt for the fact at pos.
func (l *ledger) settle(pos int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.open {
		if l.open[i].pos == pos && !l.open[i].settled {
			l.open[i].settled = true
			break
		}
	}
	l.sweep()
}

// sweep tells the outbox how far everything is settled.
func (l *ledger) sweep() {
	n := 0
	for n < len(l.open) && l.open[n].settled {
		n++
	}
	if n > 0 {
		last := l.open[n-1].pos
		if n == len(l.open) || l.open[n].pos > last {
			l.facts.Settle(last)
		}
		l.open = append(l.open[:0], l.open[n:]...)
	}
}
