package eventstate

import (
	"time"

	"evcp"
)

// FeedItem is what one event tells people at once.
type FeedItem struct {
	Kind  FeedKind
	CP    evcp.CPID
	At    evcp.Stamp
	Count uint32        // failed checks in a row
	Cause string        // of the failed check, or of the incident
	Reply string        // of the Engine to it
	Since evcp.Stamp    // the first failed check of the incident
	Span  time.Duration // IncidentClosed: how long it lasted; ReportAnswered: how long Central took; MonitorStalled: how long
}

// FeedKind says what an FeedItem is.
type FeedKind string

const (
	// CheckFailed: one check failed, and no incident is open.
	CheckFailed FeedKind = "check_failed"
	// OKAgain: an OK after failed checks that opened no incident.
	OKAgain FeedKind = "ok_again"
	// IncidentOpened: an incident opened.
	IncidentOpened FeedKind = "incident_opened"
	// IncidentClosed: it closed.
	IncidentClosed FeedKind = "incident_closed"
	// ReportAnswered: Central answered its report.
	ReportAnswered FeedKind = "report_answered"
	// MonitorStalled: the Monitor itself stood still, for an interval or longer.
	MonitorStalled FeedKind = "monitor_stalled"
)
