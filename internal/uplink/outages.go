package uplink

import (
	"slices"
	"time"

	"evcp"
)

// DiagnosticKind says what a Diagnostic is about, and so which of its fields are set.
type DiagnosticKind uint8

const (
	// OutageBegan: Central can't be reached or does not answer. Cause.
	OutageBegan DiagnosticKind = iota
	// OutageEnded: Central answers again. Outage, Pending.
	OutageEnded
	// NotCentral: something answered a registration, but not as EV_Central. Reply.
	NotCentral
	// ReportRejected: Central answered a report without a receipt. Reply.
	ReportRejected
	diagnosticKinds
)

// Diagnostic is a change in the dialogue with Central that no event records. Where it is about
// several charge points, CP is one of them, and Cause and Reply are its own.
type Diagnostic struct {
	CP      evcp.CPID
	Count   int // of the charge points; 1 in a Monitor of one
	Kind    DiagnosticKind
	Cause   evcp.Cause
	Reply   string
	Outage  time.Duration // the longest
	Pending int           // reports without a receipt, of all of them
}

// foldFor is how long a Diagnostic of a fleet waits for others of its kind.
const foldFor = time.Second

// diagnosticFolder makes one Diagnostic of those of many charge points, so that an outage of
// Central is told once and not ten thousand times.
type diagnosticFolder struct {
	folded [diagnosticKinds]Diagnostic // Count 0: none
	at     Instant                     // when they are taken; 0: there is none
	gone   bool                        // it was said that Central is gone for all
	back   bool                        // and then that it is back; some charge points may not be yet
	told   int                         // of how many it was said that Central is gone, before it was for all
}

func (f *diagnosticFolder) add(d Diagnostic, now Instant) {
	to := &f.folded[d.Kind]
	if to.Count == 0 {
		*to = d
	} else {
		to.Outage, to.Pending = max(to.Outage, d.Outage), to.Pending+d.Pending
	}
	to.Count++
	if f.at == 0 {
		f.at = now.add(foldFor)
	}
}

// fleetView is what is known of all charge points when Diagnostics are taken.
type fleetView struct {
	all, away int
	down      bool // there is no connection to Central, and none can be made
}

// take returns what is to be told by now. A lone charge point's is told at once.
func (f *diagnosticFolder) take(v fleetView, now Instant) (tell []Diagnostic) {
	if f.at == 0 || now < f.at && v.all > 1 {
		return nil
	}
	if ended := f.folded[OutageEnded]; ended.Count > 0 && !f.back {
		tell = append(tell, ended)
		f.gone, f.back = false, f.gone
		f.told = max(0, f.told-ended.Count)
	}
	if began := f.folded[OutageBegan]; began.Count > 0 && !f.gone {
		if v.down && v.all > 1 {
			began.Count, f.gone, f.back = v.all-f.told, true, false
			f.told = 0
		} else {
			f.told += began.Count
		}
		if began.Count > 0 {
			tell = append(tell, began)
		}
	}
	if v.away == 0 {
		slices.Reverse(tell) // what began has ended since
	}
	for _, kind := range [...]DiagnosticKind{NotCentral, ReportRejected} {
		if d := f.folded[kind]; d.Count > 0 {
			tell = append(tell, d)
		}
	}
	if v.away == 0 {
		f.back, f.told = false, 0
	}
	f.folded, f.at = [diagnosticKinds]Diagnostic{}, 0
	return tell
}
