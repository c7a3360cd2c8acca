package evcp

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// eventJSON has the JSON fields of every action.
type eventJSON struct {
	CP        string   `json:"cp_id"`
	Action    string   `json:"action"`
	Timestamp float64  `json:"timestamp"`
	Instance  string   `json:"instance"`
	Epoch     int64    `json:"epoch"`
	Seq       uint64   `json:"seq"`
	PrevEpoch int64    `json:"prev_epoch"`
	PrevSeq   uint64   `json:"prev_seq"`
	Status    string   `json:"status"`
	Cause     string   `json:"cause"`
	Detail    string   `json:"detail"`
	Engine    string   `json:"engine_response"`
	Central   string   `json:"central_response"`
	Failures  uint32   `json:"consecutive_failures"`
	LatencyMS float64  `json:"latency_ms"`
	Incident  string   `json:"incident_id"`
	Since     float64  `json:"since"`
	LastOK    *float64 `json:"last_ok"`
	DurationS float64  `json:"duration_s"`
	GapS      float64  `json:"gap_s"`
	OffsetS   float64  `json:"offset_s"`
	Repeat    uint32   `json:"repeat"`
	Missed    uint32   `json:"missed"`
	Version   string   `json:"version"`
	Resumed   bool     `json:"resumed"`
	LastKept  *float64 `json:"last_kept"`
	IntervalS float64  `json:"interval_s"`
	TimeoutS  float64  `json:"timeout_s"`
	Fall      uint32   `json:"fall"`
	Rise      uint32   `json:"rise"`
	Site      string   `json:"site"`
	Reason    string   `json:"reason"`
	Dropped   int64    `json:"dropped_epoch"`
	FromSeq   uint64   `json:"from_seq"`
	ToSeq     uint64   `json:"to_seq"`
	Count     uint64   `json:"count"`
	Facts     uint64   `json:"facts"`
}

// ParseEvent reads what AppendJSON wrote, without loss: times are whole microseconds
// in both. Unknown fields are ignored. The error names the field and the event.
func ParseEvent(line []byte) (Event, error) {
	var r eventJSON
	if err := json.Unmarshal(line, &r); err != nil {
		return Event{}, fmt.Errorf("read event %s: %w", quoteShort(string(line)), err)
	}
	cp, err := ParseCPID(r.CP)
	if err != nil {
		return Event{}, fmt.Errorf("read event: %w", err)
	}
	action, ok := ParseAction(r.Action)
	if !ok {
		return Event{}, fmt.Errorf("read event %d of %s: unknown action %s", r.Seq, cp, quoteShort(r.Action))
	}
	if r.Epoch <= 0 || r.Seq == 0 {
		return Event{}, fmt.Errorf("read event of %s: epoch %d and seq %d are no number of an event", cp, r.Epoch, r.Seq)
	}
	return r.event(cp, action)
}

func (r eventJSON) event(cp CPID, action Action) (Event, error) {
	e := Event{
		CP: cp, Instance: r.Instance, Action: action, At: stampOf(&r.Timestamp),
		Epoch: r.Epoch, Seq: r.Seq, PrevEpoch: r.PrevEpoch, PrevSeq: r.PrevSeq,
		Response: r.Engine + r.Central, Failures: r.Failures, Latency: spanOf(r.LatencyMS / 1e3),
		Since: stampOf(&r.Since), LastOK: stampOf(r.LastOK), Span: spanOf(r.DurationS + r.GapS + r.OffsetS),
		Repeat: r.Repeat, Missed: r.Missed, Version: r.Version, Resumed: r.Resumed, LastKept: stampOf(r.LastKept),
		Interval: spanOf(r.IntervalS), Timeout: spanOf(r.TimeoutS), Fall: r.Fall, Rise: r.Rise, Site: r.Site,
		Reason: r.Reason, DroppedEpoch: r.Dropped, From: r.FromSeq, To: r.ToSeq, Count: r.Count, Facts: r.Facts,
	}
	var ok bool
	if e.Cause, ok = ParseCause(r.Cause, r.Detail); !ok {
		return Event{}, fmt.Errorf("read event %d of %s: unknown cause %s %s", r.Seq, cp, quoteShort(r.Cause), quoteShort(r.Detail))
	}
	if action == HealthCheck {
		if e.Status, ok = ParseStatus(r.Status); !ok {
			return Event{}, fmt.Errorf("read event %d of %s: unknown status %s", r.Seq, cp, quoteShort(r.Status))
		}
	}
	if r.Incident != "" {
		id, err := parseEventID(cp, r.Incident)
		if err != nil {
			return Event{}, fmt.Errorf("read event %d of %s: %w", r.Seq, cp, err)
		}
		e.Incident = id
	}
	return e, nil
}

func stampOf(seconds *float64) Stamp {
	if seconds == nil {
		return 0
	}
	return Stamp(math.Round(*seconds * 1e6))
}

func spanOf(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds*1e6)) * time.Microsecond
}
