package watch_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"evcp"
	"evcp/internal/testbed"
)

// seedFields are what the seed promises of its four events.
var seedFields = map[string][]string{
	"register_to_central":        {"cp_id", "monitor_id", "timestamp", "status"},
	"authenticated_with_central": {"cp_id", "monitor_id", "timestamp", "status"},
	"health_check":               {"cp_id", "monitor_id", "timestamp", "status", "engine_response", "consecutive_failures"},
	"report_engine_failure":      {"cp_id", "monitor_id", "timestamp", "central_response"},
}

// TestReadersInUse lets the readers that people have read the topic: kcat, and
// kafka-python 2.0.2 without further packages, as the seed's own consumers use.
func TestReadersInUse(t *testing.T) { testbed.ForEachBroker(t, readersInUse) }

func readersInUse(t *testing.T, bed *testbed.Testbed) {
	t.Helper()
	r := bed.ReadTopic()
	w := start(t, bed, "CP_001", t.TempDir())
	bed.Until("a check", func() bool { return r.Count(evcp.HealthCheck) > 0 })
	bed.SetBehaviour("ko")
	bed.Until("a receipt", func() bool { return r.Count(evcp.ReportEngineFailure) > 0 })
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	bed.Until("the end", func() bool { return r.Count(evcp.MonitorStopped) > 0 })
	total := len(r.Events())
	t.Run("kcat", func(t *testing.T) {
		kcat, err := exec.LookPath("kcat")
		if err != nil {
			testbed.SkipMissing(t, "kcat")
		}
		hasSeedEvents(t, run(t, kcat, "-C", "-q", "-e", "-b", bed.BrokerAddr, "-t", bed.Topic), total)
	})
	t.Run("kafka-python", func(t *testing.T) {
		python := os.Getenv("EVCP_TEST_PYTHON")
		if python == "" {
			testbed.SkipMissing(t, "Python with kafka-python 2.0.2 (EVCP_TEST_PYTHON)")
		}
		hasSeedEvents(t, run(t, python, "testdata/consumer.py", bed.BrokerAddr, bed.Topic), total)
	})
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, said.String())
	}
	return out
}

// hasSeedEvents looks for each of the seed's events with each of its fields, and
// for all events there are.
func hasSeedEvents(t *testing.T, out []byte, total int) {
	t.Helper()
	missing := map[string]bool{}
	for action := range seedFields {
		missing[action] = true
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	for _, line := range lines {
		var event map[string]any
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		action, _ := event["action"].(string)
		delete(missing, action)
		for _, field := range seedFields[action] {
			if _, ok := event[field]; !ok {
				t.Errorf("%s has no %s", action, field)
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("not read: %v", missing)
	}
	if len(lines) < total {
		t.Errorf("%d of %d events read", len(lines), total)
	}
}
