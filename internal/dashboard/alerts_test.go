package dashboard

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

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

// The board says which receiver of alerts fails, since when and why, as text; and no more when it
// works.
func TestPageShowsAlertsThatFail(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	s.monitor("EV_CP_M CP_001 registration request", "EV_CP_M CP_001 ENGINE_FAILURE")
	var failing atomic.Bool
	failing.Store(true)
	report := func() notify.AlertReport {
		r := notify.ReceiverReport{Scheme: "slack+https", Host: "hooks.slack.com"}
		if failing.Load() {
			r.Waiting, r.FailingSince, r.LastError = 2, time.Now().Add(-time.Minute).Truncate(time.Second), "500 <script>alert(1)</script>"
		}
		return notify.AlertReport{Receivers: []notify.ReceiverReport{r}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	page := httptest.NewUnstartedServer(New(Options{Central: s.central, Alerts: AlertSource{Report: report}, Access: AccessRules{PublicBoard: true}}))
	page.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	page.Start()
	defer page.Close()
	defer cancel()
	b.do(chromedp.Navigate(page.URL + "/?lang=en"))
	const line = `document.querySelector('[data-k="untold"]')`
	b.waitFor("what people were not told", line+` && !`+line+`.hidden && `+line+`.textContent.startsWith('Alerts do not reach hooks.slack.com since ') && `+line+`.textContent.endsWith('; 2 wait. 500 <script>alert(1)</script>')`)
	failing.Store(false)
	b.waitFor("that all were told", line+`.hidden`)
}
