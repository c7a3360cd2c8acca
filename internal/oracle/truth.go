package oracle

import (
	"slices"
	"time"

	"evcp"
)

// healthAt is what a check would have met at a moment.
func (j *verifier) healthAt(t evcp.Stamp) Expectation {
	worst, delay := ExpectOK, time.Duration(0)
	if b, ok := j.behaviourAt(t); ok {
		worst, delay = b.Expect, b.Delay
		if b.Shut {
			worst = ExpectFailure
		}
	}
	for _, w := range j.cp.Windows {
		if w.Kind == EngineLink && w.From <= t && t <= w.To {
			delay += w.Delay
			worst = worse(worst, w.Expect)
		}
	}
	if j.benchSlept().meet(span{t, t}) {
		worst = worse(worst, ExpectEither)
	}
	return worse(worst, j.lateBy(delay))
}

// benchSlept are the times in which the Engines and links stood still for so long
// that more than one check must have suffered. A shorter one is a stall, as if the
// Monitor had stood still: see learnStalls.
func (j *verifier) benchSlept() spans {
	var all spans
	for _, s := range j.of(HarnessStalled) {
		if s.length() >= j.record.Rules.Interval {
			all = append(all, s)
		}
	}
	return all
}

// lateBy is what a delay alone makes of a check. Around the timeout nobody can say.
func (j *verifier) lateBy(delay time.Duration) Expectation {
	switch limit := j.record.Rules.Timeout; {
	case delay > limit+3*grace:
		return ExpectFailure
	case delay > limit-2*grace:
		return ExpectEither
	default:
		return ExpectOK
	}
}

// worse joins what two things make of the same check: one that is sick is enough.
func worse(a, b Expectation) Expectation {
	switch {
	case a == ExpectFailure || b == ExpectFailure:
		return ExpectFailure
	case a == ExpectEither || b == ExpectEither:
		return ExpectEither
	default:
		return ExpectOK
	}
}

func (j *verifier) behaviourAt(t evcp.Stamp) (EngineBehaviour, bool) {
	for _, b := range slices.Backward(j.cp.Behaviours) {
		if b.At <= t {
			return b, true
		}
	}
	return EngineBehaviour{}, false
}

// period is a time in which nothing changed for a check.
type period struct {
	span
	health Expectation
}

// periods cut the whole record where the truth changes.
func (j *verifier) periods() []period {
	cuts := []evcp.Stamp{j.record.From, j.record.To}
	for _, b := range j.cp.Behaviours {
		cuts = append(cuts, b.At)
	}
	for _, w := range append(slices.Clone(j.cp.Windows), j.record.Shared...) {
		if w.Kind == EngineLink || w.Kind == HarnessStalled {
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
func (j *verifier) shut() spans {
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
