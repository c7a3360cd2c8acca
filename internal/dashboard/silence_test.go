package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"evcp"
)

// silentCP is a charge point whose last message came so long ago.
func silentCP(id evcp.CPID, state, reason string, ago, gap time.Duration, now time.Time) cpJSON {
	last, status, beat := now.Add(-ago), "OK", gap.Seconds()
	c := cpJSON{
		CP: id, State: state, Reason: reason, Since: secondsOf(last), LastSeen: secondsOf(last), Registered: secondsOf(now.Add(-400 * 24 * time.Hour)),
		Status: &status, LastBeat: secondsOf(last), HeartbeatGap: &beat, Heartbeats: "OOOOOOOO", Speakers: 1,
	}
	if gap == 0 { // Central does not know yet, or again
		c.LastBeat, c.HeartbeatGap, c.Heartbeats = 0, nil, ""
	}
	return c
}

// serveSnapshot serves the page with one snapshot that never changes. Central's clock in
// it stands still, and the page follows Central's, not its own.
func serveSnapshot(t *testing.T, now time.Time, cps ...cpJSON) (url string) {
	t.Helper()
	mux := http.NewServeMux()
	for name, file := range assets() {
		mux.Handle("GET "+name, file)
	}
	shown := make([]boardCPJSON, len(cps))
	for i, cp := range cps {
		shown[i].cpJSON = cp
	}
	body, err := json.Marshal(snapshotJSON{deltaJSON: deltaJSON{Now: secondsOf(now), CPs: shown, Changes: []changeJSON{}, Feed: []feedJSON{}}, Started: secondsOf(now)})
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan struct{})
	mux.HandleFunc("GET /api/v1/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "event: snapshot\ndata: %s\n\n", body)
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-end:
				return
			case <-time.After(time.Second):
				fmt.Fprintf(w, "event: beat\ndata: {\"now\":%d}\n\n", now.Unix())
			}
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() { close(end); server.CloseClientConnections(); server.Close() })
	return server.URL + "/"
}

// The page shows charge points whose last message came seconds, hours and months ago.
func TestAgeOfTheLastMessage(t *testing.T) {
	b := chromium(t)
	now := time.Now()
	// Central's clock stands still, so the page's text does not change.
	url := serveSnapshot(t, now,
		silentCP("CP_HOURS", "disconnected", "silent", 3*time.Hour+12*time.Minute+5*time.Second, 5*time.Second, now),
		silentCP("CP_MONTHS", "disconnected", "said_goodbye", 112*24*time.Hour+time.Minute, 5*time.Second, now),
		silentCP("CP_AGAIN", "disconnected", "central_restarted", 30*time.Hour+time.Second, 0, now),
		silentCP("CP_FAST", "activated", "heartbeat_ok", 9*time.Second, time.Second, now))
	b.do(chromedp.Navigate(url + "?lang=en"))
	shows := func(id, field, js string) {
		t.Helper()
		b.waitFor(id+": "+js, fmt.Sprintf(tile, id)+`?.querySelector('[data-k="`+field+`"]').textContent.replaceAll("\u00a0", " ")`+js)
	}
	shows("CP_HOURS", "seen", ` === "heard 3 h 12 min ago"`)
	shows("CP_HOURS", "beats", `.startsWith("last heartbeat ")`)
	shows("CP_MONTHS", "seen", ` === "heard 112 d 00 h ago"`)
	shows("CP_AGAIN", "seen", ` === "heard 30 h 00 min ago"`)
	shows("CP_AGAIN", "beats", `.trim() === ""`)
	shows("CP_FAST", "beats", `.startsWith("no heartbeat for ")`)
	b.waitFor("no lower bound while the page is live", `!document.body.innerText.includes("≥")`)
	b.do(chromedp.Click(`[data-lang="es"]`))
	shows("CP_HOURS", "seen", ` === "oído hace 3 h 12 min"`)
	shows("CP_HOURS", "beats", `.startsWith("último latido ")`)
	shows("CP_FAST", "beats", `.startsWith("sin latidos desde hace ")`)
}
