package evcp_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"evcp"
)

// TestSeedEvents compares with the four events of the seed: each must be the beginning
// of the record that is written, byte for byte.
func TestSeedEvents(t *testing.T) {
	events := map[string]evcp.Event{
		"register_to_central":        {Action: evcp.RegisterToCentral},
		"authenticated_with_central": {Action: evcp.AuthenticatedWithCentral, Response: "Authentication successful"},
		"health_check":               {Action: evcp.HealthCheck, Status: evcp.OK, Response: "OK"},
		"report_engine_failure":      {Action: evcp.ReportEngineFailure, Response: "Failure report received"},
	}
	text, err := os.ReadFile("testdata/seed-events.json")
	if err != nil {
		t.Fatal(err)
	}
	var seeds []json.RawMessage
	if err := json.Unmarshal(text, &seeds); err != nil || len(seeds) != len(events) {
		t.Fatalf("%d seed events, %v", len(seeds), err)
	}
	for _, seed := range seeds {
		var named struct{ Action string }
		if err := json.Unmarshal(seed, &named); err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, seed); err != nil {
			t.Fatal(err)
		}
		e := events[named.Action]
		e.CP, e.At, e.Epoch, e.Seq = "CP_001", seedTime, 1, 1
		want := strings.TrimSuffix(compact.String(), "}")
		if got := string(e.AppendJSON(nil)); !strings.HasPrefix(got, want+",") {
			t.Errorf("wrote %s\nseed  %s", got, want)
		}
	}
}

func TestEventWordForWord(t *testing.T) {
	id := evcp.EventID{Epoch: 1640000000000000, Seq: 5}
	tests := map[string]evcp.Event{
		`{"cp_id":"CP_001","monitor_id":"EV_CP_M","action":"health_check","status":"CONNECTION_ERROR","engine_response":"","consecutive_failures":2,"timestamp":1640000000.25,"cause":"timeout","latency_ms":925.1,"instance":"host \"a\"","epoch":1640000000000000,"seq":7,"event_id":"CP_001-1640000000000000-7"}`: {
			Action: evcp.HealthCheck, Status: evcp.ConnectionError, Cause: evcp.Timeout, Failures: 2, Latency: 925100 * time.Microsecond, Instance: `host "a"`},
		`{"cp_id":"CP_001","monitor_id":"EV_CP_M","action":"engine_failed","timestamp":1640000000.25,"incident_id":"CP_001-1640000000000000-5","since":1640000000.0,"cause":"said_ko","last_ok":null,"instance":"","epoch":1640000000000000,"seq":7,"event_id":"CP_001-1640000000000000-7"}`: {
			Action: evcp.EngineFailed, Incident: id, Since: seedTime, Cause: evcp.SaidKO},
		`{"cp_id":"CP_001","monitor_id":"EV_CP_M","action":"clock_stepped","timestamp":1640000000.25,"offset_s":-0.000001,"instance":"","epoch":1640000000000000,"seq":7,"event_id":"CP_001-1640000000000000-7","prev_epoch":9,"prev_seq":8}`: {
			Action: evcp.ClockStep, Span: -time.Microsecond, PrevEpoch: 9, PrevSeq: 8},
		`{"cp_id":"CP_001","monitor_id":"EV_CP_M","action":"authenticated_with_central","timestamp":1640000000.25,"status":"success","central_response":"a\\\u000a\u001f ` + "\ufffd\ufffd é" + `","latency_ms":0.0,"instance":"","epoch":1640000000000000,"seq":7,"event_id":"CP_001-1640000000000000-7"}`: {
			Action: evcp.AuthenticatedWithCentral, Response: "a\\\n\x1f \xff\ufffd é"},
	}
	for want, e := range tests {
		e.CP, e.At, e.Epoch, e.Seq = "CP_001", seedTime+250000, id.Epoch, 7
		if got := string(e.AppendJSON(nil)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestWhatIsNoEvent(t *testing.T) {
	tests := map[string]string{
		`{`: "unexpected end",
		`{"cp_id":"a b","action":"health_check"}`:                                             "charge point id",
		`{"cp_id":"A","action":"jump","epoch":1,"seq":2}`:                                     `unknown action "jump"`,
		`{"cp_id":"A","action":"health_check","epoch":0,"seq":2}`:                             "no number",
		`{"cp_id":"A","action":"health_check","epoch":1,"seq":0}`:                             "no number",
		`{"cp_id":"A","action":"health_check","status":"FINE","epoch":1,"seq":2}`:             `unknown status "FINE"`,
		`{"cp_id":"A","action":"health_check","status":"OK","cause":"x","epoch":1,"seq":2}`:   `unknown cause "x"`,
		`{"cp_id":"A","action":"engine_failed","incident_id":"B-1-2","epoch":1,"seq":2}`:      "A-EPOCH-SEQ",
		`{"cp_id":"A","action":"engine_failed","incident_id":"A-1-\u0000","epoch":1,"seq":2}`: "A-EPOCH-SEQ",
		`{"cp_id":"A","action":"engine_failed","incident_id":"1-2","epoch":1,"seq":2}`:        "A-EPOCH-SEQ",
		`{"cp_id":"A","action":"engine_failed","incident_id":"A-1","epoch":1,"seq":2}`:        "A-EPOCH-SEQ",
		`{"cp_id":"A","action":"engine_failed","incident_id":"A-x-2","epoch":1,"seq":2}`:      "A-EPOCH-SEQ",
		`{"cp_id":"` + strings.Repeat("A", 65) + `","action":"health_check"}`:                 "1 to 64",
	}
	for line, want := range tests {
		_, err := evcp.ParseEvent([]byte(line))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

// TestIDsOfAnySize reads back the largest numbers, with a charge point id that contains numbers.
func TestIDsOfAnySize(t *testing.T) {
	e := evcp.Event{CP: "CP-1-2", Action: evcp.EngineFailed, At: seedTime, Epoch: math.MaxInt64, Seq: math.MaxUint64}
	e.Incident = e.ID()
	if text := e.Incident.Text(e.CP); text != "CP-1-2-9223372036854775807-18446744073709551615" {
		t.Errorf("id %s", text)
	}
	if read, err := evcp.ParseEvent(e.AppendJSON(nil)); err != nil || read != e {
		t.Errorf("%v: read %+v", err, read)
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"cp_id":"CP_001","action":"health_check","status":"OK","timestamp":1.5,"epoch":1,"seq":2}`))
	f.Add([]byte(`{"cp_id":"CP-1-2","action":"engine_failed","incident_id":"CP-1-2-3-4","since":null,"epoch":1,"seq":2}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := evcp.ParseEvent(line)
		if err != nil {
			return
		}
		if !json.Valid(e.AppendJSON(nil)) {
			t.Fatalf("%q became invalid JSON: %q", line, e.AppendJSON(nil))
		}
	})
}

func FuzzUnmarshalState(f *testing.F) {
	b, _ := evcp.State{Epoch: 5, Seq: 6}.AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var s evcp.State
		_ = s.UnmarshalBinary(b)
	})
}

func BenchmarkNext(b *testing.B) {
	p := evcp.Policy{Fall: 3, Rise: 1, Instance: "host"}
	o := evcp.Observation{CP: "CP_001", Kind: evcp.Checked, Outcome: evcp.Outcome{Status: evcp.OK, Response: "OK"}}
	out := make([]evcp.Event, 0, 4)
	var s evcp.State
	b.ReportAllocs()
	for b.Loop() {
		o.At += 1e6
		s, _ = p.Next(s, o, out[:0])
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	e := evcp.Event{
		CP: "CP_001", Instance: "host", Action: evcp.HealthCheck, At: seedTime + 123456, Epoch: 1640000000000000, Seq: 4711,
		Status: evcp.OK, Response: "OK", Latency: 1234567 * time.Nanosecond,
	}
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendJSON(buf[:0])
	}
}

// TestNothingIsAllocated fails when Next or AppendJSON allocates.
func TestNothingIsAllocated(t *testing.T) {
	p := evcp.Policy{Fall: 1, Rise: 1, Instance: "host"}
	out, buf := make([]evcp.Event, 0, 4), make([]byte, 0, 1024)
	o := evcp.Observation{CP: "CP_001", Kind: evcp.Checked, At: seedTime}
	var s evcp.State
	allocs := testing.AllocsPerRun(100, func() {
		o.At += 1e6
		o.Outcome.Status = evcp.OK + evcp.Status(o.At/1e6%3)
		var made []evcp.Event
		s, made = p.Next(s, o, out[:0])
		for _, e := range made {
			buf = e.AppendJSON(buf[:0])
		}
	})
	if allocs != 0 {
		t.Errorf("%.1f allocations for a check", allocs)
	}
}
