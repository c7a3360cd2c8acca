package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
	"evcp/internal/cli"
	"evcp/internal/ledger"
	"evcp/internal/testbed"
)

// outage is when a generated Engine is down.
type outage struct{ from, to time.Time }

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

// generated are the events of a Monitor that checks every 900 s, with fall 1, so that an
// incident begins with the first failed check.
func generated(cp evcp.CPID, from, to time.Time, down ...outage) (events []evcp.Event) {
	p := evcp.Policy{Fall: 1, Rise: 1, Instance: "site-7", Interval: 900 * time.Second, Timeout: 9 * time.Second}
	var s evcp.State
	s, events = p.Next(s, evcp.Observation{Kind: evcp.Started, CP: cp, At: evcp.StampOf(from), Version: "test"}, events)
	for now := from; now.Before(to); now = now.Add(p.Interval) {
		o := evcp.Observation{Kind: evcp.Checked, CP: cp, At: evcp.StampOf(now), Outcome: evcp.Outcome{Status: evcp.OK}}
		for _, d := range down {
			if !now.Before(d.from) && now.Before(d.to) {
				o.Outcome = evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Refused}
			}
		}
		s, events = p.Next(s, o, events)
	}
	return events
}

// produce writes records to the topic, in order, with the charge point as key.
func produce(t *testing.T, broker string, values ...kgo.Record) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.DefaultProduceTopic("monitor-events"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	records := make([]*kgo.Record, len(values))
	for i := range values {
		records[i] = &values[i]
	}
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func recordsOf(events []evcp.Event) (all []kgo.Record) {
	for _, e := range events {
		all = append(all, kgo.Record{Key: []byte(e.CP), Value: e.AppendJSON(nil)})
	}
	return all
}

// historian starts a Central that keeps history in a folder.
func historian(t *testing.T, broker, dir string) *testbed.Subprocess {
	t.Helper()
	p := start(t, "--listen", "127.0.0.1:0", "--http", "", "--state-dir", dir, "--kafka-brokers", broker)
	p.Stderr.Line("started")
	return p
}

// command runs a command in the folder, and returns its answer.
func answerTo(t *testing.T, dir string, args ...string) string {
	t.Helper()
	stdout, stderr, code := output(t, append(args, "--state-dir", dir)...)
	if code != cli.ExitOK {
		t.Fatalf("%q: exit %d, %s", args, code, stderr)
	}
	return stdout
}

// october is a report of all that was generated.
var october = []string{"report", "--definition", "plain", "--month", "2026-10", "--format", "json"}

// untilRead waits until the newest event ends the month, and returns the report.
func untilRead(t *testing.T, dir string) (text string) {
	t.Helper()
	testbed.Until(t, "the events", func() bool {
		stdout, _, code := output(t, append(october, "--state-dir", dir)...)
		text = stdout
		return code == cli.ExitOK
	})
	return text
}

// TestKilledCentralCountsOnce: a Central that is killed again and again while it reads has
// the same report in the end as one that reads the topic from its beginning.
func TestKilledCentralCountsOnce(t *testing.T) {
	b := testbed.New(t)
	b.StartBroker()
	begin, end := at("2026-09-30 00:00"), at("2026-11-01 02:00")
	dir := t.TempDir()
	for n := range 6 {
		cp := evcp.CPID(fmt.Sprintf("CP_%03d", n))
		events := generated(cp, begin, end, outage{at("2026-10-05 00:00"), at("2026-10-05 00:00").Add(time.Duration(n) * time.Hour)})
		for part := range 3 {
			records := recordsOf(events[part*len(events)/3 : (part+1)*len(events)/3])
			central := historian(t, b.BrokerAddr, dir)
			produce(t, b.BrokerAddr, append(records, kgo.Record{Value: []byte("garbage")}, records[0])...)
			output(t, append(october, "--state-dir", dir)...) // a part is read, and on disk; the rest is under way
			central.Signal(syscall.SIGKILL)
			central.Wait()
		}
	}
	central := historian(t, b.BrokerAddr, dir)
	killed := untilRead(t, dir)
	central.Terminate()
	fresh := t.TempDir()
	second := historian(t, b.BrokerAddr, fresh)
	once := untilRead(t, fresh)
	second.Terminate()
	if killed != once {
		t.Errorf("after kills\n%s\nread once\n%s", killed, once)
	}
	var a ledger.Uptime
	if err := json.Unmarshal([]byte(once), &a); err != nil {
		t.Fatal(err)
	}
	for n, p := range a.Ports {
		if want := int64(n) * time.Hour.Microseconds(); p.Down != want || p.Unwatched != 0 || p.Up+p.Down != 31*24*time.Hour.Microseconds() {
			t.Errorf("%s: up %d, down %d, unwatched %d; want down %d", p.CP, p.Up, p.Down, p.Unwatched, want)
		}
	}
	if len(a.Ports) != 6 {
		t.Errorf("%d ports", len(a.Ports))
	}
}

// TestReportAtAPosition: what was reported is reported again after more has come, after an
// exclusion, from the folder and from a backup.
func TestReportAtAPosition(t *testing.T) {
	b := testbed.New(t)
	b.StartBroker()
	dir := t.TempDir()
	down := outage{at("2026-10-05 00:00"), at("2026-10-06 00:00")}
	events := generated("CP_001", at("2026-09-30 00:00"), at("2026-11-02 00:00"), down)
	middle := len(events) * 99 / 100
	produce(t, b.BrokerAddr, recordsOf(events[:middle])...)
	central := historian(t, b.BrokerAddr, dir)
	first := untilRead(t, dir)
	text := answerTo(t, dir, "report", "--definition", "plain", "--month", "2026-10")
	_, position, found := strings.Cut(text, "Position ")
	position, _, _ = strings.Cut(position, ",")
	if !found {
		t.Fatalf("no position in\n%s", text)
	}
	produce(t, b.BrokerAddr, recordsOf(events[middle:])...)
	late := generated("CP_002", at("2026-10-01 00:00"), at("2026-11-02 00:00")) // was offline until now
	produce(t, b.BrokerAddr, recordsOf(late)...)
	testbed.Until(t, "the late events", func() bool { return strings.Count(untilRead(t, dir), `"cp_id"`) == 2 })
	if got := answerTo(t, dir, append(october, "--at", position)...); got != first {
		t.Errorf("at %s\n%s\nwant\n%s", position, got, first)
	}
	answerTo(t, dir, "exclude", "add", "CP_001", "--from", "2026-10-05 06:00", "--to", "2026-10-05 18:00", "--reason", "grid", "--who", "=cmd|' /C calc'!A0", "--note", "<script>alert(1)</script>")
	nevi := []string{"report", "--definition", "nevi", "--month", "2026-10"}
	excluded := answerTo(t, dir, append(nevi, "--format", "csv")...)
	if !strings.Contains(excluded, "2026-10-05T00:00:00Z,2026-10-06T00:00:00Z,1440.000,refused,") || !strings.Contains(excluded, ",720.000,grid by =cmd|") {
		t.Errorf("excluded:\n%s", excluded)
	}
	list := answerTo(t, dir, "exclude", "list")
	if !strings.Contains(list, "1  CP_001, 2026-10-05 06:00:00 to 2026-10-05 18:00:00, grid: by =cmd") {
		t.Errorf("listed: %q", list)
	}
	answerTo(t, dir, "exclude", "withdraw", "1")
	if again := answerTo(t, dir, append(nevi, "--format", "csv")...); strings.Contains(again, "grid") {
		t.Errorf("withdrawn:\n%s", again)
	}
	status := answerTo(t, dir, "status")
	for _, want := range []string{"0 activated, 0 faulted, 0 disconnected", "History: topic monitor-events at {\"0\":", ", 0 records behind, newest event ", "0 of them by no Monitor"} {
		if !strings.Contains(status, want) {
			t.Errorf("no %q in\n%s", want, status)
		}
	}
	backup := filepath.Join(t.TempDir(), "copy.db")
	answerTo(t, dir, "backup", backup)
	running := answerTo(t, dir, append(nevi, "--format", "json")...)
	central.Terminate()
	for what, args := range map[string][]string{"stopped": {"--state-dir", dir}, "backup": {"--backup", backup}} {
		got, stderr, code := output(t, append(append(nevi, "--format", "json"), args...)...)
		if got != running || code != cli.ExitOK {
			t.Errorf("%s: %s%s\nwant\n%s", what, got, stderr, running)
		}
		if got, _, _ := output(t, append(append(october, "--at", position), args...)...); got != first {
			t.Errorf("%s at %s\n%s\nwant\n%s", what, position, got, first)
		}
	}
	restored := t.TempDir()
	content, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(restored, "history.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	central = historian(t, b.BrokerAddr, restored)
	if got := answerTo(t, restored, append(nevi, "--format", "json")...); got != running {
		t.Errorf("restored\n%s\nwant\n%s", got, running)
	}
	central.Terminate()
	if story := answerTo(t, dir, "history", "CP_001", "--since", "40d"); !strings.Contains(story, "down: refused, 24h") || !strings.Contains(story, "recovered 2026-10-06 00:00:00") {
		t.Errorf("history:\n%s", story)
	}
}

// TestFirstMonitorsTopic: a topic that the first EV_CP_M began, and ours continued.
func TestFirstMonitorsTopic(t *testing.T) {
	b := testbed.New(t)
	b.StartBroker()
	dir := t.TempDir()
	var records []kgo.Record
	begin := at("2026-10-01 00:00").Unix()
	for n := range 120 {
		status, failures := "OK", 0
		if n >= 60 && n < 70 {
			status, failures = "KO", n-59
		}
		records = append(records, kgo.Record{Value: fmt.Appendf(nil, `{"cp_id": "CP_001", "monitor_id": "EV_CP_M", "action": "health_check", "status": %q, "engine_response": %q, "consecutive_failures": %d, "timestamp": %d.25}`, status, status, failures, begin+int64(n))})
	}
	records = append(records, kgo.Record{Value: []byte(`{"cp_id": "CP_001", "monitor_id": "EV_CP_M", "action": "report_engine_failure", "timestamp": 1790812862.0, "central_response": "Failure report received"}`)})
	produce(t, b.BrokerAddr, append(records, recordsOf(generated("CP_001", at("2026-10-01 01:00"), at("2026-11-01 02:00")))...)...)
	central := historian(t, b.BrokerAddr, dir)
	text := untilRead(t, dir)
	if !strings.Contains(text, "They are not numbered: gaps can't be seen.") || !strings.Contains(text, `"us":10000000,"cause":"KO"`) {
		t.Errorf("report: %s", text)
	}
	if story := answerTo(t, dir, "history", "CP_001"); strings.Count(story, "(not numbered: gaps can't be seen)") != 3 {
		t.Errorf("history:\n%s", story)
	}
	central.Terminate()
}
