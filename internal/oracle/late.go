package oracle

import (
	"time"

	"evcp"
)

// lateness holds the rhythm, as the Engine saw it, while the Monitor could watch
// and the Engine could be reached.
func (j *verifier) lateness() {
	r := j.record.Rules
	unseen := union(append(j.of(EngineLink, HarnessStalled, MonitorPaused, MonitorDown), j.shut()...))
	for i := 1; i < len(j.cp.EngineChecks); i++ {
		s := span{j.cp.EngineChecks[i-1].Received, j.cp.EngineChecks[i].Received}
		if s.to > j.record.To || s.from < j.record.From || unseen.meet(s.wider(tooLate)) {
			continue
		}
		j.verdict.Intervals++
		limit := r.Interval + tooLate
		if j.first(i - 1) {
			limit += r.Interval
		}
		if over := s.length() - limit; over > 0 && over > j.excused(s) {
			j.find(LateCheck, s.to, "%s after the one before", s.length())
		}
	}
	j.starts()
}

// first reports whether a question was the first of a Monitor: it may come at once,
// outside the rhythm, when the next tick is skipped if it is nearer than half an
// interval; and it waits for the greeting, and so may run into the next tick.
func (j *verifier) first(i int) bool {
	if i == 0 {
		return true
	}
	between := span{j.cp.EngineChecks[i-1].Received, j.cp.EngineChecks[i].Received}
	return j.of(MonitorDown).meet(between)
}

// excused is how much a Monitor's own stalls explain.
func (j *verifier) excused(s span) time.Duration {
	sum := time.Duration(0)
	for _, x := range j.stalls {
		if x.meets(s.wider(tooLate)) {
			sum += x.cost + j.record.Rules.Interval
		}
	}
	return sum
}

// starts wants a check soon after every start.
func (j *verifier) starts() {
	r := j.record.Rules
	unseen := union(append(j.of(EngineLink, HarnessStalled, MonitorPaused), j.shut()...))
	for _, down := range j.of(MonitorDown) {
		due := down.to.Add(r.Ready)
		if due > j.record.To || unseen.meet(span{down.to, due}) || j.of(MonitorDown).meet(span{down.to + 1, due}) {
			continue
		}
		if j.of(CPUBusy).meet(span{down.to, due}) {
			due = due.Add(r.Ready)
		}
		if !j.askedBetween(down.to, due) {
			j.find(LateCheck, due, "started %s ago and has not asked", due.Sub(down.to))
		}
	}
}

func (j *verifier) askedBetween(from, to evcp.Stamp) bool {
	return len(j.questionsIn(span{from, to})) > 0
}
