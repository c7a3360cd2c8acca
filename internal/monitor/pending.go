package monitor

import (
	"slices"

	"evcp"
	"evcp/internal/outbox"
)

// pendingObservation is an observation whose events are not kept yet.
type pendingObservation struct {
	ticket  uint64 // of its events in the outbox
	at      evcp.Stamp
	outcome evcp.Outcome      // of a check
	other   *otherObservation // nil: a check, and it opened no incident
	slot    int32
	dropped bool // the outbox gave its events up, since too much waits for the disk
}

// otherObservation is what is rare.
type otherObservation struct {
	observation evcp.Observation
	opened      evcp.EventID // the incident that it opened
}

func newPending(slot int, o evcp.Observation, opened evcp.EventID) pendingObservation {
	p := pendingObservation{slot: int32(slot), at: o.At, outcome: o.Outcome}
	if o.Kind != evcp.Checked || opened != (evcp.EventID{}) {
		p.other = &otherObservation{o, opened}
	}
	return p
}

// observation is what was observed, to be judged again.
func (p *pendingObservation) observation() evcp.Observation {
	if p.other != nil {
		return p.other.observation
	}
	return evcp.Observation{Kind: evcp.Checked, At: p.at, Outcome: p.outcome}
}

func (p *pendingObservation) opened() evcp.EventID {
	if p.other == nil {
		return evcp.EventID{}
	}
	return p.other.opened
}

// check reports whether a dropped observation may matter to a streak that is judged again.
func (p *pendingObservation) check() bool {
	return p.outcome.Status.Countable() && (p.other == nil || p.other.observation.Kind == evcp.Checked)
}

// pendingQueue holds what may have to be judged again, in the order of the judgements. It
// is bounded as the outbox is.
type pendingQueue struct {
	all       []pendingObservation
	compactAt int // how long all is when it is compacted next
}

// compactLeast is the least length that is worth compacting.
const compactLeast = 1024

func (q *pendingQueue) add(p pendingObservation) { q.all = append(q.all, p) }

// appended notes what the outbox answered for the newest judgements.
func (q *pendingQueue) appended(judged []outbox.Judged, a outbox.Appended) {
	newest := q.all[len(q.all)-len(judged):]
	for i := range newest {
		newest[i].ticket, newest[i].dropped = a.Ticket, judged[i].Dropped
	}
	if a.Dropped && len(q.all) >= max(q.compactAt, compactLeast) {
		q.compact()
		q.compactAt = 2 * len(q.all)
	}
}

// compact keeps of what the outbox dropped in a row, for each charge point, the last OK and
// the last failure after it. An OK between failures so ends their streak also when they
// are judged again, and nothing dropped can open an incident.
func (q *pendingQueue) compact() {
	type later struct{ failure, ok bool } // what of the row is kept already
	rows := map[int32]later{}
	keep := len(q.all)
	for i := len(q.all) - 1; i >= 0; i-- {
		p := &q.all[i]
		row := rows[p.slot]
		switch {
		case !p.dropped:
			row = later{}
		case !p.check() || row.ok || row.failure && p.outcome.Status.Failed():
			continue
		case p.outcome.Status.Failed():
			row.failure = true
		default:
			row.ok = true
		}
		rows[p.slot] = row
		keep--
		q.all[keep] = *p
	}
	q.all = slices.Delete(q.all, 0, keep)
}

// removeKept removes what is kept, and the memory that a disk that stood still made the
// queue take.
func (q *pendingQueue) removeKept(kept uint64) {
	n := 0
	for n < len(q.all) && q.all[n].ticket <= kept {
		n++
	}
	if n == 0 {
		return
	}
	if cap(q.all) > max(compactLeast, 8*len(q.all)) {
		q.all = slices.Clone(q.all[n:])
	} else {
		q.all = slices.Delete(q.all, 0, n)
	}
	if len(q.all) == 0 {
		q.compactAt = 0
	}
}

// rollBack takes out what is not kept, to be judged again.
func (q *pendingQueue) rollBack(kept uint64) []pendingObservation {
	q.removeKept(kept)
	again := q.all
	q.all, q.compactAt = nil, 0
	return again
}

// slots are the slots with something that is not kept.
func (q *pendingQueue) slots() map[int32]bool {
	waiting := map[int32]bool{}
	for i := range q.all {
		waiting[q.all[i].slot] = true
	}
	return waiting
}
