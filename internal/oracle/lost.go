package oracle

import (
	"time"

	"evcp"
)

// lost looks for checks that the Engine saw and the topic does not know. A kill
// may take those that came to an end in the last moments before it.
func (j *verifier) lost() {
	var known []span
	for _, e := range j.events {
		if e.Action == evcp.HealthCheck {
			known = append(known, during(e).wider(slack))
		}
	}
	told := union(known)
	unclear := j.of(EngineLink, HarnessStalled) // what was held back comes later than it was asked
	for _, q := range j.cp.EngineChecks {
		at := span{q.Received, q.Received}
		switch {
		case q.Received < j.record.From || q.Received > j.record.To:
		case told.meet(at):
		case unclear.meet(span{q.Received.Add(-tooLate), q.Received}):
		case j.taken(q):
		default:
			j.find(LostEvent, q.Received, "the Engine was asked and answered %q; no event", q.Reply)
		}
	}
}

// taken reports whether a kill came before the check could be kept.
func (j *verifier) taken(q EngineCheck) bool {
	latest := q.Received.Add(j.record.Rules.Timeout + 2*grace)
	over := min(q.Done, latest)
	if q.Reply == "" || j.of(EngineLink).meet(span{q.Received, q.Done}) { // nothing came, or who knows when
		over = latest
	}
	still := j.of(MonitorPaused, CPUBusy, HarnessStalled) // time in which nothing gets on
	for _, w := range j.cp.Windows {
		if w.Kind != MonitorDown || w.From < q.Received.Add(-slack) {
			continue
		}
		awake := w.From.Sub(over) - still.within(span{over, w.From})
		if awake <= commit || j.inMemory(q.Received, w.From) {
			return true
		}
	}
	return false
}

// inMemory reports whether the disk refused what was judged then until the kill.
func (j *verifier) inMemory(asked, killed evcp.Stamp) bool {
	for _, s := range j.of(DiskFailing) {
		if s.from.Add(-time.Second) <= asked && asked <= s.to && killed <= s.to {
			return true
		}
	}
	return false
}
