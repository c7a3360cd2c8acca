package dashboard

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"evcp/internal/central"
)

// Health, status and metrics agree with the messages that Central was sent.
func TestHealthAndMetrics(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	s.monitor("EV_CP_M CP_001 registration request", "EV_CP_M CP_001 heartbeat OK", "EV_CP_M CP_001 ENGINE_FAILURE", "EV_CP_M CP_001 heartbeat KO")
	s.monitor("EV_CP_M CP_002 registration request", "EV_CP_M CP_002 ENGINE_FAILURE", "EV_CP_M CP_002 ENGINE_RECOVERED", "EV_CP_M CP_003 ENGINE_FAILURE")
	for _, path := range []string{"healthz", "readyz"} {
		if a := get(t, s.url+path); a.code != 200 {
			t.Errorf("%s: %d %s", path, a.code, a.body)
		}
	}
	a := get(t, s.url+"metrics")
	problems, err := promlint.New(strings.NewReader(a.body)).Lint()
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if err != nil || a.header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("%v, %s", err, a.header.Get("Content-Type"))
	}
	for _, line := range []string{
		`evcentral_charge_points{state="activated"} 1`, `evcentral_charge_points{state="faulted"} 1`, `evcentral_charge_points{state="disconnected"} 0`,
		`evcentral_incident_open{cp_id="CP_001",site="",state="faulted",cause="heartbeat_ko"} 1`, `evcentral_incident_open_excess 0`,
		`evcentral_charge_points_unverified 0`, `evcentral_charge_points_last_known_faulted 0`, `evcentral_unverified_excess 0`,
		`evcentral_incidents_total{cause="engine_failure"} 2`, `evcentral_reports_total{kind="failure",result="received"} 2`,
		`evcentral_reports_total{kind="failure",result="not_registered"} 1`, `evcentral_reports_total{kind="recovery",result="received"} 1`,
		`evcentral_messages_total{message="registration"} 2`, `evcentral_messages_total{message="heartbeat"} 2`,
		`evcentral_certificate_refusals_total{reason="no_certificate"} 0`, `evcentral_tls_connections_cut_total 0`,
		`evcentral_registrations_denied_total 0`, `evcentral_connections 2`,
	} {
		if !strings.Contains(a.body, "\n"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	checkDocumented(t, a.body)
	var about map[string]any
	a = get(t, s.url+"api/v1/status")
	if err := json.Unmarshal([]byte(a.body), &about); err != nil || about["program"] != "ev-central" || about["healthy"] != true || about["listens"] != s.monitors || about["tls_listens"] != "" {
		t.Errorf("%v %s", err, a.body)
	}
	if err := judges(s.central, time.Now().Add(time.Minute)); err == nil || !strings.Contains(err.Error(), "stands still") {
		t.Errorf("a Central that checked nothing for a minute: %v", err)
	}
}

// checkDocumented compares the metrics with the table of docs/OPERATIONS.md.
func checkDocumented(t *testing.T, metrics string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	names := func(text, pattern string) (all []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
		slices.Sort(all)
		return all
	}
	_, table, _ := strings.Cut(string(page), "\n## Metrics\n")
	table = regexp.MustCompile("`evcentral_alerts_[a-z_]+`").ReplaceAllString(table, "") // only with --alert-file or --deadman-file
	table, _, _ = strings.Cut(table, "\n## ")
	if shown, listed := names(metrics, `(?m)^# TYPE (\S+) `), names(table, "`((?:evcentral|process)_[a-z_]+)`"); !slices.Equal(shown, listed) {
		t.Errorf("shows %v\ndocs/OPERATIONS.md lists %v", shown, listed)
	}
}

// A Central that does not listen yet is not ready.
func TestNotListeningYet(t *testing.T) {
	c, err := central.New(central.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := New(Options{Central: c, Version: "test", Access: AccessRules{PublicBoard: true}}).endpoints().Ready(); err == nil {
		t.Error("ready before it listens")
	}
}
