package evcp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CPID names one charge point, as OCPP's charge point identity does: 1 to 64 of
// A-Z a-z 0-9 . _ -. A value of this type comes from ParseCPID, so it needs no
// escaping in a message, a file name, a log line or a page.
type CPID string

// maxCPID is the longest id in bytes. It keeps every message of the protocol far
// below the 1 KiB that a peer reads at most.
const maxCPID = 64

// ParseCPID checks an id that came from outside. The error names the input and
// says what is allowed.
func ParseCPID(s string) (CPID, error) {
	if s == "" || len(s) > maxCPID {
		return "", fmt.Errorf("%s: a charge point id has 1 to %d characters", quoteShort(s), maxCPID)
	}
	for i := range len(s) {
		if !idByte(s[i]) {
			return "", fmt.Errorf("%s: a charge point id holds only A-Z a-z 0-9 . _ -", quoteShort(s))
		}
	}
	return CPID(s), nil
}

func idByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// quoteShort quotes a rejected input for an error message, cut to 80 bytes.
func quoteShort(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// Stamp is a moment on the wall clock, in whole microseconds since 1970: the
// resolution of events, so that what is read back equals what was written. The
// zero Stamp means never.
type Stamp int64

// StampOf is the moment t, cut to the microsecond; the zero time is never.
func StampOf(t time.Time) Stamp {
	if t.IsZero() {
		return 0
	}
	return Stamp(t.UnixMicro())
}

// AppendSeconds appends the moment as JSON: seconds since 1970 as an exact number with
// at least and at most so many decimals (0 to 6), cut, not rounded; null for never.
func (s Stamp) AppendSeconds(dst []byte, least, most int) []byte {
	if s == 0 {
		return append(dst, "null"...)
	}
	for range 6 - most {
		s /= 10
	}
	return appendDecimal(dst, int64(s), least, most)
}

// Time is the moment as the standard library knows it, in UTC.
func (s Stamp) Time() time.Time { return time.UnixMicro(int64(s)).UTC() }

// Add moves a moment; never stays never.
func (s Stamp) Add(d time.Duration) Stamp {
	if s == 0 {
		return 0
	}
	return s + Stamp(d.Microseconds())
}

// Sub is the time from earlier to s.
func (s Stamp) Sub(earlier Stamp) time.Duration {
	return time.Duration(s-earlier) * time.Microsecond
}

// Action names what an event records. The names are the seed's where it has one.
type Action uint8

const (
	// NoAction is the zero Action; no event has it.
	NoAction Action = iota
	// RegisterToCentral: a registration request is being sent; once per outage.
	RegisterToCentral
	// AuthenticatedWithCentral: Central accepted.
	AuthenticatedWithCentral
	// RegistrationRejected: Central refused.
	RegistrationRejected
	// ConnectedToEngine: the Engine replied to "monitor connection".
	ConnectedToEngine
	// HealthCheck: one check of the Engine.
	HealthCheck
	// EngineFailed opens an incident.
	EngineFailed
	// EngineRecovered closes it.
	EngineRecovered
	// ReportEngineFailure: Central gave a receipt for a failure report.
	ReportEngineFailure
	// ReportEngineRecovery: Central gave a receipt for the recovery report.
	ReportEngineRecovery
	// MonitorStarted: a Monitor begins to check.
	MonitorStarted
	// MonitorStopped: it was asked to stop, and did.
	MonitorStopped
	// MonitorStalled: it stood still and could not check.
	MonitorStalled
	// ClockStep: the wall clock was set.
	ClockStep
	// EventsDropped: kept events were deleted unsent; names their seqs and their epoch.
	EventsDropped
	// SettingsChanged: the Monitor checks with other settings from now on.
	SettingsChanged
)

// LastAction is the greatest Action.
const LastAction = SettingsChanged

var actionNames = [...]string{
	"", "register_to_central", "authenticated_with_central", "registration_rejected", "connected_to_engine",
	"health_check", "engine_failed", "engine_recovered", "report_engine_failure", "report_engine_recovery",
	"monitor_started", "monitor_stopped", "monitor_stalled", "clock_stepped", "events_dropped", "settings_changed",
}

// String is the name used in events.
func (a Action) String() string { return nameOf(actionNames[:], int(a)) }

// ParseAction reads the name of an Action.
func ParseAction(s string) (Action, bool) {
	i := max(slices.Index(actionNames[:], s), 0)
	return Action(i), i != 0
}

// EventID numbers an event of one charge point. The larger Epoch is the newer.
type EventID struct {
	Epoch int64  // Unix microseconds when this numbering began: see newEpoch
	Seq   uint64 // from 1, without a gap
}

// Event is one record of the topic monitor-events, numbered and dated. Only the
// fields of its Action are written; the others are zero. It is one flat struct,
// so that a batch of events is one slice and making one allocates nothing.
type Event struct {
	CP       CPID
	Instance string // which Monitor made it
	Action   Action
	At       Stamp
	Epoch    int64
	Seq      uint64
	// PrevEpoch and PrevSeq are the last known number of the numbering before;
	// in the first event of an epoch, where it is known.
	PrevEpoch int64
	PrevSeq   uint64

	Status   Status        // health_check
	Cause    Cause         // health_check, engine_failed; written as cause and detail
	Response string        // engine_response or central_response, safe to print
	Failures uint32        // health_check: consecutive_failures
	Latency  time.Duration // health_check, and Central's replies
	Incident EventID       // engine_*, report_*
	Since    Stamp         // engine_*
	LastOK   Stamp         // engine_failed
	Span     time.Duration // duration_s, gap_s, offset_s
	Repeat   uint32        // report_engine_failure
	Missed   uint32        // monitor_stalled
	Version  string        // monitor_started
	Resumed  bool          // monitor_started
	LastKept Stamp         // monitor_started
	Interval time.Duration // monitor_started, settings_changed
	Timeout  time.Duration // monitor_started, settings_changed
	Fall     uint32        // monitor_started, settings_changed
	Rise     uint32        // monitor_started, settings_changed
	Site     string        // monitor_started, settings_changed, engine_*; "": none is known
	Reason   string        // monitor_stopped, events_dropped
	From, To uint64        // events_dropped: seqs of DroppedEpoch
	Count    uint64        // events_dropped
	Facts    uint64        // events_dropped: how many of Count were facts
	// DroppedEpoch is the numbering of From and To, which may be an older one than
	// that of the event; in events_dropped.
	DroppedEpoch int64
}

// ID is the event's number.
func (e *Event) ID() EventID { return EventID{e.Epoch, e.Seq} }

// Fact reports whether the event is anything but a plain OK check. Facts are synced at
// once and dropped last.
func (e *Event) Fact() bool { return e.Action != HealthCheck || e.Status != OK }

// Text is the id as events carry it: CP_001-1640000007340032-42.
func (id EventID) Text(cp CPID) string { return string(id.append(nil, cp)) }

func (id EventID) append(dst []byte, cp CPID) []byte {
	dst = append(dst, cp...)
	dst = append(dst, '-')
	dst = strconv.AppendInt(dst, id.Epoch, 10)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, id.Seq, 10)
}

// parseEventID reads the text of an id of cp. A charge point id may itself contain
// dashes and digits, so the known id is cut off as a prefix.
func parseEventID(cp CPID, s string) (EventID, error) {
	rest, ok := strings.CutPrefix(s, string(cp)+"-")
	epoch, seq, _ := strings.Cut(rest, "-")
	e, err1 := strconv.ParseInt(epoch, 10, 64)
	n, err2 := strconv.ParseUint(seq, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return EventID{}, fmt.Errorf("%s: an event id of %s is %[2]s-EPOCH-SEQ", quoteShort(s), cp)
	}
	return EventID{e, n}, nil
}

// Reasons of a monitor_stopped.
const (
	ReasonAsked   = "asked to stop"
	ReasonRemoved = "removed" // the charge point is no longer one of the fleet
)

// ReasonRefused begins the reason of an events_dropped for events that Kafka refused for
// good. The name of Kafka's error follows.
const ReasonRefused = "refused by Kafka: "
