package history

import (
	"time"

	"evcp"
)

// Fold is a numbering up to one of its seqs. Its fields are exported to be saved.
type Fold struct {
	Last      uint64        `json:"last"`     // the last seq that was applied
	At        evcp.Stamp    `json:"at"`       // of that record
	Interval  time.Duration `json:"interval"` // in force; 0: not known
	Timeout   time.Duration `json:"timeout"`  //
	Rise      uint32        `json:"rise"`     //
	Estimated bool          `json:"est,omitempty"`
	Check     evcp.Stamp    `json:"check"`           // the last countable one
	Run       Element       `json:"run,omitzero"`    // the Watch that goes on; its Kind is "" while there is none
	Gaps      []Missing     `json:"gaps,omitempty"`  // since Check
	Steps     []Element     `json:"steps,omitempty"` // since Check
	Open      Opened        `json:"open,omitzero"`   // the incident
	Site      string        `json:"site,omitempty"`
	Asking    evcp.Stamp    `json:"asking,omitempty"`
}

// Opened is the incident that is open, as far as the numbering knows.
type Opened struct {
	ID        evcp.EventID `json:"id,omitzero"` // zero: one that may have been taken over from the numbering before
	Is        bool         `json:"is"`
	Since     evcp.Stamp   `json:"since,omitempty"`
	OKs       uint32       `json:"oks,omitempty"`   // in a row
	Due       bool         `json:"due,omitempty"`   // the next record is its engine_recovered, or it was over before
	Doubt     bool         `json:"doubt,omitempty"` // something is missing since DoubtFrom: it may be over
	DoubtFrom evcp.Stamp   `json:"doubt_from,omitempty"`
	Failed    uint64       `json:"failed,omitempty"`
	Streak    uint64       `json:"streak,omitempty"` // checks failed in a row, by the newest check
	NotJudged uint64       `json:"not_judged,omitempty"`
}

// known reports whether the fold knows how far checks are apart.
func (f *Fold) known() bool { return f.Interval > 0 }

// setEstimate sets the interval where no event says it.
func (f *Fold) setEstimate(interval time.Duration) {
	f.Interval = min(max(interval, time.Microsecond), maxInterval)
	f.Timeout, f.Estimated = (f.Interval * 9 / 10).Truncate(time.Microsecond), true
}

// apply takes the next record, and appends what is settled by it.
func (f *Fold) apply(r Record, out []Element) []Element {
	if f.Last == 0 {
		out = append(out, Element{Kind: Begun, From: r.At, Incident: r.Prev, Torn: r.Seq > 1})
		if r.Prev.Epoch != 0 || r.Seq > 1 { // it may have taken over an open incident
			f.Open = Opened{Is: true}
		}
	}
	if r.Seq > f.Last+1 {
		out = f.missing(Missing{From: f.Last + 1, To: r.Seq - 1}, out)
	}
	out = f.overdue(r, out)
	f.Last = r.Seq
	if r.Interval > 0 {
		f.Interval, f.Timeout, f.Estimated = r.Interval, r.Timeout, false
		f.Rise = r.Rise
		if r.Site != f.Site {
			out = append(out, Element{Kind: SiteNamed, From: r.At, Site: r.Site})
			f.Site = r.Site
		}
	}
	switch r.Action {
	case evcp.HealthCheck:
		out = f.check(r, out)
	case evcp.EngineFailed, evcp.EngineRecovered, evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		out = f.incident(r, out)
	case evcp.ClockStep:
		out = f.step(r, out)
	case evcp.EventsDropped:
		if r.Dropped.Facts == 0 {
			out = append(out, Element{Kind: DroppedOKs, Of: r.Dropped.Epoch, FromSeq: r.Dropped.From, ToSeq: r.Dropped.To})
		}
	case evcp.RegisterToCentral, evcp.AuthenticatedWithCentral, evcp.MonitorStarted, evcp.MonitorStopped:
		out = f.registration(r, out)
	}
	f.At = r.At
	return out
}

// missing takes a gap of the seqs: the last check has no known successor, and an open
// incident may be over.
func (f *Fold) missing(m Missing, out []Element) []Element {
	f.Gaps = append(f.Gaps, m)
	if f.Open.Is && !f.Open.Doubt {
		f.Open.Doubt, f.Open.DoubtFrom = true, f.Check
	}
	f.Open.OKs, f.Open.Due = 0, false
	return f.torn(out)
}

// torn ends the Watch at its last check.
func (f *Fold) torn(out []Element) []Element {
	if f.Run.Kind == "" {
		return out
	}
	f.Run.Torn = true
	out = append(out, f.Run)
	f.Run = Element{}
	return out
}

func (f *Fold) check(r Record, out []Element) []Element {
	if !r.Status.Countable() {
		f.Open.NotJudged++
		return out
	}
	if r.At < f.Check && len(f.Steps) == 0 { // no Monitor writes this
		out = f.torn(out)
		f.Steps = append(f.Steps, Element{Kind: Step, FromSeq: r.Seq, ToSeq: r.Seq})
	}
	if f.Run.Kind != "" && r.At.Sub(f.Run.To) > f.Run.limit() {
		out = append(out, f.Run)
		f.Run = Element{}
	}
	out = f.settleTorn(r.At, out)
	if f.Run.Kind == "" {
		f.Run = Element{Kind: Watch, FromSeq: r.Seq, From: r.At}
	}
	f.Run.ToSeq, f.Run.To = r.Seq, r.At
	f.Run.Interval, f.Run.Timeout = f.Interval, f.Timeout
	f.Run.Estimated = f.Run.Estimated || f.Estimated
	f.judged(r, r.At.Sub(f.Check))
	f.Check = r.At
	return out
}

// settleTorn dates what lies between the last check and this one.
func (f *Fold) settleTorn(now evcp.Stamp, out []Element) []Element {
	for _, m := range f.Gaps {
		out = append(out, Element{Kind: Gap, FromSeq: m.From, ToSeq: m.To, From: f.Check, To: now})
	}
	for _, s := range f.Steps {
		s.From, s.To = f.Check, now
		out = append(out, s)
	}
	f.Gaps, f.Steps = nil, nil
	return out
}

// step moves what is remembered: lengths stay true.
func (f *Fold) step(r Record, out []Element) []Element {
	s := Element{Kind: Step, FromSeq: r.Seq, ToSeq: r.Seq, Span: r.Span}
	if f.Open.Is && f.Open.Since > 0 {
		s.Incident, s.Since = f.Open.ID, f.Open.Since
		f.Open.Since = f.Open.Since.Add(r.Span)
	}
	f.Steps = append(f.Steps, s)
	f.Asking = f.Asking.Add(r.Span)
	return f.torn(out)
}

// registration notes how long Central did not answer.
func (f *Fold) registration(r Record, out []Element) []Element {
	until := r.At
	switch {
	case r.Action == evcp.RegisterToCentral:
		if f.Asking == 0 {
			f.Asking = r.At
		}
		return out
	case r.Action == evcp.MonitorStarted: // the one before did not stop in order
		until = f.At
	}
	if f.Asking > 0 && until > f.Asking {
		out = append(out, Element{Kind: Offline, From: f.Asking, To: until})
	}
	f.Asking = 0
	return out
}

// closed adds what goes on, as if it ended here.
func (f *Fold) closed(out []Element) []Element {
	out = append(out, Element{Kind: lastKnown, ToSeq: f.Last})
	if f.Run.Kind != "" {
		out = append(out, f.Run)
	}
	if f.Asking > 0 && f.At > f.Asking {
		out = append(out, Element{Kind: Offline, From: f.Asking, To: f.At})
	}
	if f.Open.Is && f.Open.ID != (evcp.EventID{}) {
		out = append(out, Element{
			Kind: stillOpen, Incident: f.Open.ID, From: f.Open.Since,
			FailedChecks: f.Open.Failed, NotJudged: f.Open.NotJudged,
		})
	} else if f.Open.Is {
		out = append(out, Element{Kind: stillOpen})
	}
	return out
}

// What Rest alone says; it is in no store.
const (
	// stillOpen: an incident is open at the end of the numbering. A zero Incident is one that
	// may have been taken over.
	stillOpen ElementKind = "open"
	// lastKnown: ToSeq is the last seq that is known.
	lastKnown ElementKind = "last"
)
