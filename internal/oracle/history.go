package oracle

import (
	"cmp"
	"slices"

	"evcp"
)

// read takes the topic's records: each event once, and what is wrong with the
// bytes themselves.
func (j *verifier) read() {
	known := map[evcp.EventID]bool{}
	var newest evcp.EventID
	for _, entry := range j.cp.Records {
		e, err := evcp.ParseEvent([]byte(entry.Raw))
		if err != nil {
			j.find(DuplicateID, j.record.To, "no event: %v", err)
			continue
		}
		switch before := j.said.of(e, entry.Raw); {
		case before != entry.Raw:
			j.find(DuplicateID, e.At, "%s is both %s and %s", e.ID().Text(e.CP), before, entry.Raw)
		case known[e.ID()]:
			j.verdict.Repeats++
		default:
			known[e.ID()] = true
			j.events = append(j.events, e)
			if older(e.ID(), newest) {
				j.find(SeqGap, e.At, "seq %d came after %d on the topic", e.Seq, newest.Seq)
			}
			newest = e.ID()
		}
	}
	slices.SortFunc(j.events, func(a, b evcp.Event) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq))
	})
	j.count()
}

// contents are the bytes of every event_id, whichever Monitor sent them.
type contents map[string]string

// of is the first content of an event's id: raw, if it is new.
func (c contents) of(e evcp.Event, raw string) string {
	id := e.ID().Text(e.CP)
	if before, known := c[id]; known {
		return before
	}
	c[id] = raw
	return raw
}

func older(a, b evcp.EventID) bool {
	return a.Epoch < b.Epoch || a.Epoch == b.Epoch && a.Seq < b.Seq
}

func (j *verifier) count() {
	v := j.verdict
	v.Events += len(j.events)
	for _, e := range j.events {
		switch e.Action {
		case evcp.HealthCheck:
			v.Checks++
			if !e.Status.Countable() {
				v.Unknown++
			}
			if e.Status.Failed() {
				v.Failed++
			}
		case evcp.EngineFailed:
			v.Incidents++
		case evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
			v.Reports++
		}
	}
}

// numbering looks for numbers that are missing, epochs that began for no reason,
// and times that run backwards.
func (j *verifier) numbering() {
	excused := j.of(DiskFailing, StateMoved)
	var last evcp.Event
	for i, e := range j.events {
		switch {
		case i == 0 || e.Epoch != last.Epoch:
			j.verdict.Epochs++
			// What was judged and not kept when the disk refused is judged again
			// under the new epoch, with the time at which it was seen.
			if i > 0 && !excused.meet(span{last.At, e.At.Add(commit + tardy)}) {
				j.find(SeqGap, e.At, "epoch %d began for no reason", e.Epoch)
			}
			j.sequence(e, 0)
		default:
			j.sequence(e, last.Seq)
		}
		if i > 0 && e.At < last.At && e.Action != evcp.ClockStep {
			j.find(TimeBackwards, e.At, "seq %d is dated %s before seq %d", e.Seq, last.At.Sub(e.At), last.Seq)
		}
		last = e
	}
}

// sequence compares e with the number before it.
func (j *verifier) sequence(e evcp.Event, before uint64) {
	for missing := before + 1; missing < e.Seq; missing++ {
		if !j.dropped(e.Epoch, missing) {
			j.find(SeqGap, e.At, "epoch %d has no seq %d to %d", e.Epoch, missing, e.Seq-1)
			return
		}
	}
}

// dropped reports whether an events_dropped covers a number.
func (j *verifier) dropped(epoch int64, seq uint64) bool {
	return slices.ContainsFunc(j.events, func(e evcp.Event) bool {
		return e.Action == evcp.EventsDropped && e.DroppedEpoch == epoch && e.From <= seq && seq <= e.To
	})
}
