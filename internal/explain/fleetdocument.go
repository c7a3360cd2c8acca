package explain

import "evcp"

// FleetStatus is what a Monitor of a fleet says of its charge points: those that are not well,
// and counts of the others, so that it is small however many there are. The list of all is
// CPList's.
type FleetStatus struct {
	Total     int            `json:"charge_points"`
	States    map[string]int `json:"states"`            // OK, KO, CONNECTION_ERROR, MONITORING
	NotWell   []CPRow        `json:"not_well"`          // the worst first, at most MaxNotWell
	More      int            `json:"not_well_left_out"` // beyond those
	Sites     []SiteStatus   `json:"sites"`             // the worst first, at most MaxSites
	MoreSites int            `json:"sites_left_out"`
	Central   FleetCentral   `json:"central"`
}

// Bounds of the document.
const (
	MaxNotWell = 100
	MaxSites   = 200
)

// CPRow is one charge point in a list.
type CPRow struct {
	CP       evcp.CPID `json:"cp_id"`
	Site     string    `json:"site"`
	Engine   string    `json:"engine"` // HOST:PORT
	State    string    `json:"state"`  // OK, KO, CONNECTION_ERROR or MONITORING
	Since    Moment    `json:"since"`
	Cause    string    `json:"cause,omitempty"` // of the last check, while an incident is open
	Failures uint32    `json:"consecutive_failures"`
	// Incident is the id of the open one, Told when Central last answered a report of it.
	Incident string `json:"incident_id,omitempty"`
	Told     Moment `json:"last_report_answered"`
	Central  string `json:"central"` // connecting, registered, refused or away
	LastOK   Moment `json:"last_ok"`
	// TimeoutMS is the longest wait for an answer of the Engine.
	TimeoutMS float64 `json:"timeout_ms"`
}

// SiteStatus counts the charge points of a site.
type SiteStatus struct {
	Site    string `json:"site"` // "" for those without one
	OK      int    `json:"ok"`
	Failed  int    `json:"failed"`  // KO or CONNECTION_ERROR
	Unknown int    `json:"unknown"` // MONITORING
}

// FleetCentral is where the charge points stand with Central.
type FleetCentral struct {
	Address  string         `json:"address"`
	Sessions map[string]int `json:"sessions"` // connecting, registered, refused, away
	Pending  int            `json:"reports_waiting"`
	// Of one charge point that is away: since when, and its last message.
	Away  Moment         `json:"away_since"`
	Last  *MessageStatus `json:"last"`
	Reply string         `json:"refusal,omitempty"` // Central's words to one that it refuses
}

// CPList is one page of GET /api/v1/cps, by cp_id byte by byte.
type CPList struct {
	Now          Moment  `json:"now"`
	ChargePoints []CPRow `json:"charge_points"`
	Matching     int     `json:"matching"` // how many the filter finds in all
	// Next is the cursor of the next page; null on the last one.
	Next *string `json:"next"`
}
