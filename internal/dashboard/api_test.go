package dashboard

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"evcp/internal/central"
)

// httpResponse is a response that has been read.
type httpResponse struct {
	code   int
	header http.Header
	body   string
}

func get(t *testing.T, url string) httpResponse {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return httpResponse{resp.StatusCode, resp.Header, string(body)}
}

func TestListOfChargePoints(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	if a := get(t, s.url+"api/v1/cps"); a.body != "[]\n" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("empty: %q, %s", a.body, a.header.Get("Content-Type"))
	}
	before := float64(time.Now().UnixMilli()) / 1000
	s.monitor("EV_CP_M CP_002 registration request")
	s.monitor("EV_CP_M CP_001 registration request", "EV_CP_M CP_001 heartbeat OK", "EV_CP_M CP_001 ENGINE_FAILURE", "EV_CP_M CP_001 heartbeat KO")
	body := get(t, s.url+"api/v1/cps").body
	var cps []map[string]any
	if err := json.Unmarshal([]byte(body), &cps); err != nil {
		t.Fatal(err)
	}
	if len(cps) != 2 || cps[0]["cp_id"] != "CP_001" || cps[1]["cp_id"] != "CP_002" {
		t.Fatalf("not both, or not by id: %s", body)
	}
	want := map[string]any{"state": "faulted", "reason": "engine_failure", "status": "KO", "heartbeats": "OK", "speakers": 1.0}
	for key, value := range want {
		if cps[0][key] != value {
			t.Errorf("%s is %v, want %v", key, cps[0][key], value)
		}
	}
	for _, key := range []string{"since", "last_seen", "registered", "last_heartbeat"} {
		if at, ok := cps[0][key].(float64); !ok || at < before-1 || at > before+60 {
			t.Errorf("%s is %v, want Unix seconds of now", key, cps[0][key])
		}
	}
	if cps[1]["status"] != nil || cps[1]["last_heartbeat"] != nil || cps[1]["heartbeat_gap"] != nil {
		t.Errorf("what is not known is not null: %v", cps[1])
	}
	if !regexp.MustCompile(`"since":\d{10}\.\d{3},`).MatchString(body) {
		t.Errorf("times without milliseconds: %s", body)
	}
}

func TestPageIsClosedToTheOutside(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	index := get(t, s.url)
	page, csp := index.body, index.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	if strings.Contains(page, "http://") || strings.Contains(page, "https://") || strings.Contains(page, " style=") || strings.Contains(page, "<style") {
		t.Error("the page has an outside resource or an inline style")
	}
	for _, script := range regexp.MustCompile(`<script[^>]*>`).FindAllString(page, -1) {
		if !strings.Contains(script, " src=") {
			t.Errorf("inline script %s", script)
		}
	}
	for _, file := range regexp.MustCompile(`(?:src|href)="([a-z][^"]*)"`).FindAllStringSubmatch(page, -1) {
		if a := get(t, s.url+file[1]); a.code != http.StatusOK || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d", file[1], a.code)
		}
	}
	if a := get(t, s.url+"nothing"); a.code != http.StatusNotFound {
		t.Errorf("a path that is none: %d", a.code)
	}
}

// TestOptionsOfThePage: HAProxy's "option httpchk" without a path asks so.
func TestOptionsOfThePage(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	ask, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(ask)
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		t.Errorf("OPTIONS /: %s", reply.Status)
	}
}

func TestFilesAreAskedForAgain(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	first := get(t, s.url+"js/app.js")
	if first.header.Get("Content-Type") != "text/javascript; charset=utf-8" || first.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%v", first.header)
	}
	again, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"js/app.js", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	again.Header.Set("If-None-Match", first.header.Get("ETag"))
	second, err := http.DefaultClient.Do(again)
	if err != nil {
		t.Fatal(err)
	}
	second.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if second.StatusCode != http.StatusNotModified {
		t.Errorf("unchanged file: %s", second.Status)
	}
}
