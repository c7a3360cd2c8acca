package oracle

import (
	"strings"

	"evcp"
)

// during is the time of a check: from its first system call to its outcome.
func during(e evcp.Event) span { return span{e.At.Add(-e.Latency), e.At} }

// grounds looks for what every check's outcome rests on.
func (j *judge) grounds() {
	troubled := union(append(append(j.of(EngineLink, BenchStood), j.shut()...), j.openings()...))
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
func (j *judge) openings() []span {
	var all []span
	for _, s := range j.shut() {
		all = append(all, s.wider(slack))
	}
	return all
}

// accusation wants a bad answer with the very words for a KO, and for a
// connection error a bad answer, a failing link or a shut door.
func (j *judge) accusation(e evcp.Event, asked []Question, troubled spans) {
	for _, q := range asked {
		if e.Status == evcp.KO && j.saysBad(q) || e.Status == evcp.ConnectionError && !j.good(q) {
			return
		}
	}
	if e.Status == evcp.ConnectionError && troubled.meet(during(e).wider(slack)) {
		return
	}
	j.find(FalseAccusation, e.At, "seq %d %s %s %q: the Engine did nothing of the kind (asked %d times meanwhile)", e.Seq, e.Status, e.Cause, e.Response, len(asked))
}

// saysBad reports whether the Engine said something that is no OK, or had by the
// timeout said only a part of one.
func (j *judge) saysBad(q Question) bool {
	if q.Part != "" && !j.good(q) {
		return !saysOK(q.Part)
	}
	return q.Answer != "" && !saysOK(q.Answer)
}

// clearance wants an OK in time.
func (j *judge) clearance(e evcp.Event, asked []Question) {
	for _, q := range asked {
		if saysOK(q.Answer) && q.Done.Sub(q.Asked) <= j.record.Rules.Timeout+2*grace+slack {
			return
		}
	}
	if limit := 2*j.record.Rules.Timeout + 2*grace; len(asked) > 0 || e.Latency > limit {
		j.find(FalseClearance, e.At, "seq %d OK after %s: the Engine did not say so in time", e.Seq, e.Latency)
		return
	}
	j.find(FalseClearance, e.At, "seq %d OK: the Engine was not asked", e.Seq)
}

// good reports whether the Engine's answer was an OK in time.
func (j *judge) good(q Question) bool {
	return saysOK(q.Answer) && j.lateBy(q.Done.Sub(q.Asked)) == Well
}

func saysOK(answer string) bool {
	words := strings.Fields(answer)
	return len(words) > 0 && strings.EqualFold(words[0], "OK")
}

func (j *judge) questionsIn(s span) []Question {
	var all []Question
	for _, q := range j.cp.Questions {
		if q.Asked >= s.from && q.Asked <= s.to {
			all = append(all, q)
		}
	}
	return all
}
