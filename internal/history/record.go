package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"evcp"
)

// Record is what the fold reads of one event of a numbering. Its zero Action is one that
// this version does not know: its seq is not missing, and that is all.
type Record struct {
	Seq      uint64        `json:"seq"`
	Action   evcp.Action   `json:"action,omitempty"`
	At       evcp.Stamp    `json:"at"`
	Status   evcp.Status   `json:"status,omitempty"`   // health_check
	Failures uint32        `json:"failures,omitempty"` // health_check: how many have failed in a row, with it
	Cause    string        `json:"cause,omitempty"`    // engine_failed
	Interval time.Duration `json:"interval,omitempty"` // with Timeout, Rise: the settings from here on; 0: unchanged
	Timeout  time.Duration `json:"timeout,omitempty"`
	Rise     uint32        `json:"rise,omitempty"`
	Site     string        `json:"site,omitempty"` // goes with Interval
	Incident evcp.EventID  `json:"incident,omitzero"`
	Since    evcp.Stamp    `json:"since,omitempty"`
	Span     time.Duration `json:"span,omitempty"`    // duration_s, offset_s
	Latency  time.Duration `json:"latency,omitempty"` // health_check, report_engine_failure
	Prev     evcp.EventID  `json:"prev,omitzero"`     // of the first of a numbering
	Dropped  Missing       `json:"dropped,omitzero"`  // events_dropped
}

// Missing are seqs of one numbering that were dropped, and how many facts were among them.
type Missing struct {
	Epoch    int64  `json:"epoch"`
	From, To uint64 // both included
	Facts    uint64 `json:"facts,omitempty"`
}

// Check is a health_check of the first EV_CP_M, which has no number.
type Check struct {
	At     evcp.Stamp
	Status evcp.Status
}

// ParsedRecord is one record of the topic.
type ParsedRecord struct {
	CP    evcp.CPID
	At    evcp.Stamp
	Epoch int64 // 0: the first EV_CP_M wrote it, and Check is what it says
	Record
	Check Check // its Status is Unknown: not a check

	// Of a health_check, which IsCheck; no part of the fold.
	IsCheck    bool
	CheckCause evcp.Cause
	Reply      []byte // of the Engine, as the record has it; a part of its value, or a copy
}

// MaxRecord is the longest record, in bytes, that is looked at. Ours have a few hundred.
const MaxRecord = 64 << 10

// ErrForeign is a record that no Monitor wrote.
var ErrForeign = errors.New("no event of a Monitor")

// header has the fields that every event has.
type header struct {
	CP        string  `json:"cp_id"`
	Monitor   string  `json:"monitor_id"`
	Action    string  `json:"action"`
	Timestamp float64 `json:"timestamp"`
	Epoch     int64   `json:"epoch"`
	Seq       uint64  `json:"seq"`
	Status    string  `json:"status"`
	Reply     any     `json:"engine_response"`
}

// latest bounds times from the topic: the year 2200. Differences of two fit a duration.
const latest = evcp.Stamp(7_258_118_400_000_000)

// maxInterval is far beyond any interval, and a few of them fit a duration.
const maxInterval = 366 * 24 * time.Hour

// Parse reads the value of a record. Fields, actions and causes that it does not know are
// ignored. Its error is ErrForeign.
func Parse(value []byte) (ParsedRecord, error) {
	if len(value) > MaxRecord {
		return ParsedRecord{}, fmt.Errorf("%w: %d bytes", ErrForeign, len(value))
	}
	if p, ok := parsePlainCheck(value); ok {
		return p, nil
	}
	return parseAny(value)
}

func parseAny(value []byte) (ParsedRecord, error) {
	e, err := evcp.ParseEvent(value)
	if err != nil {
		return parseOther(value)
	}
	p := ParsedRecord{CP: e.CP, At: e.At, Epoch: e.Epoch, Record: recordOf(e)}
	if e.Action == evcp.HealthCheck {
		p.IsCheck, p.CheckCause, p.Reply = true, e.Cause, []byte(e.Response)
	}
	if !p.plausible() {
		return ParsedRecord{}, ErrForeign
	}
	return p, nil
}

func recordOf(e evcp.Event) Record {
	r := Record{
		Seq: e.Seq, Action: e.Action, At: e.At, Status: e.Status, Failures: e.Failures,
		Interval: e.Interval, Timeout: e.Timeout, Rise: e.Rise, Incident: e.Incident, Since: e.Since,
		Site: siteText(e.Site), Prev: evcp.EventID{Epoch: e.PrevEpoch, Seq: e.PrevSeq},
	}
	switch e.Action {
	case evcp.EngineFailed:
		r.Cause = e.Cause.String()
		r.Incident = e.ID()
	case evcp.HealthCheck, evcp.ReportEngineFailure:
		r.Latency = e.Latency
	case evcp.EngineRecovered, evcp.ClockStep, evcp.MonitorStalled:
		r.Span = e.Span
	case evcp.EventsDropped:
		r.Dropped = Missing{Epoch: e.DroppedEpoch, From: e.From, To: e.To, Facts: e.Facts}
	}
	return r
}

// maxSite is the longest name of a site, in bytes.
const maxSite = 200

// siteText bounds what a record says.
func siteText(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxSite)], "") }

func (p ParsedRecord) plausible() bool {
	r := p.Record
	for _, at := range []evcp.Stamp{r.At, r.Since} {
		if at < 0 || at > latest {
			return false
		}
	}
	for _, d := range []time.Duration{r.Interval, r.Timeout, r.Latency, max(r.Span, -r.Span)} {
		if d < 0 || d > latest.Sub(0) {
			return false
		}
	}
	return r.At > 0 && r.Interval <= maxInterval && r.Timeout <= maxInterval && r.Seq < math.MaxInt64 && p.Epoch < 1<<53 && r.Dropped.From <= r.Dropped.To
}

// parseOther reads what ParseEvent does not: an event of a newer Monitor, or of the first.
func parseOther(value []byte) (ParsedRecord, error) {
	var h header
	if err := json.Unmarshal(value, &h); err != nil {
		return ParsedRecord{}, ErrForeign
	}
	cp, err := evcp.ParseCPID(h.CP)
	micros := math.Round(h.Timestamp * 1e6)
	if err != nil || h.Monitor != "EV_CP_M" || !(micros > 0 && micros < float64(latest)) {
		return ParsedRecord{}, ErrForeign
	}
	p := ParsedRecord{CP: cp, At: evcp.Stamp(micros)}
	switch {
	case h.Epoch > 0 && h.Seq > 0:
		p.Epoch, p.Record = h.Epoch, Record{Seq: h.Seq, At: p.At}
		if !p.plausible() {
			return ParsedRecord{}, ErrForeign
		}
		return p, nil
	case h.Epoch != 0 || h.Seq != 0:
		return ParsedRecord{}, ErrForeign
	}
	action, known := evcp.ParseAction(h.Action)
	if !known {
		return ParsedRecord{}, ErrForeign
	}
	if action == evcp.HealthCheck {
		status, known := evcp.ParseStatus(h.Status)
		if !known {
			return ParsedRecord{}, ErrForeign
		}
		reply, _ := h.Reply.(string)
		p.Check, p.IsCheck, p.Reply = Check{At: p.At, Status: status}, true, []byte(reply)
	}
	return p, nil
}
