package evcp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Action names what an event records. The words are the seed's where it has one.
type Action uint8

const (
	// NoAction is the zero Action; no event has it.
	NoAction Action = iota
	// RegisterToCentral: Central is being asked; once per outage.
	RegisterToCentral
	// AuthenticatedWithCentral: Central accepted.
	AuthenticatedWithCentral
	// RegistrationRejected: Central said no.
	RegistrationRejected
	// ConnectedToEngine: the Engine answered the greeting.
	ConnectedToEngine
	// HealthCheck: one check of the Engine.
	HealthCheck
	// EngineFailed opens an incident.
	EngineFailed
	// EngineRecovered closes it.
	EngineRecovered
	// ReportEngineFailure: Central answered a failure report.
	ReportEngineFailure
	// ReportEngineRecovery: Central answered a recovery report.
	ReportEngineRecovery
	// MonitorStarted: a Monitor begins to watch.
	MonitorStarted
	// MonitorStopped: it ended in good order.
	MonitorStopped
	// MonitorStalled: it stood still and could not watch.
	MonitorStalled
	// ClockStep: the wall clock was set.
	ClockStep
	// EventsDropped: kept events were given up; covers their seqs in their epoch.
	EventsDropped
)

var actionNames = [...]string{
	"", "register_to_central", "authenticated_with_central", "registration_rejected", "connected_to_engine",
	"health_check", "engine_failed", "engine_recovered", "report_engine_failure", "report_engine_recovery",
	"monitor_started", "monitor_stopped", "monitor_stalled", "clock_stepped", "events_dropped",
}

// String is the word used in events.
func (a Action) String() string { return nameOf(actionNames[:], int(a)) }

// ParseAction reads the word of an Action.
func ParseAction(s string) (Action, bool) {
	i, _ := indexOf(actionNames[:], s)
	return Action(i), i != 0
}

// EventID numbers an event of one charge point. The larger Epoch is the newer.
type EventID struct {
	Epoch int64  // Unix milliseconds when this numbering began
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
	Cause    Cause         // health_check, engine_failed
	Response string        // engine_response or central_response, safe to print
	Failures uint32        // health_check: consecutive_failures
	Latency  time.Duration // health_check, and Central's answers
	Incident EventID       // engine_*, report_*
	Since    Stamp         // engine_*
	LastOK   Stamp         // engine_failed
	Span     time.Duration // duration_s, gap_s, offset_s
	Repeat   uint32        // report_engine_failure
	Missed   uint32        // monitor_stalled
	Version  string        // monitor_started
	Resumed  bool          // monitor_started
	LastKept Stamp         // monitor_started
	Reason   string        // monitor_stopped, events_dropped
	From, To uint64        // events_dropped: seqs of DroppedEpoch
	Count    uint64        // events_dropped
	// DroppedEpoch is the numbering of From and To, which may be an older one than
	// that of the event; in events_dropped.
	DroppedEpoch int64
}

// ID is the event's number.
func (e Event) ID() EventID { return EventID{e.Epoch, e.Seq} }

// Fact reports whether the event is more than one more OK: facts are synced at
// once and given up last.
func (e Event) Fact() bool { return e.Action != HealthCheck || e.Status != OK }

// Text is the id as it stands in events: CP_001-1640000000000-42.
func (id EventID) Text(cp CPID) string { return string(id.append(nil, cp)) }

func (id EventID) append(dst []byte, cp CPID) []byte {
	dst = append(dst, cp...)
	dst = append(dst, '-')
	dst = strconv.AppendInt(dst, id.Epoch, 10)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, id.Seq, 10)
}

// parseEventID reads the text of an id of cp. A charge point id may itself hold
// dashes and digits, so it is cut off whole and not searched.
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
