package oracle

import (
	"cmp"
	"slices"
	"time"

	"evcp"
)

// read parses the topic's records: each event once. It checks their bytes and their
// order.
func (v *verifier) read() {
	known := map[evcp.EventID]bool{}
	var newest evcp.EventID
	for _, raw := range v.cp.Records {
		e, err := evcp.ParseEvent([]byte(raw))
		if err != nil {
			v.violated(DuplicateID, v.trace.To, "no event: %v", err)
			continue
		}
		id := e.ID().Text(e.CP)
		before, twice := v.contents[id]
		switch {
		case twice && before != raw:
			v.violated(DuplicateID, e.At, "%s is both %s and %s", id, before, raw)
		case known[e.ID()]:
			v.result.Repeats++
		default:
			known[e.ID()], v.contents[id] = true, raw
			v.events = append(v.events, e)
			if older(e.ID(), newest) {
				v.violated(SeqGap, e.At, "seq %d came after %d on the topic", e.Seq, newest.Seq)
			}
			newest = e.ID()
		}
	}
	slices.SortFunc(v.events, func(a, b evcp.Event) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq))
	})
	v.count()
}

func older(a, b evcp.EventID) bool {
	return a.Epoch < b.Epoch || a.Epoch == b.Epoch && a.Seq < b.Seq
}

func (v *verifier) count() {
	r := v.result
	r.Events += len(v.events)
	for _, e := range v.events {
		switch e.Action {
		case evcp.HealthCheck:
			r.Checks++
			if !e.Status.Countable() {
				r.Unknown++
			}
			if e.Status.Failed() {
				r.Failed++
			}
		case evcp.EngineFailed:
			r.Incidents++
		case evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
			r.Reports++
		}
	}
}

// numbering looks for missing numbers, epochs that nothing caused, and timestamps that
// run backwards.
func (v *verifier) numbering() {
	excused := v.of(DiskFailing, StateMoved)
	var last evcp.Event
	for i, e := range v.events {
		before := last.Seq
		if i == 0 || e.Epoch != last.Epoch {
			before = 0
			v.result.Epochs++
			// What was not kept when the disk refused is judged again in the new epoch,
			// with its first timestamp.
			if i > 0 && !excused.meet(span{last.At, e.At.Add(commit + reportLimit)}) {
				v.violated(SeqGap, e.At, "epoch %d began for no reason", e.Epoch)
			}
		}
		v.sequence(e, before)
		if i > 0 && e.At < last.At && e.Action != evcp.ClockStep {
			v.violated(TimeBackwards, e.At, "seq %d is dated %s before seq %d", e.Seq, last.At.Sub(e.At), last.Seq)
		}
		last = e
	}
}

// sequence compares e with the number before it.
func (v *verifier) sequence(e evcp.Event, before uint64) {
	for missing := before + 1; missing < e.Seq; missing++ {
		if !v.dropped(e.Epoch, missing) {
			v.violated(SeqGap, e.At, "epoch %d has no seq %d to %d", e.Epoch, missing, e.Seq-1)
			return
		}
	}
}

// dropped reports whether an events_dropped covers a number.
func (v *verifier) dropped(epoch int64, seq uint64) bool {
	return slices.ContainsFunc(v.events, func(e evcp.Event) bool {
		return e.Action == evcp.EventsDropped && e.DroppedEpoch == epoch && e.From <= seq && seq <= e.To
	})
}

// streakPause is how old a failure may be to be counted with the next: 30 s, and with a
// long interval three of them and a timeout.
func (r Rules) streakPause() time.Duration {
	return max(30*time.Second, 3*r.Interval+r.Timeout)
}

// streaks counts failures in a row. It wants an incident at the last of Rules.Fall and
// its end at the first OK, and nowhere else.
func (v *verifier) streaks() {
	failures, open := 0, false
	var countable evcp.Stamp
	wanted := evcp.NoAction // the next event
	for _, e := range v.events {
		v.follows(e, wanted)
		wanted = evcp.NoAction
		switch {
		case e.Action == evcp.EngineFailed:
			open = true
		case e.Action == evcp.EngineRecovered:
			open = false
		case e.Action != evcp.HealthCheck || !e.Status.Countable():
		case e.Status == evcp.OK:
			failures, countable = 0, e.At
			if open {
				wanted = evcp.EngineRecovered
			}
		default:
			if e.At.Sub(countable) > v.trace.Rules.streakPause() {
				failures = 0
			}
			failures, countable = failures+1, e.At
			if int(e.Failures) != failures {
				v.violated(FalseFailure, e.At, "seq %d counts %d failures in a row; there were %d", e.Seq, e.Failures, failures)
				failures = int(e.Failures)
			}
			if !open && failures >= v.trace.Rules.Fall {
				wanted = evcp.EngineFailed
			}
		}
	}
}

// follows compares an event with the one that must follow the check before it.
func (v *verifier) follows(e evcp.Event, wanted evcp.Action) {
	verdict := e.Action == evcp.EngineFailed || e.Action == evcp.EngineRecovered
	switch {
	case wanted != evcp.NoAction && e.Action != wanted:
		v.violated(MissedIncident, e.At, "seq %d should be %s", e.Seq, wanted)
	case verdict && e.Action != wanted && e.Action == evcp.EngineFailed:
		v.violated(FalseFailure, e.At, "seq %d opens an incident without %d failures in a row", e.Seq, v.trace.Rules.Fall)
	case verdict && e.Action != wanted:
		v.violated(FalseOK, e.At, "seq %d closes an incident without an OK", e.Seq)
	}
}
