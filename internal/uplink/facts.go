package uplink

import (
	"slices"

	"evcp"
	"evcp/internal/outbox"
)

// receiptTracker knows which facts still wait for Central's receipt, over all charge
// points, so that the outbox may forget everything before the oldest of them. A fact
// is settled by the kept event of its receipt, not by the receipt itself: a receipt
// that comes while the Monitor stops is not kept, and the report is sent again.
type receiptTracker struct {
	facts interface {
		// Settle lets the outbox forget everything up to pos.
		Settle(pos int64)
	}
	open []*pendingFact // in order of position; the first is not settled
	keys map[reportKey]*pendingFact
}

// pendingFact is one fact that the outbox still keeps for Central.
type pendingFact struct {
	pos     int64
	keys    [2]reportKey
	settled bool
}

// reportKey identifies the failure or recovery that an event is about, either by
// incident or by the time of detection. The time stays the same when the disk refused
// a fact and it was numbered anew.
type reportKey struct {
	cp       evcp.CPID
	recovery bool
	incident evcp.EventID
	at       evcp.Stamp
}

func keysOf(e evcp.Event) (byIncident, byTime reportKey) {
	k := reportKey{cp: e.CP, recovery: e.Action == evcp.EngineRecovered || e.Action == evcp.ReportEngineRecovery}
	byIncident, byTime = k, k
	byIncident.incident, byTime.at = e.Incident, e.At
	return byIncident, byTime
}

// add takes in a fact. A receipt settles the fact that it is for. A fact of a charge
// point that is no longer watched is settled at once: nobody will report it.
func (t *receiptTracker) add(f outbox.Fact, watched bool) {
	byIncident, byTime := keysOf(f.Event)
	now := &pendingFact{pos: f.Pos, keys: [2]reportKey{byIncident, byTime}, settled: !watched}
	switch f.Event.Action {
	case evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		now.settled = true
		t.settle(byIncident)
	default:
		t.settle(byTime) // the same fact before it was numbered anew
		if t.keys == nil {
			t.keys = map[reportKey]*pendingFact{}
		}
		t.keys[byIncident], t.keys[byTime] = now, now
	}
	t.open = append(t.open, now)
	t.trim()
}

func (t *receiptTracker) settle(k reportKey) {
	if f, ok := t.keys[k]; ok {
		f.settled = true
	}
}

// forget settles what is open of a charge point that is no longer watched.
func (t *receiptTracker) forget(cp evcp.CPID) {
	for _, f := range t.open {
		if f.keys[0].cp == cp {
			f.settled = true
		}
	}
	t.trim()
}

// trim lets the outbox forget the settled facts before the first open one.
func (t *receiptTracker) trim() {
	n := 0
	for n < len(t.open) && t.open[n].settled {
		for _, k := range t.open[n].keys {
			if t.keys[k] == t.open[n] { // a newer fact may have taken the key over
				delete(t.keys, k)
			}
		}
		n++
	}
	if n > 0 {
		t.facts.Settle(t.open[n-1].pos)
		t.open = slices.Delete(t.open, 0, n)
	}
}
