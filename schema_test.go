package evcp_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"evcp"
)

const schemaFile = "api/event.schema.json"

func openSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// everyKind has every kind of observation, in an order that makes every form of event.
var everyKind = []evcp.Observation{
	{Kind: evcp.Started, Version: "0.1.0"}, // nothing is known: last_kept null
	{Kind: evcp.Registering},
	{Kind: evcp.Registered, Response: "Authentication successful", Latency: 3 * time.Millisecond},
	{Kind: evcp.Greeted, Response: "OK"},
	checked(evcp.KO, evcp.SaidKO, "KO"),
	checked(evcp.KO, evcp.Protocol, "FAULT \"17\" \\x1b é 号"),
	checked(evcp.ConnectionError, evcp.Refused, ""), // an incident without an OK before: last_ok null
	{Kind: evcp.FailureReported, Response: "Failure report received", Latency: time.Millisecond},
	{Kind: evcp.FailureReported, Response: "Failure report received", Repeat: 1},
	checked(evcp.ConnectionError, evcp.Timeout, ""),
	checked(evcp.ConnectionError, evcp.Reset, ""),
	checked(evcp.ConnectionError, evcp.Closed, ""),
	checked(evcp.ConnectionError, evcp.Unreachable, ""),
	checked(evcp.ConnectionError, evcp.DNS, ""),
	checked(evcp.ConnectionError, evcp.Other, ""),
	checked(evcp.ConnectionError, evcp.TLS, "certificate expired on 2026-10-01"),
	checked(evcp.OK, evcp.NoCause, "OK 23.5C"),
	{Kind: evcp.RecoveryReported, Response: ""},
	checked(evcp.Unknown, evcp.Stalled, "OK"),
	checked(evcp.Unknown, evcp.Slept, ""),
	checked(evcp.Unknown, evcp.Local, ""),
	checked(evcp.Unknown, evcp.NoNetwork, ""),
	checked(evcp.Unknown, evcp.NameServer, ""),
	checked(evcp.Unknown, evcp.NoSocket, ""),
	checked(evcp.Unknown, evcp.OwnCertificate, ""),
	checked(evcp.Unknown, evcp.WrongClock, ""),
	{Kind: evcp.StallEnded, Gap: 10200 * time.Millisecond, Missed: 10},
	{Kind: evcp.ClockStepped, Gap: -time.Hour},
	{Kind: evcp.ClockStepped, Gap: time.Hour},
	checked(evcp.KO, evcp.SaidKO, "KO"),
	checked(evcp.KO, evcp.SaidKO, "KO"),
	checked(evcp.KO, evcp.SaidKO, "KO"), // an incident with an OK before
	{Kind: evcp.Dropped, DroppedEpoch: 1640000000000000, From: 2, To: 9, Count: 3, Facts: 1, Reason: "outbox full"},
	{Kind: evcp.Reconfigured},
	{Kind: evcp.Stopping, Reason: "asked to stop"},
	{Kind: evcp.Started, Version: "0.1.0"}, // resumed
	{Kind: evcp.Registering},
	{Kind: evcp.RegistrationRefused, Response: "Authentication denied: unknown charging point CP_001", Latency: time.Second},
	{Kind: evcp.Started, Version: "0.1.0", Renumber: true}, // prev_epoch and prev_seq
}

func checked(s evcp.Status, c evcp.Cause, response string) evcp.Observation {
	return evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: s, Cause: c, Response: response, Latency: 1500 * time.Microsecond}}
}

// records are the events that follow from everyKind, as the topic holds them.
func records(t *testing.T) [][]byte {
	t.Helper()
	policy := evcp.Policy{Fall: 3, Rise: 1, Instance: "site-7", Site: "Gandía Puerto", Interval: time.Second, Timeout: 900 * time.Millisecond}
	var state evcp.State
	var all [][]byte
	made := map[evcp.Action]bool{}
	for i, o := range everyKind {
		o.CP, o.At, o.Incident = "CP-1.a_b", seedTime.Add(time.Duration(i)*time.Second), state.Incident.ID
		var events []evcp.Event
		state, events = policy.Next(state, o, nil)
		for _, e := range events {
			all = append(all, e.AppendJSON(nil))
			made[e.Action] = true
		}
	}
	for a := evcp.RegisterToCentral; a <= evcp.LastAction; a++ {
		if !made[a] {
			t.Errorf("everyKind makes no %s", a)
		}
	}
	return all
}

func fieldsOf(t *testing.T, record []byte) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(record, &fields); err != nil {
		t.Fatalf("%s: %v", record, err)
	}
	return fields
}

// TestSchemaHoldsForEveryEvent holds api/event.schema.json to what Next makes.
func TestSchemaHoldsForEveryEvent(t *testing.T) {
	schema := openSchema(t)
	for _, record := range records(t) {
		fields := fieldsOf(t, record)
		if err := schema.Validate(fields); err != nil {
			t.Errorf("%s\n%v", record, err)
		}
		fields["added_later"] = true
		if err := schema.Validate(fields); err != nil {
			t.Errorf("a field more: %s\n%v", record, err)
		}
	}
}

// TestSchemaRefusesWhatIsNoEvent takes each field away from each event, and gives
// it a value of another type. The schema must refuse both; detail and site alone may be missing.
func TestSchemaRefusesWhatIsNoEvent(t *testing.T) {
	schema := openSchema(t)
	for _, record := range records(t) {
		whole := fieldsOf(t, record)
		for _, name := range slices.Sorted(maps.Keys(whole)) {
			less := maps.Clone(whole)
			delete(less, name)
			if name != "detail" && name != "site" && schema.Validate(less) == nil {
				t.Errorf("without %s: %s", name, record)
			}
			for what, value := range wrongFor(whole[name]) {
				other := maps.Clone(whole)
				other[name] = value
				if schema.Validate(other) == nil {
					t.Errorf("%s as %s: %s", name, what, record)
				}
			}
		}
	}
}

// wrongFor are values of a type that a field with this value can't have. null is not
// among them for a number: some timestamps may be null.
func wrongFor(value any) map[string]any {
	wrong := map[string]any{"a list": []any{}, "an object": map[string]any{}}
	switch value.(type) {
	case string:
		wrong["a number"], wrong["null"] = 1.0, nil
	case bool:
		wrong["a number"], wrong["null"], wrong["text"] = 1.0, nil, "true"
	default:
		wrong["a boolean"], wrong["text"] = true, "1640000000.0"
	}
	return wrong
}

// TestSchemaKnowsTheBounds tries values of the right kind that no event has.
func TestSchemaKnowsTheBounds(t *testing.T) {
	long := string(make([]byte, 129))
	tests := []struct {
		action, field string
		value         any
	}{
		{"health_check", "action", "health_checked"},
		{"health_check", "cp_id", "CP 001"},
		{"health_check", "cp_id", ""},
		{"health_check", "monitor_id", "EV_CP_E"},
		{"health_check", "epoch", 0.0},
		{"health_check", "seq", 0.0},
		{"health_check", "seq", 1.5},
		{"health_check", "timestamp", 0.0},
		{"health_check", "timestamp", nil},
		{"health_check", "event_id", "CP_001"},
		{"health_check", "status", "MONITORING"},
		{"health_check", "cause", "bored"},
		{"health_check", "cause", "stalled"}, // the first check in everyKind is KO
		{"health_check", "consecutive_failures", 0.0},
		{"health_check", "latency_ms", -1.0},
		{"health_check", "engine_response", long},
		{"engine_failed", "cause", ""},
		{"engine_failed", "cause", "slept"},
		{"engine_failed", "since", nil},
		{"engine_recovered", "duration_s", -0.1},
		{"report_engine_failure", "repeat", -1.0},
		{"report_engine_recovery", "repeat", 1.0},
		{"report_engine_failure", "central_response", long},
		{"monitor_started", "resumed", true}, // with last_kept null
		{"monitor_started", "site", ""},
		{"settings_changed", "interval_s", 0.0},
		{"settings_changed", "fall", 0.0},
		{"monitor_stalled", "missed", -1.0},
		{"monitor_stalled", "gap_s", -1.0},
		{"events_dropped", "count", 0.0},
		{"events_dropped", "from_seq", 0.0},
		{"events_dropped", "dropped_epoch", 0.0},
		{"register_to_central", "status", "success"},
		{"monitor_stopped", "prev_epoch", 1640000000000000.0}, // without prev_seq, and not the first
	}
	schema := openSchema(t)
	first := map[string]map[string]any{}
	for _, record := range records(t) {
		fields := fieldsOf(t, record)
		if action := fields["action"].(string); first[action] == nil {
			first[action] = fields
		}
	}
	for _, tt := range tests {
		fields := maps.Clone(first[tt.action])
		fields[tt.field] = tt.value
		if schema.Validate(fields) == nil {
			t.Errorf("%s with %s = %v passes", tt.action, tt.field, tt.value)
		}
	}
}
