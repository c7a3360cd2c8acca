package present

import (
	"time"

	"evcp"
)

// Occurrence is what one event tells people at once.
type Occurrence struct {
	Kind  OccurrenceKind
	CP    evcp.CPID
	At    evcp.Stamp
	Count uint32        // failed checks in a row
	Cause string        // of the failed check, or of the incident
	Reply string        // of the Engine to it
	Since evcp.Stamp    // the first failed check of the incident
	Span  time.Duration // IncidentClosed: how long it lasted; ReportAnswered: how long Central took; MonitorStalled: how long
}

// OccurrenceKind says what an Occurrence is.
type OccurrenceKind string

const (
	// CheckFailed: one check failed, and no incident is open.
	CheckFailed OccurrenceKind = "check_failed"
	// OKAgain: an OK after failed checks that opened no incident.
	OKAgain OccurrenceKind = "ok_again"
	// IncidentOpened: an incident opened.
	IncidentOpened OccurrenceKind = "incident_opened"
	// IncidentClosed: it closed.
	IncidentClosed OccurrenceKind = "incident_closed"
	// ReportAnswered: Central answered its report.
	ReportAnswered OccurrenceKind = "report_answered"
	// MonitorStalled: the Monitor itself stood still.
	MonitorStalled OccurrenceKind = "monitor_stalled"
)
