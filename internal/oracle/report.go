package oracle

import (
	"fmt"
	"time"

	"evcp"
	"evcp/internal/wire"
)

// incidentReports is an incident as the events tell it, and when Central's receipts for it
// were recorded.
type incidentReports struct {
	id        evcp.EventID
	failed    evcp.Stamp
	recovered evcp.Stamp // 0: open
	failures  []evcp.Event
	recovery  evcp.Stamp // of its receipt; 0: none
}

// reports compares what had to be told with what Central was told.
func (j *verifier) reports() {
	tales := j.tales()
	for _, t := range tales {
		j.inTime(t.failed, t.firstReceipt(), wire.EngineFailure)
		if t.recovered != 0 {
			j.inTime(t.recovered, t.recovery, wire.EngineRecovered)
		}
		j.repeated(t)
	}
	for _, m := range j.cp.Messages {
		switch {
		case m.Verb == wire.EngineFailure && !j.failureDue(tales, m.Sent):
			j.find(DuplicateReport, m.Sent, "ENGINE_FAILURE, although its receipt was kept")
		case m.Verb == wire.EngineRecovered && !recoveryDue(tales, m.Sent):
			j.find(DuplicateReport, m.Sent, "ENGINE_RECOVERED, although its receipt was kept")
		}
		if m.Verb == wire.EngineFailure || m.Verb == wire.EngineRecovered {
			j.recorded(tales, m)
		}
	}
}

// tales gathers the incidents, and looks for receipts that were recorded twice.
func (j *verifier) tales() []*incidentReports {
	var all []*incidentReports
	byID := map[evcp.EventID]*incidentReports{}
	for _, e := range j.events {
		t := byID[e.Incident]
		switch {
		case e.Action == evcp.EngineFailed:
			t = &incidentReports{id: e.ID(), failed: e.At}
			byID[e.ID()], all = t, append(all, t)
		case t == nil:
		case e.Action == evcp.EngineRecovered:
			t.recovered = e.At
		case e.Action == evcp.ReportEngineFailure:
			j.receipt(t, e)
		case e.Action == evcp.ReportEngineRecovery:
			j.given(t, wire.EngineRecovered, t.recovered, e.At)
			if t.recovery != 0 {
				j.find(DuplicateReport, e.At, "a second receipt of the recovery of %s", t.id.Text(j.cp.ID))
			}
			t.recovery = e.At
		}
	}
	return all
}

func (j *verifier) receipt(t *incidentReports, e evcp.Event) {
	if n := uint32(len(t.failures)); e.Repeat != n {
		j.find(DuplicateReport, e.At, "receipt with repeat %d of %s; %d is next", e.Repeat, t.id.Text(j.cp.ID), n)
	}
	j.given(t, wire.EngineFailure, t.failed, e.At)
	t.failures = append(t.failures, e)
}

// given wants an answer of Central for what is recorded as its receipt.
func (j *verifier) given(t *incidentReports, v wire.Verb, from, recorded evcp.Stamp) {
	if !j.answeredBefore(v, from, recorded) {
		j.find(MissingReport, recorded, "a receipt of %s for %s that Central never gave", t.id.Text(j.cp.ID), v)
	}
}

func (t *incidentReports) firstReceipt() evcp.Stamp {
	if len(t.failures) == 0 {
		return 0
	}
	return t.failures[0].At
}

// answeredBefore reports whether Central answered such a message in time.
func (j *verifier) answeredBefore(v wire.Verb, from, to evcp.Stamp) bool {
	for _, m := range j.cp.Messages {
		if m.Verb == v && m.Sent >= from.Add(-slack) && m.Returned != 0 && m.Returned <= to.Add(slack) {
			return true
		}
	}
	return false
}

// failureDue reports whether some incident asked for an ENGINE_FAILURE then.
func (j *verifier) failureDue(tales []*incidentReports, at evcp.Stamp) bool {
	every, decided := j.record.Rules.ReportEvery, at.Add(-commit)
	if j.of(CentralLink).meet(span{at.Add(-answerFor), at}) { // it may have been dialling since
		decided = at.Add(-answerFor)
	}
	for _, t := range tales {
		if t.failed > at.Add(slack) {
			continue
		}
		last := evcp.Stamp(0)
		for _, e := range t.failures {
			if e.At < at.Add(-slack) {
				last = e.At
			}
		}
		open := t.recovered == 0 || t.recovered > decided
		if last == 0 || open && every > 0 && at.Sub(last) >= every-5*slack {
			return true
		}
	}
	return false
}

// recoveryDue reports whether some incident asked for an ENGINE_RECOVERED then.
func recoveryDue(tales []*incidentReports, at evcp.Stamp) bool {
	for _, t := range tales {
		if t.recovered != 0 && t.recovered <= at.Add(slack) && (t.recovery == 0 || t.recovery >= at.Add(-slack)) {
			return true
		}
	}
	return false
}

// inTime wants a receipt for what happened, soon after nothing was in the way.
func (j *verifier) inTime(happened, receipt evcp.Stamp, v wire.Verb) {
	due := j.reachable(happened).Add(tardy)
	if due > j.record.To {
		return
	}
	j.verdict.TimelyReports++
	if receipt == 0 || receipt > due {
		j.find(MissingReport, happened, "%s has %s; Central could be reached by %s", v, receiptAt(receipt), due.Time().Format("15:04:05.000"))
	}
}

// repeated wants an open incident to be told again and again.
func (j *verifier) repeated(t *incidentReports) {
	every := j.record.Rules.ReportEvery
	for i, e := range t.failures {
		until := j.record.To
		if t.recovered != 0 {
			until = min(until, t.recovered)
		}
		if i+1 < len(t.failures) {
			until = min(until, t.failures[i+1].At)
		}
		if due := j.reachable(e.At.Add(every)).Add(tardy); every > 0 && due < until {
			j.find(MissingReport, due, "%s is open, and was last told at %s", t.id.Text(j.cp.ID), e.At.Time().Format("15:04:05.000"))
		}
	}
}

func receiptAt(t evcp.Stamp) string {
	if t == 0 {
		return "no receipt"
	}
	return fmt.Sprintf("its receipt only at %s", t.Time().Format("15:04:05.000"))
}

// reachable is the first moment from then on before which Central could be
// reached, by a Monitor that ran, for as long as what was in the way may cost yet:
// Central, the longest back-off and one unanswered question; the Monitor itself,
// the shortest back-off, or its start.
func (j *verifier) reachable(from evcp.Stamp) evcp.Stamp {
	var ways []span
	behind := func(costs time.Duration, kinds ...WindowKind) {
		for _, s := range j.of(kinds...) {
			ways = append(ways, span{s.from, s.to.Add(costs)})
		}
	}
	behind(backoff+2*answerFor+tardy, CentralLink, CentralDown)
	behind(firstBackoff+tardy, MonitorPaused, CPUBusy, DiskFailing)
	behind(0, HarnessStalled)
	behind(j.record.Rules.Ready, MonitorDown)
	for _, s := range union(ways) {
		if s.meets(span{from, from.Add(tardy)}) {
			from = max(from, s.to)
		}
	}
	return from
}

// recorded wants an event for every receipt that reached the Monitor.
func (j *verifier) recorded(tales []*incidentReports, m CentralMessage) {
	still := j.of(MonitorPaused, MonitorDown, CPUBusy, HarnessStalled, DiskFailing)
	if !m.delivered() || m.Returned > j.record.To || still.meet(span{m.Returned.Add(-slack), m.Returned.Add(commit)}) {
		return
	}
	for _, t := range tales {
		if m.Verb == wire.EngineRecovered && near(t.recovery, m.Returned) {
			return
		}
		for _, e := range t.failures {
			if m.Verb == wire.EngineFailure && near(e.At, m.Returned) {
				return
			}
		}
	}
	j.find(LostEvent, m.Returned, "Central's receipt for %s has no event", m.Verb)
}

func near(a, b evcp.Stamp) bool { return a.Sub(b).Abs() <= commit }
