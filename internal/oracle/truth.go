package oracle

import (
	"slices"
	"time"

	"evcp"
)

// healthAt is what a check would have met at a moment.
func (j *judge) healthAt(t evcp.Stamp) Health {
	worst, delay := Well, time.Duration(0)
	if b, ok := j.behaviourAt(t); ok {
		worst, delay = b.Words, b.Delay
		if b.Shut {
			worst = Sick
		}
	}
	for _, w := range j.cp.Windows {
		if w.Kind == EngineLink && w.From <= t && t <= w.To {
			delay += w.Delay
			worst = worse(worst, w.Health)
		}
	}
	if j.benchSlept().meet(span{t, t}) {
		worst = worse(worst, Mixed)
	}
	return worse(worst, j.lateBy(delay))
}

// benchSlept are the times in which the Engines and links stood still for so long
// that more than one check must have suffered. A shorter one is a stall, as if the
// Monitor had stood still: see learnStalls.
func (j *judge) benchSlept() spans {
	var all spans
	for _, s := range j.of(BenchStood) {
		if s.length() >= j.record.Rules.Interval {
			all = append(all, s)
		}
	}
	return all
}

// lateBy is what a delay alone makes of a check. Around the timeout nobody can say.
func (j *judge) lateBy(delay time.Duration) Health {
	switch limit := j.record.Rules.Timeout; {
	case delay > limit+3*grace:
		return Sick
	case delay > limit-2*grace:
		return Mixed
	default:
		return Well
	}
}

// worse joins what two things make of the same check: one that is sick is enough.
func worse(a, b Health) Health {
	switch {
	case a == Sick || b == Sick:
		return Sick
	case a == Mixed || b == Mixed:
		return Mixed
	default:
		return Well
	}
}

func (j *judge) behaviourAt(t evcp.Stamp) (Behaviour, bool) {
	for _, b := range slices.Backward(j.cp.Behaviours) {
		if b.At <= t {
			return b, true
		}
	}
	return Behaviour{}, false
}

// period is a time in which nothing changed for a check.
type period struct {
	span
	health Health
}

// periods cut the whole record where the truth changes.
func (j *judge) periods() []period {
	cuts := []evcp.Stamp{j.record.From, j.record.To}
	for _, b := range j.cp.Behaviours {
		cuts = append(cuts, b.At)
	}
	for _, w := range append(slices.Clone(j.cp.Windows), j.record.Shared...) {
		if w.Kind == EngineLink || w.Kind == BenchStood {
			cuts = append(cuts, w.From, w.To+1)
		}
	}
	slices.Sort(cuts)
	var all []period
	for i := 1; i < len(cuts); i++ {
		from, to := cuts[i-1], cuts[i]
		if from == to || from < j.record.From || to > j.record.To {
			continue
		}
		h := j.healthAt(from + (to-from)/2)
		if n := len(all); n > 0 && all[n-1].health == h {
			all[n-1].to = to
			continue
		}
		all = append(all, period{span{from, to}, h})
	}
	return all
}

// shut are the times in which the Engine did not listen.
func (j *judge) shut() spans {
	var all []span
	for i, b := range j.cp.Behaviours {
		until := j.record.To
		if i+1 < len(j.cp.Behaviours) {
			until = j.cp.Behaviours[i+1].At
		}
		if b.Shut {
			all = append(all, span{b.At, until})
		}
	}
	return union(all)
}
