package eventstate

import (
	"time"

	"evcp"
	"evcp/internal/history"
)

const (
	// recentOutcomes is of how many of the last checks the outcome is told.
	recentOutcomes = 60
	// maxBefore and maxOpening are how many checks before the first failed one an OpenIncident
	// tells, and how many in all.
	maxBefore, maxOpening = 6, 20
	// maxReply bounds a reply, in bytes.
	maxReply = 200
)

// EventState is one charge point as its events say. Of several numberings it follows the newest. The
// zero EventState has seen no event.
type EventState struct {
	ID       evcp.CPID
	Epoch    int64
	Seq      uint64
	Heard    evcp.Stamp // of the last event
	Site     string
	Interval time.Duration // between checks; 0: not known
	Checked  evcp.Stamp    // the last check
	LastOK   evcp.Stamp
	Latency  time.Duration // of the last OK
	Streak   uint32        // failed checks in a row
	Open     *OpenIncident // nil: none is open; never changed in place
	Last     ClosedIncident

	rise      uint32
	oks       uint32 // in a row
	failed    uint64 // of the streak
	notJudged uint64
	firstFail evcp.Stamp // of the streak
	reply     string
	cause     evcp.Cause
	outcomes  [recentOutcomes]byte
	checks    uint64 // ever; the last is at (checks-1) % recentOutcomes
}

// ClosedIncident is the last incident that ended since the history was opened; zero: none did.
type ClosedIncident struct {
	Since     evcp.Stamp // its first failed check
	Recovered evcp.Stamp
}

// OpenIncident is an incident that is not over.
type OpenIncident struct {
	ID         evcp.EventID
	Since      evcp.Stamp // its first failed check
	Cause      string
	Reply      string // of the Engine to the last failed check; "" if there was none, or it was not seen
	Failed     uint64 // failed checks
	NotJudged  uint64
	Told       evcp.Stamp // when Central had answered the report; 0: not yet
	AnsweredIn time.Duration
	Before     string // the outcomes before the first failed check; "": they were not seen
	Opening    string // those that opened it
}

// Outcomes of checks, as letters: those of the heartbeats.
const (
	ok        = 'O'
	ko        = 'K'
	noReply   = 'C' // CONNECTION_ERROR
	notJudged = 'U'
)

func letterOf(s evcp.Status) byte {
	switch s {
	case evcp.OK:
		return ok
	case evcp.KO:
		return ko
	case evcp.ConnectionError:
		return noReply
	}
	return notJudged
}

// Resume is a charge point at the point up to which the history has it.
func Resume(id evcp.CPID, epoch int64, f history.Fold, incident []history.Element) EventState {
	p := EventState{ID: id, Epoch: epoch, Seq: f.Last, Heard: f.At, Site: f.Site, Interval: f.Interval, Checked: f.Check, rise: f.Rise}
	if !f.Open.Is || f.Open.ID == (evcp.EventID{}) {
		return p
	}
	open := OpenIncident{ID: f.Open.ID, Since: f.Open.Since, Failed: f.Open.Failed, NotJudged: f.Open.NotJudged}
	for _, e := range incident {
		switch e.Kind {
		case history.Failed:
			open.Cause = e.Cause
		case history.Told:
			if open.Told == 0 || e.To < open.Told {
				open.Told, open.AnsweredIn = e.To, e.Span
			}
		}
	}
	p.Open, p.failed, p.notJudged = &open, f.Open.Failed, f.Open.NotJudged
	return p
}

// Outcomes are those of the last checks, the newest last: at most n.
func (p *EventState) Outcomes(n int) string {
	held := int(min(p.checks, recentOutcomes))
	n = min(n, held)
	out := make([]byte, n)
	for i := range out {
		out[i] = p.outcomes[(p.checks-uint64(n)+uint64(i))%recentOutcomes]
	}
	return string(out)
}

// Take takes the next event. changed: something other than one more OK after an OK. what is
// what a feed tells of it; its Kind is "" if that is nothing.
func (p *EventState) Take(r history.ParsedRecord) (what FeedItem, changed bool) {
	switch {
	case r.Epoch < p.Epoch || r.Epoch == p.Epoch && r.Seq <= p.Seq:
		return what, false // repeated, or of a numbering that is over
	case r.Epoch > p.Epoch:
		p.begin(r)
		changed = true
	}
	p.Seq, p.Heard = r.Seq, r.At
	if r.Interval > 0 {
		p.Interval, p.rise, changed = r.Interval, r.Rise, true
		p.Site = r.Site
	}
	switch r.Action {
	case evcp.HealthCheck:
		return p.check(r, changed)
	case evcp.EngineFailed:
		p.opened(r)
		return FeedItem{Kind: IncidentOpened, At: r.At, Since: r.Since, Cause: r.Cause, Reply: p.Open.Reply}, true
	case evcp.EngineRecovered:
		p.Open, p.Last = nil, ClosedIncident{r.Since, r.At}
		return FeedItem{Kind: IncidentClosed, At: r.At, Since: r.Since, Span: r.At.Sub(r.Since)}, true
	case evcp.ReportEngineFailure:
		if p.Open == nil || p.Open.ID != r.Incident || p.Open.Told != 0 {
			return what, changed
		}
		open := *p.Open
		open.Told, open.AnsweredIn = r.At, r.Latency
		p.Open = &open
		return FeedItem{Kind: ReportAnswered, At: r.At, Span: r.Latency}, true
	case evcp.MonitorStalled:
		if r.Span < p.Interval { // hardly a check: no line
			return what, changed
		}
		return FeedItem{Kind: MonitorStalled, At: r.At, Span: r.Span}, true
	case evcp.ClockStep:
		p.firstFail = 0
	}
	return what, changed
}

// begin begins a numbering. An incident goes on in the one that follows.
func (p *EventState) begin(r history.ParsedRecord) {
	follows := r.Prev.Epoch == p.Epoch
	*p = EventState{ID: r.CP, Epoch: r.Epoch, Site: p.Site, Interval: p.Interval, Open: p.Open, Last: p.Last, rise: p.rise, failed: p.failed, notJudged: p.notJudged, outcomes: p.outcomes, checks: p.checks}
	if !follows {
		p.Open, p.failed, p.notJudged, p.checks = nil, 0, 0, 0
	}
}

func (p *EventState) check(r history.ParsedRecord, changed bool) (what FeedItem, _ bool) {
	p.outcomes[p.checks%recentOutcomes] = letterOf(r.Status)
	p.checks++
	p.Checked = r.At
	switch {
	case !r.Status.Countable():
		p.notJudged++
		changed = true
	case r.Status == evcp.OK:
		if p.Streak > 0 && p.Open == nil {
			what = FeedItem{Kind: OKAgain, At: r.At, Count: p.Streak}
		}
		changed = changed || p.Streak > 0
		p.oks, p.Streak = p.oks+1, 0
		p.LastOK, p.Latency = r.At, r.Latency
		if p.Open != nil && p.oks > max(p.rise, 1) { // its end is missing
			p.Open, changed = nil, true
		}
		return what, changed
	default:
		if p.Streak == 0 && p.Open == nil {
			p.failed, p.notJudged, p.firstFail = 0, 0, r.At
		}
		p.oks, p.Streak, p.failed = 0, p.Streak+1, p.failed+1
		p.cause, p.reply = r.CheckCause, string(r.Reply[:min(len(r.Reply), maxReply)])
		if p.Open == nil {
			what = FeedItem{Kind: CheckFailed, At: r.At, Count: p.Streak, Cause: p.cause.String(), Reply: p.reply}
		}
		changed = true
	}
	if p.Open != nil {
		open := *p.Open
		open.Failed, open.NotJudged = p.failed, p.notJudged
		if r.Status.Failed() {
			open.Reply = p.reply
		}
		p.Open = &open
	}
	return what, changed
}

func (p *EventState) opened(r history.ParsedRecord) {
	open := OpenIncident{ID: r.Incident, Since: r.Since, Cause: r.Cause, Reply: p.reply, Failed: p.failed, NotJudged: p.notJudged}
	all := p.Outcomes(recentOutcomes)
	first, failures := len(all), uint32(0)
	for first > 0 && failures < p.Streak && len(all)-first < maxOpening {
		first--
		if all[first] == ko || all[first] == noReply {
			failures++
		}
	}
	if failures > 0 && failures == p.Streak {
		open.Before, open.Opening = all[max(0, first-maxBefore):first], all[first:]
	}
	p.Open = &open
}
