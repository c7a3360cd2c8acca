package history

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"evcp"
)

// IncidentDetail is one incident of one charge point, as far as its records say.
type IncidentDetail struct {
	ID          evcp.EventID
	FirstFailed evcp.Stamp // its first failed check
	Detected    evcp.Stamp // when it opened; 0: the record is missing
	Cause       string
	Told        evcp.Stamp    // when Central had answered the report; 0: never
	AnsweredIn  time.Duration // how long that took
	Recovered   evcp.Stamp    // 0: not, or nobody saw it
	EndUnseen   bool          // it is over, and nobody saw when
	Failed      uint64        // failed checks
	NotJudged   uint64        // checks that proved nothing
}

// Incidents lists the incidents of one charge point, the first one first.
func Incidents(all []NumberingElements, first []Check) []IncidentDetail {
	if legacy := unnumbered(first); len(legacy) > 0 {
		all = append([]NumberingElements{{Elements: legacy}}, all...)
	}
	byID := map[evcp.EventID]*IncidentDetail{}
	for _, n := range all {
		for _, e := range n.Elements {
			if e.Incident == (evcp.EventID{}) || e.Kind == Begun {
				continue
			}
			d := byID[e.Incident]
			if d == nil {
				d = &IncidentDetail{ID: e.Incident, Cause: NotRecorded}
				byID[e.Incident] = d
			}
			d.learn(e)
		}
	}
	list := slices.SortedFunc(maps.Values(byID), func(a, b *IncidentDetail) int {
		return cmp.Or(cmp.Compare(a.FirstFailed, b.FirstFailed), compareIDs(a.ID, b.ID))
	})
	out := make([]IncidentDetail, len(list))
	for i, d := range list {
		out[i] = *d
	}
	return out
}

// learn takes what one Element says. The order of those of several numberings does not
// matter.
func (d *IncidentDetail) learn(e Element) {
	switch e.Kind {
	case Failed:
		d.Detected, d.Cause = e.To, e.Cause
		if d.Recovered == 0 {
			d.FirstFailed = e.From
		}
	case Told:
		if d.Told == 0 || e.To < d.Told {
			d.Told, d.AnsweredIn = e.To, e.Span
		}
	case Recovered:
		d.FirstFailed, d.Recovered, d.EndUnseen = e.From, e.To, false
		d.Failed, d.NotJudged = d.Failed+e.FailedChecks, d.NotJudged+e.NotJudged
	case EndUnseen:
		d.EndUnseen = d.Recovered == 0
		d.Failed, d.NotJudged = d.Failed+e.FailedChecks, d.NotJudged+e.NotJudged
	case stillOpen:
		d.Failed, d.NotJudged = d.Failed+e.FailedChecks, d.NotJudged+e.NotJudged
		if d.Recovered == 0 && e.From > 0 {
			d.FirstFailed = e.From
		}
	}
}

// SiteOf is where a charge point was last said to be; "" is not known.
func SiteOf(all []NumberingElements) (site string) {
	var at evcp.Stamp
	for _, n := range all {
		for _, e := range n.Elements {
			if e.Kind == SiteNamed && e.From >= at {
				at, site = e.From, e.Site
			}
		}
	}
	return site
}

// OfflineOf are the stretches in which Central did not answer the Monitor.
func OfflineOf(all []NumberingElements) (offline []Element) {
	for _, n := range all {
		for _, e := range n.Elements {
			if e.Kind == Offline {
				offline = append(offline, e)
			}
		}
	}
	return offline
}
