package oracle

import (
	"strings"

	"evcp"
)

// during is the time of a check: from its first system call to its outcome.
func during(e evcp.Event) span { return span{e.At.Add(-e.Latency), e.At} }

// grounds looks for what every check's outcome rests on.
func (j *verifier) grounds() {
	troubled := union(append(append(j.of(EngineLink, HarnessStalled), j.shut()...), j.openings()...))
	for _, e := range j.events {
		if e.Action != evcp.HealthCheck || !e.Status.Countable() {
			continue
		}
		asked := j.questionsIn(during(e).wider(slack))
		if e.Status == evcp.OK {
			j.clearance(e, asked)
			continue
		}
		j.accusation(e, asked, troubled)
	}
}

// openings are the moments around an exchange of behaviours that shut or opened
// the Engine's door: connections are cut then.
func (j *verifier) openings() []span {
	var all []span
	for _, s := range j.shut() {
		all = append(all, s.wider(slack))
	}
	return all
}

// accusation wants a bad answer with the very words for a KO, and for a
// connection error a bad answer, a failing link or a shut door.
func (j *verifier) accusation(e evcp.Event, asked []EngineCheck, troubled spans) {
	for _, q := range asked {
		if e.Status == evcp.KO && j.saysBad(q) || e.Status == evcp.ConnectionError && !j.good(q) {
			return
		}
	}
	if e.Status == evcp.ConnectionError && troubled.meet(during(e).wider(slack)) {
		return
	}
	j.find(FalseFailure, e.At, "seq %d %s %s %q: the Engine did nothing of the kind (asked %d times meanwhile)", e.Seq, e.Status, e.Cause, e.Response, len(asked))
}

// saysBad reports whether the Engine said something that is no OK, or had by the
// timeout said only a part of one.
func (j *verifier) saysBad(q EngineCheck) bool {
	if q.Partial != "" && !j.good(q) {
		return !saysOK(q.Partial)
	}
	return q.Reply != "" && !saysOK(q.Reply)
}

// clearance wants an OK in time.
func (j *verifier) clearance(e evcp.Event, asked []EngineCheck) {
	for _, q := range asked {
		if saysOK(q.Reply) && q.Done.Sub(q.Received) <= j.record.Rules.Timeout+2*grace+slack {
			return
		}
	}
	if limit := 2*j.record.Rules.Timeout + 2*grace; len(asked) > 0 || e.Latency > limit {
		j.find(FalseOK, e.At, "seq %d OK after %s: the Engine did not say so in time", e.Seq, e.Latency)
		return
	}
	j.find(FalseOK, e.At, "seq %d OK: the Engine was not asked", e.Seq)
}

// good reports whether the Engine's answer was an OK in time.
func (j *verifier) good(q EngineCheck) bool {
	return saysOK(q.Reply) && j.lateBy(q.Done.Sub(q.Received)) == ExpectOK
}

func saysOK(answer string) bool {
	words := strings.Fields(answer)
	return len(words) > 0 && strings.EqualFold(words[0], "OK")
}

func (j *verifier) questionsIn(s span) []EngineCheck {
	var all []EngineCheck
	for _, q := range j.cp.EngineChecks {
		if q.Received >= s.from && q.Received <= s.to {
			all = append(all, q)
		}
	}
	return all
}
