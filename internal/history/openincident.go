package history

import (
	"time"

	"evcp"
)

// An incident is opened by engine_failed and closed by engine_recovered. Where one of them
// is missing, the other records say whether it is open: while it is, an OK that completes
// the rise is followed at once by engine_recovered, and no other incident opens.

// overdue ends an incident whose engine_recovered had to follow the last record and does
// not: it was over before.
func (f *Fold) overdue(r Record, out []Element) []Element {
	if !f.Open.Due {
		return out
	}
	f.Open.Due = false
	if r.Action == evcp.EngineRecovered {
		return out
	}
	return f.endUnseen(out)
}

// endUnseen closes an incident whose end nobody saw: with the last check before something
// went missing, or with the first that proves it.
func (f *Fold) endUnseen(out []Element) []Element {
	if !f.Open.Is {
		return out
	}
	end := f.Check
	if f.Open.Doubt {
		end = f.Open.DoubtFrom
	}
	if f.Open.ID == (evcp.EventID{}) && !f.Open.Doubt {
		end = 0 // it was never open here
	}
	out = append(out, Element{
		Kind: EndUnseen, Incident: f.Open.ID, From: end, FailedChecks: f.Open.Failed, NotJudged: f.Open.NotJudged,
	})
	f.Open = Opened{}
	return out
}

// judged takes a countable check; pause is how long after the one before it came.
func (f *Fold) judged(r Record, pause time.Duration) {
	if pause > max(30*time.Second, 3*f.Interval+f.Timeout) { // a streak starts anew: evcp.State
		f.Open.OKs = 0
	}
	f.Open.Streak = uint64(r.Failures)
	if r.Status == evcp.OK {
		f.Open.OKs++
		f.Open.Due = f.Open.Is && f.Open.OKs >= max(f.Rise, 1)
		return
	}
	if !f.Open.Is && f.Open.OKs > 0 { // a streak begins
		f.Open.Failed, f.Open.NotJudged = 0, 0
	}
	f.Open.OKs = 0
	f.Open.Failed++
}

func (f *Fold) incident(r Record, out []Element) []Element {
	switch r.Action {
	case evcp.EngineFailed:
		failed, notJudged := f.Open.Streak, uint64(0) // the streak may have begun in an earlier numbering
		if !f.Open.Is || f.Open.ID == (evcp.EventID{}) {
			// No incident is open here that the checks counted so far could belong to.
			failed, notJudged = max(failed, f.Open.Failed), f.Open.NotJudged
			f.Open.Failed, f.Open.NotJudged = 0, 0
		}
		out = f.endUnseen(out)
		f.Open = Opened{ID: r.Incident, Is: true, Since: r.Since, Failed: failed, NotJudged: notJudged}
		return append(out, Element{Kind: Failed, Incident: r.Incident, From: r.Since, To: r.At, Cause: r.Cause})
	case evcp.EngineRecovered:
		if f.Open.Is && f.Open.ID != r.Incident && f.Open.ID != (evcp.EventID{}) {
			out = f.endUnseen(out)
		}
		out = append(out, Element{
			Kind: Recovered, Incident: r.Incident, From: r.Since, To: r.At, ToSeq: r.Seq,
			FailedChecks: f.Open.Failed, NotJudged: f.Open.NotJudged,
		})
		f.Open = Opened{}
	case evcp.ReportEngineRecovery:
		if f.Open.Is && f.Open.ID == r.Incident {
			out = f.endUnseen(out)
		}
	case evcp.ReportEngineFailure:
		return append(out, Element{Kind: Told, Incident: r.Incident, To: r.At, Span: r.Latency})
	}
	return out
}
