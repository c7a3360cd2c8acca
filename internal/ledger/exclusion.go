package ledger

import (
	"slices"

	"evcp"
)

// ExclusionReason is why an outage does not count, by the list of 23 CFR 680.116(b).
type ExclusionReason string

// The reasons. Time outside opening hours is excluded too; it follows from the hours of the
// port.
const (
	Grid        ExclusionReason = "grid"        // the utility had no power
	Vehicle     ExclusionReason = "vehicle"     // the vehicle was at fault
	Maintenance ExclusionReason = "maintenance" // scheduled; only if declared before it began
	Vandalism   ExclusionReason = "vandalism"
	Disaster    ExclusionReason = "disaster" // natural
)

// ExclusionReasons are all of them.
var ExclusionReasons = []ExclusionReason{Grid, Vehicle, Maintenance, Vandalism, Disaster}

// Exclusion is an annotation: an outage of a charge point or a site that does not count.
type Exclusion struct {
	ID       int64           `json:"id"`
	CP       evcp.CPID       `json:"cp_id,omitempty"` // or Site
	Site     string          `json:"site,omitempty"`
	From     evcp.Stamp      `json:"from"`
	To       evcp.Stamp      `json:"to"`
	Reason   ExclusionReason `json:"reason"`
	Who      string          `json:"who"`
	Note     string          `json:"note"`
	Link     string          `json:"link"`
	Declared evcp.Stamp      `json:"declared"` // when the annotation was made
}

// counts reports whether the exclusion may be used at all.
func (e Exclusion) counts() bool {
	return e.From < e.To && (e.Reason != Maintenance || e.Declared < e.From)
}

// of reports whether the exclusion is about the port.
func (e Exclusion) of(p ChargingPort) bool {
	if e.CP == "" {
		return e.Site != "" && e.Site == p.Site
	}
	return slices.ContainsFunc(p.Lines, func(l PortLine) bool { return l.CP == e.CP })
}
