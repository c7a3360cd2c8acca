package uplink

import (
	"slices"

	"evcp"
	"evcp/internal/outbox"
)

// PendingReport is the report of one failure or recovery. While Central is away there are two for each
// incident, so it is small: 40 bytes.
type PendingReport struct {
	Incident evcp.EventID
	At       evcp.Stamp // when the failure or the recovery was detected; 0: unknown
	Pos      int64      // of its fact in the outbox; 0: the outbox has none
	// Operation is ReportFailure or ReportRecovery.
	Operation Operation
	// Final: its fact was kept when it came, so it will not return under another number.
	Final bool
}

func reportOf(op Operation, f outbox.Fact) PendingReport {
	return PendingReport{Operation: op, Incident: f.Incident, At: f.At, Pos: f.Pos, Final: f.Kept}
}

func (q PendingReport) message() Outbound {
	return Outbound{Operation: q.Operation, Incident: q.Incident, At: q.At}
}

// is reports whether another one is the same report. The time stays the same when the disk
// refused a fact and it was numbered anew.
func (q PendingReport) is(other PendingReport) bool {
	return q.Operation == other.Operation && (q.Incident == other.Incident || q.At != 0 && q.At == other.At)
}

// renumber takes over the number of a fact that is the same report, if it is.
func (q *PendingReport) renumber(again PendingReport) bool {
	if !q.is(again) {
		return false
	}
	q.Incident, q.Pos, q.Final = again.Incident, max(q.Pos, again.Pos), q.Final || again.Final
	return true
}

// enqueue adds a report, unless it is a known one. It may have been numbered anew because the
// disk refused it: then only its numbers change. What is numbered anew comes in the old order
// and before anything new, so nothing before a final one need be looked at.
func (r *ReportState) enqueue(q PendingReport) {
	r.Last.renumber(q)
	for i := range r.Unkept {
		if r.Unkept[i].renumber(q) {
			return
		}
	}
	for i := range slices.Backward(r.Queue) {
		if r.Queue[i].renumber(q) {
			return
		}
		if r.Queue[i].Final {
			break
		}
	}
	r.Queue = append(r.Queue, q)
}

// recall adds a report that the outbox has no fact of, unless it is a known one: a failure
// before its recovery.
func (r *ReportState) recall(q PendingReport) {
	known := func(k PendingReport) bool { return k.is(q) }
	if slices.ContainsFunc(r.Unkept, known) || slices.ContainsFunc(r.Queue, known) {
		return
	}
	at := len(r.Queue)
	if recovery := r.find(ReportRecovery, q.Incident); recovery >= 0 {
		at = recovery
	}
	r.Queue = slices.Insert(r.Queue, at, q)
}

// find is the place of a report in the queue, mostly the first; -1: it is not there.
func (r *ReportState) find(op Operation, incident evcp.EventID) int {
	return slices.IndexFunc(r.Queue, func(q PendingReport) bool { return q.Operation == op && q.Incident == incident })
}

// remove removes a report from the queue. The others are not moved for the first one: there
// may be many.
func (r *ReportState) remove(i int) {
	switch {
	case len(r.Queue) == 1:
		r.Queue = nil
	case i == 0:
		r.Queue = r.Queue[1:]
	default:
		r.Queue = slices.Delete(r.Queue, i, i+1)
	}
}

// answered takes what Central has answered out of the queue, and returns it. Its number may
// have changed while it was on its way.
func (r *ReportState) answered(m Outbound) PendingReport {
	q := PendingReport{Operation: m.Operation, Incident: m.Incident, At: m.At}
	i := slices.IndexFunc(r.Queue, q.is)
	switch {
	case i >= 0:
		q = r.Queue[i]
		r.remove(i)
	case m.Repeat > 0:
		q.renumber(r.Last)
		return q
	}
	r.Unkept = append(r.Unkept, q)
	return q
}

// settle removes a report whose receipt is kept.
func (r *ReportState) settle(op Operation, incident evcp.EventID) {
	known := len(r.Unkept)
	r.Unkept = slices.DeleteFunc(r.Unkept, func(q PendingReport) bool { return q.Operation == op && q.Incident == incident })
	if len(r.Unkept) < known {
		return
	}
	if i := r.find(op, incident); i >= 0 {
		r.remove(i)
	}
}

// oldest is the position of the oldest fact without a kept receipt; 0: there is none.
func (r *ReportState) oldest() (pos int64) {
	if r == nil {
		return 0
	}
	for _, q := range r.Unkept {
		if q.Pos != 0 && (pos == 0 || q.Pos < pos) {
			pos = q.Pos
		}
	}
	for _, q := range r.Queue { // in order of position
		if q.Pos != 0 {
			if pos == 0 || q.Pos < pos {
				pos = q.Pos
			}
			break
		}
	}
	return pos
}

// giveUp removes the reports whose facts the outbox has given up, or never had, and returns how
// many. Those of the newest incident stay: the state of the charge point has it, also after a
// restart. The others are not moved: there may be many.
func (s *SessionState) giveUp(gone outbox.FactRange, newest evcp.EventID) int {
	defer s.dropReports()
	r := s.reports()
	var stay []PendingReport
	n := 0
	for ; n < len(r.Queue) && (r.Queue[n].Pos == 0 || gone.Has(r.Queue[n].Pos)); n++ {
		if q := r.Queue[n]; q.Incident == newest {
			q.Pos = 0
			stay = append(stay, q)
		}
	}
	if r.Queue = slices.Insert(r.Queue[n:], 0, stay...); len(r.Queue) == 0 {
		r.Queue = nil
	}
	for i := range r.Unkept {
		if gone.Has(r.Unkept[i].Pos) {
			r.Unkept[i].Pos = 0
		}
	}
	return n - len(stay)
}
