package oracle

import (
	"cmp"
	"slices"
	"time"

	"evcp"
)

// span is a time, both ends included.
type span struct{ from, to evcp.Stamp }

func (s span) length() time.Duration { return s.to.Sub(s.from) }

func (s span) meets(o span) bool { return s.from <= o.to && o.from <= s.to }

func (s span) wider(by time.Duration) span { return span{s.from.Add(-by), s.to.Add(by)} }

// spans are times in order that do not overlap.
type spans []span

// union joins spans that overlap.
func union(all []span) spans {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var u spans
	for _, s := range all {
		if n := len(u); n > 0 && s.from <= u[n-1].to {
			u[n-1].to = max(u[n-1].to, s.to)
			continue
		}
		u = append(u, s)
	}
	return u
}

// meet reports whether any of them overlaps s.
func (all spans) meet(s span) bool {
	return slices.ContainsFunc(all, s.meets)
}

// end is the end of the last one that overlaps s.
func (all spans) end(s span) (end evcp.Stamp, found bool) {
	for _, o := range all {
		if o.meets(s) {
			end, found = o.to, true
		}
	}
	return end, found
}

// within is how much of s they cover.
func (all spans) within(s span) time.Duration {
	covered := time.Duration(0)
	for _, o := range all {
		if o.meets(s) {
			covered += min(o.to, s.to).Sub(max(o.from, s.from))
		}
	}
	return covered
}

// of are the windows of these kinds, the shared ones included.
func (v *verifier) of(kinds ...WindowKind) spans {
	var all []span
	for _, w := range slices.Concat(v.cp.Windows, v.trace.Shared) {
		if slices.Contains(kinds, w.Kind) {
			all = append(all, span{w.From, w.To})
		}
	}
	return union(all)
}

// stall is a time in which the Monitor could not check, and the delay it may cause.
type stall struct {
	span
	cost time.Duration
}

// learnStalls collects the stalls: those made by faults and those that the Monitor
// recorded itself.
func (v *verifier) learnStalls() {
	rules := v.trace.Rules
	for _, s := range v.of(MonitorPaused, HarnessStalled) {
		v.stalls = append(v.stalls, stall{s, s.length()})
	}
	for _, s := range v.of(MonitorDown) {
		s.to = s.to.Add(rules.Ready)
		v.stalls = append(v.stalls, stall{s, s.length()})
	}
	excused := v.of(MonitorPaused, MonitorDown, MachineBusy, HarnessStalled)
	for _, e := range v.events {
		cost := v.selfReported(e)
		if cost == 0 {
			continue
		}
		s := span{e.At.Add(-cost), e.At}
		v.stalls = append(v.stalls, stall{s, cost})
		if e.Action == evcp.MonitorStalled && !excused.meet(s.wider(rules.Interval)) {
			v.result.SelfExcused++
			v.result.SelfExcusedFor += cost
		}
	}
	slices.SortFunc(v.stalls, func(a, b stall) int { return cmp.Compare(a.from, b.from) })
}

// selfReported is how long the Monitor could not check, according to its own events: it
// stalled, or a check took longer than the interval, or was unknown.
func (v *verifier) selfReported(e evcp.Event) time.Duration {
	interval := v.trace.Rules.Interval
	switch {
	case e.Action == evcp.MonitorStalled:
		return max(e.Span, time.Duration(e.Missed)*interval)
	case e.Action == evcp.HealthCheck && e.Latency > interval-grace:
		return e.Latency
	case e.Action == evcp.HealthCheck && !e.Status.Countable():
		return interval
	}
	return 0
}

// deadline is when something that takes long must have happened, counted from a moment.
// Each stall meanwhile adds its cost and one interval.
func (v *verifier) deadline(from evcp.Stamp, long time.Duration) evcp.Stamp {
	due, until := from.Add(long), evcp.Stamp(0)
	for _, s := range v.stalls {
		if s.to < from || s.from > due {
			continue
		}
		cost := s.cost
		if begin := max(s.from, until, from); begin > s.from { // the part counted already, or before from
			cost = max(0, min(cost, s.to.Sub(begin)))
		}
		until = max(until, s.to)
		due = due.Add(cost + v.trace.Rules.Interval)
	}
	return due
}
