package watch_test

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/explain"
	"evcp/internal/status"
	"evcp/internal/systemd"
	"evcp/internal/testbed"
	"evcp/internal/watch"
)

// metricNames are a contract with everybody's dashboards and alerts.
var metricNames = []string{
	"evcp_build_info", "evcp_charge_points", "evcp_checks_total", "evcp_check_duration_seconds", "evcp_check_lateness_seconds",
	"evcp_checks_missed_total", "evcp_last_check_timestamp_seconds", "evcp_incidents_total", "evcp_incident_open",
	"evcp_reports_total", "evcp_report_delivery_seconds", "evcp_reports_pending", "evcp_reports_given_up_total", "evcp_certificate_expiry_timestamp_seconds", "evcp_central_sessions", "evcp_registration_refused",
	"evcp_outbox_bytes", "evcp_outbox_wal_bytes", "evcp_outbox_limit_bytes", "evcp_outbox_pending_events", "evcp_outbox_oldest_pending_timestamp_seconds",
	"evcp_outbox_dropped_events_total", "evcp_stalls_total", "evcp_stall_seconds_total",
	"evcp_config_last_reload_successful", "evcp_config_last_reload_success_timestamp_seconds",
	"evcp_incident_open_excess", // beyond the first list: what the cap leaves out
	"evcp_log_dropped_total",    // and what a terminal that stood still did,
	"process_cpu_seconds_total", "process_max_fds", "process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds", "process_virtual_memory_bytes",
}

// get is what the Monitor of CP_001 answers on its socket; 0 when none does.
func get(t *testing.T, dir, path string) (code int, body string) {
	t.Helper()
	return getFrom(t, filepath.Join(dir, "CP_001"), path)
}

func getFrom(t *testing.T, folder, path string) (code int, body string) {
	t.Helper()
	a, err := status.Get(t.Context(), folder, path)
	if err != nil {
		return 0, err.Error()
	}
	return a.Code, string(a.Body)
}

func document(t *testing.T, dir string) (d explain.MonitorStatus) {
	t.Helper()
	if _, body := get(t, dir, status.StatusPath); json.Unmarshal([]byte(body), &d) != nil {
		t.Fatalf("no status: %s", body)
	}
	return d
}

// TestMetricsKeepTheirNames lets Prometheus's own linter read what is shown, and
// counts against what truly happened.
func TestMetricsKeepTheirNames(t *testing.T) {
	bed, dir := testbed.Start(t), t.TempDir()
	r := bed.ReadTopic()
	start(t, bed, "CP_001", dir)
	bed.SetBehaviour("ko")
	metrics := func() string { _, body := get(t, dir, status.MetricsPath); return body }
	shows := func(line string) func() bool {
		return func() bool { return strings.Contains(metrics(), "\n"+line+"\n") }
	}
	bed.Until("the open incident", shows(`evcp_incident_open{cp_id="CP_001",site="",cause="said_ko"} 1`))
	bed.Until("the state", shows(`evcp_charge_points{state="KO"} 1`))
	bed.Until("the answered report", shows(`evcp_reports_total{kind="failure",result="received"} 1`))
	bed.SetBehaviour("ok")
	bed.Until("the recovery", shows(`evcp_reports_total{kind="recovery",result="received"} 1`))
	for _, line := range []string{
		`evcp_incidents_total{cause="said_ko"} 1`, `evcp_report_delivery_seconds_count 2`, `evcp_central_sessions{state="registered"} 1`,
		`evcp_reports_pending 0`, `evcp_registration_refused 0`,
	} {
		if !shows(line)() {
			t.Errorf("no %s", line)
		}
	}
	body := metrics()
	if strings.Contains(body, "evcp_incident_open{") {
		t.Error("a closed incident is still open")
	}
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if err != nil {
		t.Error(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllStringSubmatch(body, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	if want := slices.Sorted(slices.Values(metricNames)); !slices.Equal(names, want) {
		t.Errorf("shows %v\nwant  %v", names, want)
	}
	documented(t, names)
	counted := regexp.MustCompile(`(?m)^evcp_check_duration_seconds_count (\d+)$`).FindStringSubmatch(body)
	if len(counted) < 2 || counted[1] == "0" || r.Count(evcp.HealthCheck) == 0 {
		t.Errorf("counted %v", counted)
	}
}

// documented holds the table of docs/OPERATIONS.md to the metrics that there are.
func documented(t *testing.T, names []string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Metrics\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var listed []string
	for _, m := range regexp.MustCompile("`((?:evcp|process)_[a-z_]+)`").FindAllStringSubmatch(table, -1) {
		listed = append(listed, m[1])
	}
	slices.Sort(listed)
	if !slices.Equal(names, listed) {
		t.Errorf("shows %v\ndocs/OPERATIONS.md lists %v", names, listed)
	}
}

// TestStatusDocument asks through an incident, and after a restart in it.
func TestStatusDocument(t *testing.T) {
	bed, dir := testbed.Start(t), t.TempDir()
	w := start(t, bed, "CP_001", dir)
	bed.Until("readiness", func() bool { code, _ := get(t, dir, status.ReadyPath); return code == http.StatusOK })
	bed.SetBehaviour("ko")
	bed.Until("the answered report", func() bool {
		d := document(t, dir)
		i := d.ChargePoints[0].Incident
		return i != nil && i.Reports == 1
	})
	d := document(t, dir)
	c := d.ChargePoints[0]
	if !d.Healthy || c.State != "KO" || c.Cause != "said_ko" || c.Since != c.Incident.Since || c.Failures < 3 {
		t.Errorf("%+v", c)
	}
	if n := len(c.Checks); n == 0 || n > 20 || c.Checks[n-1].Status != "KO" || c.Checks[n-1].Response != "KO" {
		t.Errorf("last checks %+v", c.Checks)
	}
	var answered []string
	for _, x := range c.Central.Answered {
		answered = append(answered, x.Message+": "+x.Answer)
	}
	if want := []string{"registration request: Authentication successful", "ENGINE_FAILURE: Failure report received"}; !slices.Equal(answered, want) {
		t.Errorf("answered %q, want %q", answered, want)
	}
	next := map[string]bool{}
	for _, s := range c.Next {
		next[s.To+" "+s.What] = s.At >= d.Now-explain.Moment(time.Second.Microseconds())
	}
	if !next["engine health_check"] || !next["central heartbeat"] && !next["central ENGINE_FAILURE"] {
		t.Errorf("next %+v", c.Next)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if code, said := get(t, dir, status.StatusPath); code != 0 || said != status.ErrNotRunning.Error() {
		t.Errorf("after the end: %d %s", code, said)
	}
	start(t, bed, "CP_001", dir)
	bed.Until("the second process", func() bool { code, _ := get(t, dir, status.ReadyPath); return code == http.StatusOK })
	if again := document(t, dir).ChargePoints[0]; again.State != "KO" || again.Since != c.Since || again.Incident.Reports != 1 {
		t.Errorf("after a restart: %+v", again)
	}
}

// TestHealthyWithoutPeers holds that health is the Monitor's own: its peers may all be
// away.
func TestHealthyWithoutPeers(t *testing.T) {
	bed, dir := testbed.New(t), t.TempDir()
	bed.BrokerAddr = testbed.FreeAddr(t)
	start(t, bed, "CP_001", dir)
	bed.Until("readiness", func() bool { code, _ := get(t, dir, status.ReadyPath); return code == http.StatusOK })
	bed.Until("both absences", func() bool {
		d := document(t, dir)
		return d.ChargePoints[0].Central.State == "away" && d.Kafka.State == "away" && d.ChargePoints[0].State == "CONNECTION_ERROR"
	})
	if code, body := get(t, dir, status.HealthPath); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
}

// TestStandstillIsUnhealthy stops the monitor's loop and nothing else: the Monitor is
// unhealthy, over TCP too, its watchdog gets no sign of life, and both recover after.
func TestStandstillIsUnhealthy(t *testing.T) {
	bed, dir := testbed.New(t), t.TempDir()
	stopCentral := bed.StartCentral(central.Options{})
	bed.StartBroker()
	bed.StartEngine("ok")
	receiver := testbed.ReceiveNotify(t, "")
	notified := func(text string) int {
		return strings.Count(strings.Join(receiver.Received(), "\n"), text)
	}
	env := map[string]string{"NOTIFY_SOCKET": receiver.Address, "WATCHDOG_USEC": "2000000"}
	notify := systemd.Open(func(name string) string { return env[name] }, slog.Default())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var gate sync.RWMutex
	resume := sync.OnceFunc(gate.Unlock)
	w := start(t, bed, "CP_001", dir, func(o *watch.Options) {
		o.Notify, o.HTTP = notify, ln
		o.Slept = func() time.Duration {
			gate.RLock()
			slept := watch.Slept()
			gate.RUnlock()
			return slept
		}
	})
	byTCP := func() int {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get("http://" + ln.Addr().String() + status.HealthPath)
		if err != nil {
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	bed.Until("READY", func() bool { return notified("READY=1") > 0 })
	bed.Until("two signs of life", func() bool { return notified("WATCHDOG=1") > 1 })
	bed.Until("the status line", func() bool { return notified("STATUS=CP_001 OK; Central registered; Kafka connected") > 0 })
	bed.Until("health", func() bool { return byTCP() == http.StatusOK })
	gate.Lock()
	t.Cleanup(resume) // before start's own, which waits for the Monitor
	bed.Until("unhealthy", func() bool {
		code, body := get(t, dir, status.HealthPath)
		return code == http.StatusServiceUnavailable && strings.Contains(body, "stands still: no check was completed for")
	})
	if code := byTCP(); code != http.StatusServiceUnavailable {
		t.Errorf("over TCP: %d", code)
	}
	if code, _ := get(t, dir, status.ReadyPath); code != http.StatusServiceUnavailable {
		t.Errorf("ready: %d", code)
	}
	if d := document(t, dir); d.Healthy || d.Trouble == "" {
		t.Errorf("%+v", d)
	}
	// Each new status line shows that the notifier has looked for a completed check
	// just before: the first look may still find the last one, the second finds none.
	stopCentral()
	bed.Until("a look at the watch", func() bool { return notified("Central away") > 0 })
	alive, registered := notified("WATCHDOG=1"), notified("Central registered")
	bed.StartCentral(central.Options{})
	bed.Until("another look", func() bool { return notified("Central registered") > registered })
	if now := notified("WATCHDOG=1"); now > alive {
		t.Errorf("%d signs of life while no check was completed", now-alive)
	}
	resume()
	bed.Until("health again", func() bool { code, _ := get(t, dir, status.HealthPath); return code == http.StatusOK })
	bed.Until("a sign of life again", func() bool { return notified("WATCHDOG=1") > alive })
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	bed.Until("STOPPING", func() bool { return notified("STOPPING=1") == 1 })
}

// TestWatchesWithoutStatusSocket puts a folder where the socket should be.
func TestWatchesWithoutStatusSocket(t *testing.T) {
	bed, dir := testbed.Start(t), t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "CP_001", status.SocketName), 0o700); err != nil {
		t.Fatal(err)
	}
	w := start(t, bed, "CP_001", dir)
	bed.UntilCentralState("CP_001", "activated")
	bed.Until("the warning", func() bool { return w.logs("can't be asked how it does") })
}
