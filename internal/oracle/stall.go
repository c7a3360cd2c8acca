package oracle

import (
	"cmp"
	"slices"
	"time"

	"evcp"
)

// stall is a time in which the Monitor could not watch, and what that may cost.
type stall struct {
	span
	cost time.Duration
}

// learnStalls joins what was done to the Monitor with what it says of itself.
func (j *verifier) learnStalls() {
	rules := j.record.Rules
	for _, s := range j.of(MonitorPaused, HarnessStalled) {
		j.stalls = append(j.stalls, stall{s, s.length()})
	}
	for _, s := range j.of(MonitorDown) {
		s.to = s.to.Add(rules.Ready)
		j.stalls = append(j.stalls, stall{s, s.length()})
	}
	excused := j.of(MonitorPaused, MonitorDown, CPUBusy, HarnessStalled)
	for _, e := range j.events {
		cost := j.selfTold(e)
		if cost == 0 {
			continue
		}
		s := span{e.At.Add(-cost), e.At}
		j.stalls = append(j.stalls, stall{s, cost})
		if e.Action == evcp.MonitorStalled && !excused.meet(s.wider(rules.Interval)) {
			j.verdict.SelfExcused++
			j.verdict.SelfExcusedFor += cost
		}
	}
	slices.SortFunc(j.stalls, func(a, b stall) int { return cmp.Compare(a.from, b.from) })
}

// selfTold is how long the Monitor says that it could not watch: it stood still,
// or a check took longer than the interval, or came to nothing.
func (j *verifier) selfTold(e evcp.Event) time.Duration {
	interval := j.record.Rules.Interval
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

// after is the moment by which something that takes long must have happened,
// counted from a moment, when each stall on the way may add its length and one
// interval.
func (j *verifier) after(from evcp.Stamp, long time.Duration) evcp.Stamp {
	due, until := from.Add(long), evcp.Stamp(0)
	for _, s := range j.stalls {
		if s.to < from || s.from > due {
			continue
		}
		cost := s.cost
		if begin := max(s.from, until, from); begin > s.from { // what is counted already, or was before
			cost = max(0, min(cost, s.to.Sub(begin)))
		}
		until = max(until, s.to)
		due = due.Add(cost + j.record.Rules.Interval)
	}
	return due
}
