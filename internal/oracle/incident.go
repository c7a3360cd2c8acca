package oracle

import (
	"time"

	"evcp"
)

// incidents holds the bounds: a sick Engine has an open incident, and one that is
// well again has none, as long as it stayed so until then.
func (j *verifier) incidents() {
	r := j.record.Rules
	fall := time.Duration(r.Fall)*r.Interval + r.Timeout + 3*grace
	rise := 2*r.Interval + r.Timeout + 3*grace // a check that began before may fail yet
	for _, p := range j.periods() {
		bound, want := rise, false
		switch p.health {
		case ExpectFailure:
			bound, want = fall, true
		case ExpectEither:
			continue
		}
		bound += j.slowed(span{p.from, p.from.Add(bound)})
		due := j.after(p.from, bound)
		if want {
			due = j.after(j.anew(p.from, due), bound)
		}
		due = due.Add(slack)
		if due >= p.to || j.of(MonitorDown).meet(span{due, due}) {
			continue
		}
		j.verdict.Bounds++
		if open := j.openAt(due); open != want {
			j.find(MissedIncident, due, "%s since %s, but its incident is %s", p.health, p.from.Time().Format("15:04:05.000"), openness(open))
		}
	}
}

// anew is from when failures count for an incident that must be open at a moment: those
// before a stall that was longer than a streak lasts may be forgotten.
func (j *verifier) anew(from, due evcp.Stamp) evcp.Stamp {
	for _, s := range j.stalls {
		if s.to > from && s.from <= due && s.length() > streakLasts-j.record.Rules.Interval-j.record.Rules.Timeout {
			from = s.to
		}
	}
	return from
}

// slowed is what a slow link adds: each check may dial for a whole timeout before it
// asks, and so take a tick more.
func (j *verifier) slowed(s span) time.Duration {
	for _, w := range j.cp.Windows {
		if w.Kind == EngineLink && w.Delay > 0 && s.meets(span{w.From, w.To}) {
			return time.Duration(j.record.Rules.Fall) * j.record.Rules.Interval
		}
	}
	return 0
}

func openness(open bool) string {
	if open {
		return "still open"
	}
	return "not open"
}

// String is the word for findings.
func (h Expectation) String() string { return [...]string{"well", "sick", "mixed"}[h] }

// openAt reports whether an incident was open at a moment.
func (j *verifier) openAt(t evcp.Stamp) bool {
	open := false
	for _, e := range j.events {
		if e.At > t {
			break
		}
		switch e.Action {
		case evcp.EngineFailed:
			open = true
		case evcp.EngineRecovered:
			open = false
		}
	}
	return open
}
