package watch_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/explain"
	"evcp/internal/status"
	"evcp/internal/testbed"
	"evcp/internal/watch"
)

// TestThreeChargePoints runs one Monitor for three. All are registered and checked, one
// fails and recovers while the others stay OK, and the events of all are on the topic.
func TestThreeChargePoints(t *testing.T) {
	bed, dir := testbed.New(t), t.TempDir()
	bed.StartCentral(central.Options{})
	bed.StartBroker()
	topic := bed.ReadTopic()
	var sick atomic.Value
	sick.Store("OK")
	ok := func(string) string { return "OK" }
	replies := map[evcp.CPID]func(string) string{"CP_001": ok, "CP_002": func(string) string { return sick.Load().(string) }, "CP_003": ok}
	var targets []watch.Target
	for cp, reply := range replies {
		engine := testbed.NewTextPeer(t, testbed.FreeAddr(t), false, reply)
		targets = append(targets, watch.Target{CP: cp, Address: engine.Address})
	}
	w := start(t, bed, "", dir, func(o *watch.Options) { o.Targets, o.Fleet = targets, &watch.Fleet{Name: "fleet"} })
	all := func(state string) {
		for cp := range replies {
			bed.UntilCentralState(cp, state)
		}
	}
	all("activated")
	sick.Store("KO")
	bed.UntilCentralState("CP_002", "faulted")
	for _, cp := range []evcp.CPID{"CP_001", "CP_003"} {
		if state, _ := bed.CentralState(cp); state != "activated" {
			t.Errorf("%s is %s while CP_002 is faulted", cp, state)
		}
	}
	oneFailed(t, filepath.Join(dir, "fleet"))
	sick.Store("OK")
	all("activated")
	bed.Until("the receipt of the recovery", func() bool { return topic.Count(evcp.ReportEngineRecovery) == 1 })
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	bed.Until("the last event of each", func() bool { return topic.Count(evcp.MonitorStopped) == len(replies) })
	all("disconnected")
	topic.CheckSequence()
	counts := map[evcp.CPID]map[evcp.Action]int{}
	for _, r := range topic.Records() {
		if r.Err != nil || r.Key != string(r.Event.CP) {
			t.Fatalf("key %q, record %s (%v)", r.Key, r.Value, r.Err)
		}
		if counts[r.Event.CP] == nil {
			counts[r.Event.CP] = map[evcp.Action]int{}
		}
		counts[r.Event.CP][r.Event.Action]++
	}
	for cp := range replies {
		incidents := 0
		if cp == "CP_002" {
			incidents = 1
		}
		for action, want := range map[evcp.Action]int{
			evcp.MonitorStarted: 1, evcp.AuthenticatedWithCentral: 1, evcp.ConnectedToEngine: 1, evcp.MonitorStopped: 1,
			evcp.EngineFailed: incidents, evcp.ReportEngineFailure: incidents, evcp.EngineRecovered: incidents, evcp.ReportEngineRecovery: incidents,
		} {
			if n := counts[cp][action]; n != want {
				t.Errorf("%d %s of %s, want %d", n, action, cp, want)
			}
		}
		if n := counts[cp][evcp.HealthCheck]; n < 3 {
			t.Errorf("%d checks of %s", n, cp)
		}
		if line := " cp=" + string(cp) + " msg=\"accepted by Central"; w.count(line) != 1 {
			t.Errorf("%d times in the log: %s", w.count(line), line)
		}
	}
	if len(counts) != len(replies) {
		t.Errorf("events of %d charge points", len(counts))
	}
	if !w.logs(`msg="stopped: Central told, 0 events waiting, state kept"`) {
		t.Error("the log does not say that it stopped")
	}
}

// oneFailed asks the Monitor itself while CP_002 is failed.
func oneFailed(t *testing.T, folder string) {
	t.Helper()
	var d explain.MonitorStatus
	ask(t, folder, status.StatusPath, http.StatusOK, &d)
	f := d.Fleet
	if f == nil || f.Total != 3 || f.States["OK"] != 2 || f.States["KO"] != 1 || f.Central.Sessions["registered"] != 3 || len(d.ChargePoints) != 0 ||
		len(f.NotWell) != 1 || f.NotWell[0].CP != "CP_002" || f.NotWell[0].State != "KO" || f.NotWell[0].Cause != "said_ko" || f.NotWell[0].Incident == "" ||
		len(f.Sites) != 1 || f.Sites[0] != (explain.SiteStatus{OK: 2, Failed: 1}) {
		t.Fatalf("%+v", f)
	}
	pages(t, folder)
	for _, id := range []string{"CP_001", "CP_002"} {
		var c explain.ChargePointStatus
		ask(t, folder, "/api/v1/cps/"+id, http.StatusOK, &c)
		want := map[string]string{"CP_001": "OK", "CP_002": "KO"}[id]
		if c.State != want || (c.Incident != nil) != (want == "KO") || len(c.Checks) == 0 || len(c.Next) == 0 || c.Central.State != "registered" {
			t.Errorf("%+v", c)
		}
		for _, check := range c.Checks {
			if want == "OK" && check.Status == "KO" {
				t.Errorf("%s has a check of another", c.CP)
			}
		}
	}
	_, metrics := getFrom(t, folder, status.MetricsPath)
	for _, line := range []string{
		`evcp_charge_points{state="OK"} 2`, `evcp_charge_points{state="KO"} 1`, `evcp_central_sessions{state="registered"} 3`,
		`evcp_incident_open{cp_id="CP_002",site="",cause="said_ko"} 1`,
	} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}

// ask decodes what a path of the Monitor's socket answers.
func ask(t *testing.T, folder, path string, code int, into any) {
	t.Helper()
	if got, body := getFrom(t, folder, path); got != code || json.Unmarshal([]byte(body), into) != nil {
		t.Fatalf("%s: %d %s", path, got, body)
	}
}

// pages walks through the list of charge points, whole and filtered, and asks for what there
// is not.
func pages(t *testing.T, folder string) {
	t.Helper()
	for query, want := range map[string]string{
		"": "CP_001 CP_002 CP_003", "?limit=2": "CP_001 CP_002 | CP_003", "?limit=1": "CP_001 | CP_002 | CP_003",
		"?state=KO": "CP_002", "?state=OK,KO&limit=2": "CP_001 CP_002 | CP_003", "?state=MONITORING": "", "?site=": "CP_001 CP_002 CP_003",
	} {
		var got []string
		for next := ""; ; {
			var page explain.CPList
			address := "/api/v1/cps" + query
			if next != "" {
				address += "&cursor=" + next
			}
			ask(t, folder, address, http.StatusOK, &page)
			for _, c := range page.ChargePoints {
				got = append(got, string(c.CP))
			}
			if page.Next == nil {
				break
			}
			next = *page.Next
			got = append(got, "|")
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s lists %s, want %s", query, text, want)
		}
	}
	for path, want := range map[string]string{
		"?state=BROKEN": `{"title":"Bad Request","status":400,"detail":"state can't be \"BROKEN\"","allowed":["OK","KO","CONNECTION_ERROR","MONITORING"]}`,
		"?limit=0":      `{"title":"Bad Request","status":400,"detail":"limit can't be \"0\": a number from 1 to 1000"}`,
		"?page=2":       `{"title":"Bad Request","status":400,"detail":"unknown parameter page","allowed":["cursor","limit","site","state"]}`,
		"?site=Nowhere": `{"title":"Bad Request","status":400,"detail":"site can't be \"Nowhere\"","allowed":[""]}`,
		"?cursor=a%20b": `{"title":"Bad Request","status":400,"detail":"cursor can't be \"a b\": take next of the page before"}`,
		"/CP_777":       `{"title":"Not Found","status":404,"detail":"there is no charge point CP_777 here; /api/v1/cps lists those that are"}`,
	} {
		if code, body := getFrom(t, folder, "/api/v1/cps"+path); code < 400 || code >= 500 || strings.TrimSpace(body) != want {
			t.Errorf("%s: %d %s, want %s", path, code, body, want)
		}
	}
}

// TestTargets refuses a Monitor that would have no charge point, or one of them twice.
func TestTargets(t *testing.T) {
	for want, targets := range map[string][]watch.Target{
		"no charge point to watch":              nil,
		"charge point CP_002 is a target twice": {{CP: "CP_001", Address: "a:1"}, {CP: "CP_002", Address: "b:1"}, {CP: "CP_002", Address: "c:1"}},
	} {
		dir := t.TempDir()
		if err := watch.Run(t.Context(), watch.Options{Targets: targets, Fleet: &watch.Fleet{Name: "fleet"}, StateDir: dir}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if kept, err := os.ReadDir(dir); err != nil || len(kept) > 0 {
			t.Errorf("%s: the state folder has %v (%v)", want, kept, err)
		}
	}
}
