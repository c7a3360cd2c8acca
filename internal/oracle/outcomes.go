package oracle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"evcp"
)

// expectedAt is what a check at a moment must result in.
func (v *verifier) expectedAt(t evcp.Stamp) Expectation {
	b := v.behaviourAt(t)
	worst, delay := b.Expect, b.Delay
	if b.Shut {
		worst = ExpectFailure
	}
	for _, w := range v.cp.Windows {
		if w.Kind == EngineLink && w.From <= t && t <= w.To {
			delay += w.Delay
			worst = max(worst, w.Expect)
		}
	}
	if v.harnessSleeps().meet(span{t, t}) || v.of(OwnNetwork).meet(span{t, t}) {
		worst = max(worst, ExpectEither)
	}
	return max(worst, v.expectedAfter(delay))
}

// harnessSleeps are the times in which the Engines and links stalled for at least one
// interval. A shorter one counts like a stall of the Monitor: see learnStalls.
func (v *verifier) harnessSleeps() spans {
	return slices.DeleteFunc(v.of(HarnessStalled), func(s span) bool { return s.length() < v.trace.Rules.Interval })
}

// expectedAfter is what a check must result in when its reply has a delay. Around the
// timeout it can't be known.
func (v *verifier) expectedAfter(delay time.Duration) Expectation {
	switch limit := v.trace.Rules.Timeout; {
	case delay > limit+3*grace:
		return ExpectFailure
	case delay > limit-2*grace:
		return ExpectEither
	default:
		return ExpectOK
	}
}

// behaviourAt is OK before the first change.
func (v *verifier) behaviourAt(t evcp.Stamp) EngineBehaviour {
	for _, b := range slices.Backward(v.cp.Behaviours) {
		if b.At <= t {
			return b
		}
	}
	return EngineBehaviour{}
}

// period is a time with one expectation.
type period struct {
	span
	expect Expectation
}

// periods cuts the trace where the expectation changes.
func (v *verifier) periods() []period {
	cuts := []evcp.Stamp{v.trace.From, v.trace.To}
	for _, b := range v.cp.Behaviours {
		cuts = append(cuts, b.At)
	}
	for _, w := range slices.Concat(v.cp.Windows, v.trace.Shared) {
		if w.Kind == EngineLink || w.Kind == HarnessStalled || w.Kind == OwnNetwork {
			cuts = append(cuts, w.From, w.To+1)
		}
	}
	slices.Sort(cuts)
	var all []period
	for i := 1; i < len(cuts); i++ {
		from, to := cuts[i-1], cuts[i]
		if from == to || from < v.trace.From || to > v.trace.To {
			continue
		}
		e := v.expectedAt(from + (to-from)/2)
		if n := len(all); n > 0 && all[n-1].expect == e {
			all[n-1].to = to
			continue
		}
		all = append(all, period{span{from, to}, e})
	}
	return all
}

// notListening are the times in which the Engine did not listen.
func (v *verifier) notListening() spans {
	var all []span
	for i, b := range v.cp.Behaviours {
		until := v.trace.To
		if i+1 < len(v.cp.Behaviours) {
			until = v.cp.Behaviours[i+1].At
		}
		if b.Shut {
			all = append(all, span{b.At, until})
		}
	}
	return union(all)
}

// checkTime is the time of a check: from its first system call to its event. Where the Monitor
// may take notice of a reply later than it arrived, it is from the earliest moment at which the
// check can have begun.
func (v *verifier) checkTime(e evcp.Event) span {
	return span{v.earliestArrival(e.At).Add(-e.Latency), e.At}
}

// earliestArrival is when a reply can have arrived at the earliest of which the Monitor took
// notice at a moment. It takes none while it is paused, and on busy CPUs it may be late.
func (v *verifier) earliestArrival(noticed evcp.Stamp) evcp.Stamp {
	left, at := v.trace.Rules.Noticing, noticed
	if left == 0 {
		return noticed
	}
	if v.busy.meet(span{noticed.Add(-left), noticed}) {
		left += maxLateness
	}
	for _, s := range slices.Backward(v.paused) {
		if s.from > at {
			continue
		}
		running := max(0, at.Sub(s.to))
		if running > left {
			break
		}
		left, at = left-running, s.from
	}
	return at.Add(-left)
}

// outcomes looks for what caused the outcome of every check.
func (v *verifier) outcomes() {
	excused := v.of(EngineLink, HarnessStalled)
	for _, s := range v.notListening() { // connections are reset at both ends of it
		excused = append(excused, s.wider(slack))
	}
	excused = union(excused)
	for _, e := range v.events {
		if e.Action != evcp.HealthCheck || !e.Status.Countable() {
			continue
		}
		received := v.checksReceived(v.checkTime(e).wider(slack))
		if e.Status == evcp.OK {
			v.okCheck(e, received)
			continue
		}
		v.failedCheck(e, received, excused)
	}
}

// failedCheck wants a bad reply for a KO; for a connection error a bad reply or none, a
// failing link, or an Engine that does not listen.
func (v *verifier) failedCheck(e evcp.Event, received []EngineCheck, excused spans) {
	for _, c := range received {
		if e.Status == evcp.KO && v.repliedBad(c) || e.Status == evcp.ConnectionError && !v.repliedOK(c) {
			return
		}
	}
	if e.Status == evcp.ConnectionError && excused.meet(v.checkTime(e).wider(slack)) {
		return
	}
	v.violated(FalseFailure, e.At, "seq %d %s %s %q: the Engine did nothing to cause it (%d checks received meanwhile)", e.Seq, e.Status, e.Cause, e.Response, len(received))
}

// repliedBad reports whether the reply was not OK, or only the first part of an OK came
// in time.
func (v *verifier) repliedBad(c EngineCheck) bool {
	if c.Partial != "" && !v.repliedOK(c) {
		return !isOK(c.Partial)
	}
	return c.Reply != "" && !isOK(c.Reply)
}

// okCheck wants a reply OK in time.
func (v *verifier) okCheck(e evcp.Event, received []EngineCheck) {
	for _, c := range received {
		if isOK(c.Reply) && c.Done.Sub(c.Received) <= v.trace.Rules.Timeout+2*grace+slack {
			return
		}
	}
	if limit := 2*v.trace.Rules.Timeout + 2*grace; len(received) > 0 || e.Latency > limit {
		v.violated(FalseOK, e.At, "seq %d OK after %s: the Engine did not reply OK in time", e.Seq, e.Latency)
		return
	}
	v.violated(FalseOK, e.At, "seq %d OK: the Engine received no check", e.Seq)
}

// repliedOK reports whether the Engine replied OK in time.
func (v *verifier) repliedOK(c EngineCheck) bool {
	return isOK(c.Reply) && v.expectedAfter(c.Done.Sub(c.Received)) == ExpectOK
}

func isOK(answer string) bool {
	words := strings.Fields(answer)
	return len(words) > 0 && strings.EqualFold(words[0], "OK")
}

func (v *verifier) checksReceived(s span) []EngineCheck {
	first := func(at evcp.Stamp) int {
		i, _ := slices.BinarySearchFunc(v.cp.EngineChecks, at, func(c EngineCheck, at evcp.Stamp) int { return cmp.Compare(c.Received, at) })
		return i
	}
	return v.cp.EngineChecks[first(s.from):first(s.to+1)]
}
