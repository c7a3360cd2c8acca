package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
	"evcp/internal/cli"
	"evcp/internal/generator"
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
func generated(cp evcp.CPID, from, to time.Time, down ...outage) []evcp.Event {
	w := generator.Watch{
		CP: cp, From: evcp.StampOf(from), To: evcp.StampOf(to),
		Policy: evcp.Policy{Fall: 1, Rise: 1, Instance: "site-7", Interval: 900 * time.Second, Timeout: 9 * time.Second},
	}
	for _, d := range down {
		w.Down = append(w.Down, generator.Outage{From: evcp.StampOf(d.from), To: evcp.StampOf(d.to)})
	}
	return slices.Collect(w.Events())
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

// untilRead waits until so many records of the topic are read, all that there are, and returns the
// report.
func untilRead(t *testing.T, dir string, records int) string {
	t.Helper()
	at := fmt.Sprintf(` at {"0":%d}, 0 records behind`, records)
	testbed.Until(t, at, func() bool { return strings.Contains(answerTo(t, dir, "status"), at) })
	return answerTo(t, dir, october...)
}

// TestKilledCentralCountsOnce: a Central that is killed again and again while it reads has
// the same report in the end as one that reads the topic from its beginning.
func TestKilledCentralCountsOnce(t *testing.T) {
	t.Parallel()
	b := testbed.New(t)
	b.StartBroker()
	begin, end := at("2026-09-30 00:00"), at("2026-11-01 02:00")
	dir, total := t.TempDir(), 0
	for n := range 6 {
		cp := evcp.CPID(fmt.Sprintf("CP_%03d", n))
		events := generated(cp, begin, end, outage{at("2026-10-05 00:00"), at("2026-10-05 00:00").Add(time.Duration(n) * time.Hour)})
		for part := range 3 {
			records := recordsOf(events[part*len(events)/3 : (part+1)*len(events)/3])
			central := historian(t, b.BrokerAddr, dir)
			total += len(records) + 2
			produce(t, b.BrokerAddr, append(records, kgo.Record{Value: []byte("garbage")}, records[0])...)
			output(t, append(october, "--state-dir", dir)...) // a part is read, and on disk; the rest is under way
			central.Signal(syscall.SIGKILL)
			central.Wait()
		}
	}
	central := historian(t, b.BrokerAddr, dir)
	killed := untilRead(t, dir, total)
	central.Terminate()
	fresh := t.TempDir()
	second := historian(t, b.BrokerAddr, fresh)
	once := untilRead(t, fresh, total)
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
	t.Parallel()
	b := testbed.New(t)
	b.StartBroker()
	dir := t.TempDir()
	down := outage{at("2026-10-05 00:00"), at("2026-10-06 00:00")}
	events := generated("CP_001", at("2026-09-30 00:00"), at("2026-11-02 00:00"), down)
	middle := len(events) * 99 / 100
	produce(t, b.BrokerAddr, recordsOf(events[:middle])...)
	central := historian(t, b.BrokerAddr, dir)
	first := untilRead(t, dir, middle)
	text := answerTo(t, dir, "report", "--definition", "plain", "--month", "2026-10")
	_, position, found := strings.Cut(text, "Position ")
	position, _, _ = strings.Cut(position, ",")
	if !found {
		t.Fatalf("no position in\n%s", text)
	}
	produce(t, b.BrokerAddr, recordsOf(events[middle:])...)
	late := generated("CP_002", at("2026-10-01 00:00"), at("2026-11-02 00:00")) // was offline until now
	produce(t, b.BrokerAddr, recordsOf(late)...)
	if all := untilRead(t, dir, len(events)+len(late)); strings.Count(all, `"cp_id"`) != 2 {
		t.Fatalf("the late events are not there:\n%s", all)
	}
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

// firstMonitorsRecords are two minutes of the first EV_CP_M at a check a second: its four events,
// none of them numbered. From the 61st check on ten fail.
func firstMonitorsRecords(begin time.Time) (all []kgo.Record) {
	say := func(format string, args ...any) {
		all = append(all, kgo.Record{Value: fmt.Appendf(nil, format, args...)})
	}
	say(`{"cp_id": "CP_001", "monitor_id": "EV_CP_M", "action": "authenticated_with_central", "central_response": "Authentication successful", "timestamp": %d.0}`, begin.Unix())
	say(`{"cp_id": "CP_001", "monitor_id": "EV_CP_M", "action": "connected_to_engine", "engine_response": "OK", "timestamp": %d.1}`, begin.Unix())
	for n := range 120 {
		status, failures := "OK", 0
		if n >= 60 && n < 70 {
			status, failures = "KO", n-59
		}
		say(`{"cp_id": "CP_001", "monitor_id": "EV_CP_M", "action": "health_check", "status": %q, "engine_response": %q, "consecutive_failures": %d, "timestamp": %d.25}`, status, status, failures, begin.Unix()+int64(n))
		if failures == 3 {
			say(`{"cp_id": "CP_001", "monitor_id": "EV_CP_M", "action": "report_engine_failure", "timestamp": %d.3, "central_response": "Failure report received"}`, begin.Unix()+int64(n))
		}
	}
	return all
}

// TestFirstMonitorsTopic: a topic that the first EV_CP_M began, and ours continued an hour later.
// October has 31 x 86,400 = 2,678,400 s. The first one is up from 00:00:00.25 to 00:02:00.25 but
// for 10 s, that is 110 s; then nobody watches for 3,600 - 120.25 = 3,479.75 s; ours is up from
// 01:00 on, 2,678,400 - 3,600 = 2,674,800 s.
func TestFirstMonitorsTopic(t *testing.T) {
	t.Parallel()
	b := testbed.New(t)
	b.StartBroker()
	dir, pages := t.TempDir(), testbed.FreeAddr(t)
	records := firstMonitorsRecords(at("2026-10-01 00:00"))
	records = append(records, recordsOf(generated("CP_001", at("2026-10-01 01:00"), at("2026-11-01 02:00")))...)
	produce(t, b.BrokerAddr, records...)
	central := start(t, "--listen", "127.0.0.1:0", "--http", pages, "--state-dir", dir, "--kafka-brokers", b.BrokerAddr)
	central.Stderr.Line("started")
	text := untilRead(t, dir, len(records))
	for _, want := range []string{
		"They are not numbered: gaps can't be seen.", `"up_us":2674910000000,"down_us":10000000,"unwatched_us":3479750000,`,
		`"outages":[{"from":"2026-10-01T00:01:00.25Z","to":"2026-10-01T00:01:10.25Z","us":10000000,"cause":"KO",`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if story := answerTo(t, dir, "history", "CP_001"); strings.Count(story, "(not numbered: gaps can't be seen)") != 3 {
		t.Errorf("history:\n%s", story)
	}
	if status := answerTo(t, dir, "status"); !strings.Contains(status, " 0 of them by no Monitor") {
		t.Errorf("status:\n%s", status)
	}
	type segment struct {
		State       string
		Us          int64
		Cause       string
		NotNumbered bool `json:"not_numbered"`
		Estimated   bool
	}
	var page struct {
		Segments  []segment
		Incidents []struct{ Cause, Recovered string }
	}
	const window = "?from=2026-10-01T00:00:00Z&to=2026-10-02T00:00:00Z"
	answered(t, pages, "/api/v1/cps/CP_001/segments"+window, &page)
	for i := range page.Segments {
		page.Segments[i].Estimated = false // the interval of the first one's checks is
	}
	if want := []segment{
		{"up", 60_000_000, "", true, false}, {"down", 10_000_000, "KO", true, false}, {"up", 50_000_000, "", true, false},
		{"unwatched", 3_479_750_000, "no_check", false, false},
	}; len(page.Segments) != 5 || !slices.Equal(page.Segments[:4], want) || page.Segments[4].NotNumbered || page.Segments[4].State != "up" {
		t.Errorf("segments: %+v", page.Segments)
	}
	answered(t, pages, "/api/v1/cps/CP_001/incidents"+window, &page)
	if len(page.Incidents) != 1 || page.Incidents[0].Cause != "KO" || page.Incidents[0].Recovered != "2026-10-01T00:01:10.25Z" {
		t.Errorf("incidents: %+v", page.Incidents)
	}
	central.Terminate()
}

// answered reads an answer of the API.
func answered(t *testing.T, address, path string, into any) {
	t.Helper()
	resp, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
}
