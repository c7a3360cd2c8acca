package dashboard

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"evcp/internal/central"
	"evcp/internal/notify"
)

// What could not be sent is in the status and in the stream, there once for each change.
func TestAlertsAreShown(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	report := notify.AlertReport{Receivers: []notify.ReceiverReport{{Scheme: "slack+https", Host: "hooks.slack.com"}}}
	source := AlertSource{
		Report: func() notify.AlertReport { return report },
		Deadman: func() notify.DeadmanReport {
			return notify.DeadmanReport{Host: "hc.example.com", Withheld: "Central hears no Monitor"}
		},
	}
	page := httptest.NewServer(New(Options{Central: s.central, Alerts: source, Access: AccessRules{PublicBoard: true}}))
	defer page.Close()
	resp, err := http.Get(page.URL + "/api/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	compact := strings.Join(strings.Fields(string(body)), "")
	if want := `"alerts":{"incidents":0,"receivers":[{"scheme":"slack+https","host":"hooks.slack.com","waiting":0,"failing_since":null,"last_error":""}],"disk_error":"","deadman":{"host":"hc.example.com","pinged":null,"withheld":"CentralhearsnoMonitor","error":""}}`; err != nil || !strings.Contains(compact, want) {
		t.Errorf("%v, %s", err, compact)
	}
	cache := New(Options{Central: s.central, Alerts: source, Access: AccessRules{PublicBoard: true}}).frames
	seen := uint64(0)
	next := func() string {
		cache.boardRead = time.Time{}
		frames, now, _ := cache.after(seen)
		seen = now
		var all []string
		for _, f := range frames {
			all = append(all, string(f))
		}
		return strings.Join(all, "")
	}
	if first := next(); !strings.Contains(first, "event: snapshot") || !strings.Contains(first, `"alerts":{`) {
		t.Errorf("first %q", first)
	}
	next() // how it was before the first frame is not known
	if again := next(); again != "" {
		t.Errorf("nothing changed: %q", again)
	}
	report.Receivers = []notify.ReceiverReport{{Scheme: "slack+https", Host: "hooks.slack.com", Waiting: 2, FailingSince: time.Unix(1795895708, 0), LastError: "no answer in 10s"}}
	if changed := next(); !strings.Contains(changed, "event: delta") || !strings.Contains(changed, `"waiting":2,"failing_since":1795895708.000,"last_error":"no answer in 10s"`) {
		t.Errorf("changed: %q", changed)
	}
	if again := next(); again != "" {
		t.Errorf("nothing changed again: %q", again)
	}
}
