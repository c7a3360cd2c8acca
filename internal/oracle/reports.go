package oracle

import (
	"slices"
	"time"

	"evcp"
	"evcp/internal/wire"
)

// incidentReports is an incident according to the events, with its receipts.
type incidentReports struct {
	id        evcp.EventID
	failed    evcp.Stamp
	recovered evcp.Stamp   // 0: open
	failures  []evcp.Stamp // when the receipts of its reports were recorded
	recovery  evcp.Stamp   // when its receipt was recorded; 0: never
}

// reports compares what had to be reported with what Central received.
func (v *verifier) reports() {
	incidents := v.collectIncidents()
	for _, i := range incidents {
		v.inTime(i.failed, i.firstReceipt(), wire.EngineFailure)
		if i.recovered != 0 {
			v.inTime(i.recovered, i.recovery, wire.EngineRecovered)
		}
		v.repeats(i)
	}
	for _, m := range v.cp.Messages {
		switch {
		case m.Verb == wire.EngineFailure && !v.failureDue(incidents, m.Sent):
			v.violated(DuplicateReport, m.Sent, "ENGINE_FAILURE, although its receipt was kept")
		case m.Verb == wire.EngineRecovered && !recoveryDue(incidents, m.Sent):
			v.violated(DuplicateReport, m.Sent, "ENGINE_RECOVERED, although its receipt was kept")
		}
		if m.Verb == wire.EngineFailure || m.Verb == wire.EngineRecovered {
			v.receiptRecorded(incidents, m)
		}
	}
}

// collectIncidents collects the incidents, and looks for receipts recorded twice.
func (v *verifier) collectIncidents() []*incidentReports {
	var all []*incidentReports
	byID := map[evcp.EventID]*incidentReports{}
	for _, e := range v.events {
		i := byID[e.Incident]
		switch {
		case e.Action == evcp.EngineFailed:
			i = &incidentReports{id: e.ID(), failed: e.At}
			byID[e.ID()], all = i, append(all, i)
		case i == nil:
		case e.Action == evcp.EngineRecovered:
			i.recovered = e.At
		case e.Action == evcp.ReportEngineFailure:
			v.receipt(i, e)
		case e.Action == evcp.ReportEngineRecovery:
			v.receiptGiven(i, wire.EngineRecovered, i.recovered, e.At)
			if i.recovery != 0 {
				v.violated(DuplicateReport, e.At, "a second receipt of the recovery of %s", i.id.Text(v.cp.ID))
			}
			i.recovery = e.At
		}
	}
	return all
}

func (v *verifier) receipt(i *incidentReports, e evcp.Event) {
	if n := uint32(len(i.failures)); e.Repeat != n {
		v.violated(DuplicateReport, e.At, "receipt with repeat %d of %s; %d is next", e.Repeat, i.id.Text(v.cp.ID), n)
	}
	v.receiptGiven(i, wire.EngineFailure, i.failed, e.At)
	i.failures = append(i.failures, e.At)
}

// receiptGiven wants a reply of Central for a recorded receipt.
func (v *verifier) receiptGiven(i *incidentReports, verb wire.Verb, from, recorded evcp.Stamp) {
	if !v.answeredBetween(verb, from, recorded) {
		v.violated(MissingReport, recorded, "a receipt of %s for %s that Central never gave", i.id.Text(v.cp.ID), verb)
	}
}

func (i *incidentReports) firstReceipt() evcp.Stamp {
	if len(i.failures) == 0 {
		return 0
	}
	return i.failures[0]
}

// answeredBetween reports whether Central answered such a message in that time.
func (v *verifier) answeredBetween(verb wire.Verb, from, to evcp.Stamp) bool {
	return slices.ContainsFunc(v.cp.Messages, func(m CentralMessage) bool {
		return m.Verb == verb && m.Sent >= from.Add(-slack) && m.Returned != 0 && m.Returned <= to.Add(slack)
	})
}

// failureDue reports whether an ENGINE_FAILURE was due then for some incident.
func (v *verifier) failureDue(incidents []*incidentReports, at evcp.Stamp) bool {
	every, decided := v.trace.Rules.ReportEvery, at.Add(-commit)
	if slow := at.Add(-slowDisk - slack); v.of(DiskFailing).meet(span{slow, at}) { // the uplink has yet to get a recovery
		decided = slow
	}
	if late := at.Add(-commit - maxLateness); v.of(MachineBusy).meet(span{late, at}) { // the commit is as late as checks are
		decided = min(decided, late)
	}
	if v.of(CentralLink).meet(span{at.Add(-replyLimit), at}) { // the Monitor may have decided before a slow dial
		decided = at.Add(-replyLimit)
	}
	for _, i := range incidents {
		if i.failed > at.Add(slack) {
			continue
		}
		last := evcp.Stamp(0)
		for _, receipt := range i.failures {
			if receipt < at.Add(-slack) {
				last = receipt
			}
		}
		open := i.recovered == 0 || i.recovered > decided
		if last == 0 || open && every > 0 && at.Sub(last) >= every-5*slack {
			return true
		}
	}
	return false
}

// recoveryDue reports whether an ENGINE_RECOVERED was due then for some incident.
func recoveryDue(incidents []*incidentReports, at evcp.Stamp) bool {
	return slices.ContainsFunc(incidents, func(i *incidentReports) bool {
		return i.recovered != 0 && i.recovered <= at.Add(slack) && (i.recovery == 0 || i.recovery >= at.Add(-slack))
	})
}

// inTime wants a receipt soon after the event, or soon after Central could be reached.
func (v *verifier) inTime(happened, receipt evcp.Stamp, verb wire.Verb) {
	due := v.reachable(happened).Add(reportLimit)
	if due > v.trace.To || slices.ContainsFunc(v.of(Removed), func(s span) bool { return happened <= s.from && s.from <= due }) {
		return
	}
	v.result.TimelyReports++
	if receipt == 0 || receipt > due {
		v.violated(MissingReport, happened, "%s has %s; Central could be reached by %s", verb, receiptAt(receipt), clock(due))
	}
}

// repeats wants the report of an open incident repeated at the interval.
func (v *verifier) repeats(i *incidentReports) {
	every := v.trace.Rules.ReportEvery
	for n, receipt := range i.failures {
		until := v.trace.To
		if i.recovered != 0 {
			until = min(until, i.recovered)
		}
		if n+1 < len(i.failures) {
			until = min(until, i.failures[n+1])
		}
		if due := v.reachable(receipt.Add(every)).Add(reportLimit); every > 0 && due < until {
			v.violated(MissingReport, due, "%s is open, and was last reported at %s", i.id.Text(v.cp.ID), clock(receipt))
		}
	}
}

func receiptAt(t evcp.Stamp) string {
	if t == 0 {
		return "no receipt"
	}
	return "its receipt only at " + clock(t)
}

// reachable is the first moment, from on, at which a running Monitor must have reached
// Central. Each fault in the way adds its aftermath: an outage of Central the longest
// backoff and two replies awaited in vain, a pause of the Monitor the first backoff, a
// restart its start.
func (v *verifier) reachable(from evcp.Stamp) evcp.Stamp {
	var blocked []span
	block := func(aftermath time.Duration, kinds ...WindowKind) {
		for _, s := range v.of(kinds...) {
			blocked = append(blocked, span{s.from, s.to.Add(aftermath)})
		}
	}
	block(maxBackoff+2*replyLimit+reportLimit, CentralLink, CentralDown)
	block(firstBackoff+reportLimit, MonitorPaused, MachineBusy, DiskFailing)
	block(0, HarnessStalled)
	block(v.trace.Rules.Ready, MonitorDown)
	for _, s := range union(blocked) {
		if s.meets(span{from, from.Add(reportLimit)}) {
			from = max(from, s.to)
		}
	}
	return from
}

// receiptRecorded wants an event for every receipt that reached the Monitor. A Monitor that was
// killed may have waited for a slow disk until then.
func (v *verifier) receiptRecorded(incidents []*incidentReports, m CentralMessage) {
	unable := v.of(MonitorPaused, MonitorDown, MachineBusy, HarnessStalled, DiskFailing)
	if !m.delivered() || m.Returned > v.trace.To || unable.meet(span{m.Returned.Add(-slack), m.Returned.Add(commit)}) {
		return
	}
	if v.of(MonitorDown).meet(span{m.Returned, m.Returned.Add(commit + slowDisk)}) {
		return
	}
	near := func(recorded evcp.Stamp) bool { return recorded.Sub(m.Returned).Abs() <= commit }
	for _, i := range incidents {
		if m.Verb == wire.EngineRecovered && near(i.recovery) || m.Verb == wire.EngineFailure && slices.ContainsFunc(i.failures, near) {
			return
		}
	}
	v.violated(LostEvent, m.Returned, "Central's receipt for %s has no event", m.Verb)
}
