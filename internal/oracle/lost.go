package oracle

import (
	"time"

	"evcp"
)

// lost looks for checks that the Engine saw and the topic does not know. A kill
// may take those that came to an end in the last moments before it.
func (j *judge) lost() {
	var known []span
	for _, e := range j.events {
		if e.Action == evcp.HealthCheck {
			known = append(known, during(e).wider(slack))
		}
	}
	told := union(known)
	unclear := j.of(EngineLink, BenchStood) // what was held back comes later than it was asked
	for _, q := range j.cp.Questions {
		at := span{q.Asked, q.Asked}
		switch {
		case q.Asked < j.record.From || q.Asked > j.record.To:
		case told.meet(at):
		case unclear.meet(span{q.Asked.Add(-tooLate), q.Asked}):
		case j.taken(q):
		default:
			j.find(LostEvent, q.Asked, "the Engine was asked and answered %q; no event", q.Answer)
		}
	}
}

// taken reports whether a kill came before the check could be kept.
func (j *judge) taken(q Question) bool {
	latest := q.Asked.Add(j.record.Rules.Timeout + 2*grace)
	over := min(q.Done, latest)
	if q.Answer == "" || j.of(EngineLink).meet(span{q.Asked, q.Done}) { // nothing came, or who knows when
		over = latest
	}
	still := j.of(Stopped, Hogs, BenchStood) // time in which nothing gets on
	for _, w := range j.cp.Windows {
		if w.Kind != Down || w.From < q.Asked.Add(-slack) {
			continue
		}
		awake := w.From.Sub(over) - still.within(span{over, w.From})
		if awake <= commit || j.inMemory(q.Asked, w.From) {
			return true
		}
	}
	return false
}

// inMemory reports whether the disk refused what was judged then until the kill.
func (j *judge) inMemory(asked, killed evcp.Stamp) bool {
	for _, s := range j.of(DiskRefuses) {
		if s.from.Add(-time.Second) <= asked && asked <= s.to && killed <= s.to {
			return true
		}
	}
	return false
}
