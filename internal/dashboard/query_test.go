package dashboard

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"evcp/internal/central"
)

func ids(t *testing.T, body string) string {
	t.Helper()
	var cps []struct {
		CP string `json:"cp_id"`
	}
	if err := json.Unmarshal([]byte(body), &cps); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	all := make([]string, len(cps))
	for i, cp := range cps {
		all[i] = cp.CP
	}
	return strings.Join(all, " ")
}

// testSite has a charge point of each kind: CP_1 activated, CP_2 faulted, CP_3 last known
// faulted, CP_4 MONITORING only, CP_5 never heard.
func testSite(t *testing.T) *testServer {
	t.Helper()
	list := filepath.Join(t.TempDir(), "ids")
	if err := os.WriteFile(list, []byte("CP_1\nCP_2\nCP_3\nCP_4\nCP_5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	registry, err := central.OpenRegistry(list)
	if err != nil {
		t.Fatal(err)
	}
	s := startTestServer(t, central.Options{Registry: registry}, anyPort, anyPort)
	s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_1 heartbeat OK")
	s.monitor("EV_CP_M CP_2 registration request", "EV_CP_M CP_2 ENGINE_FAILURE", "EV_CP_M CP_2 heartbeat CONNECTION_ERROR")
	s.monitor("EV_CP_M CP_3 registration request", "EV_CP_M CP_3 ENGINE_FAILURE", "EV_CP_M CP_3 heartbeat KO").Close()
	monitoring := []string{"EV_CP_M CP_4 registration request"}
	for range 11 {
		monitoring = append(monitoring, "EV_CP_M CP_4 heartbeat MONITORING")
	}
	s.monitor(monitoring...)
	deadline := time.Now().Add(patience)
	for ids(t, get(t, s.url+"api/v1/cps?state=disconnected").body) != "CP_3" {
		if time.Now().After(deadline) {
			t.Fatal("CP_3 is not disconnected")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return s
}

func TestFilters(t *testing.T) {
	s := testSite(t)
	for query, want := range map[string]string{
		"":                                           "CP_1 CP_2 CP_3 CP_4 CP_5",
		"?state=faulted":                             "CP_2",
		"?state=faulted,expected":                    "CP_2 CP_5",
		"?state=faulted&state=disconnected":          "CP_2 CP_3",
		"?unverified=true":                           "CP_4",
		"?unverified=false&state=activated":          "CP_1",
		"?last_known_fault=true":                     "CP_3",
		"?reason=never_heard,connection_lost":        "CP_3 CP_5",
		"?cp_id=CP_4,CP_1":                           "CP_1 CP_4",
		"?cp_id=CP_4&state=faulted":                  "",
		"?cp_id=CP_NONE":                             "",
		"?reason=heartbeat_connection_error,silent":  "",
		"?state=activated&reason=registered&cp_id=,": "",
	} {
		if a := get(t, s.url+"api/v1/cps"+query); a.code != http.StatusOK || ids(t, a.body) != want {
			t.Errorf("%s: %d %s, want %s", query, a.code, a.body, want)
		}
	}
	for _, line := range []string{
		`evcentral_incident_open{cp_id="CP_2",site="",state="faulted",cause="heartbeat_connection_error"} 1`,
		`evcentral_incident_open{cp_id="CP_3",site="",state="last_known_faulted",cause="heartbeat_ko"} 1`,
		`evcentral_unverified{cp_id="CP_4",site="",state="activated",cause="no_outcome"} 1`,
		`evcentral_charge_points_unverified 1`, `evcentral_charge_points_last_known_faulted 1`, `evcentral_charge_points_expected 1`,
	} {
		if !strings.Contains(get(t, s.url+"metrics").body, "\n"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	s.monitor("EV_CP_M CP_1 disconnect")
	if line := `evcentral_incident_open{cp_id="CP_1",site="",state="disconnected",cause="said_goodbye"} 1`; !strings.Contains(get(t, s.url+"metrics").body, line) {
		t.Errorf("no %s", line)
	}
}

// What is not understood is not ignored: the answer names what is allowed.
func TestErrorsOfTheAPI(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	for query, want := range map[string]struct {
		code  int
		names string
	}{
		"api/v1/cps?stat=faulted": {http.StatusBadRequest, "state"},
		"api/v1/cps?state=broken": {http.StatusBadRequest, "disconnected"},
		"api/v1/cps?state=":       {http.StatusBadRequest, "activated"},
		"api/v1/cps?unverified=1": {http.StatusBadRequest, "true"},
		"api/v1/cps?reason=tired": {http.StatusBadRequest, "said_goodbye"},
		"api/v1/cps?state=%zz":    {http.StatusBadRequest, "state"},
		"api/v1/events?state=x":   {http.StatusBadRequest, "unknown parameter state"},
		"api/v1/status?state=x":   {http.StatusBadRequest, "unknown parameter state"},
		"api/v1/chargepoints":     {http.StatusNotFound, "/api/v1/cps"},
		"api/":                    {http.StatusNotFound, "/api/v1/cps"},
	} {
		a := get(t, s.url+query)
		var said struct {
			Detail  string   `json:"detail"`
			Allowed []string `json:"allowed"`
		}
		if err := json.Unmarshal([]byte(a.body), &said); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: no JSON: %v, %s", query, err, a.body)
		}
		if a.code != want.code || said.Detail == "" || !strings.Contains(a.body, `"`+want.names+`"`) && !strings.Contains(said.Detail, want.names) {
			t.Errorf("%s: %d %s, want %d and %s", query, a.code, a.body, want.code, want.names)
		}
	}
	resp, err := http.Post(s.url+"api/v1/cps", "application/json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("POST: %s %v", resp.Status, resp.Header)
	}
}

func TestCompression(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	s.monitor("EV_CP_M CP_001 registration request")
	ask := func(path, accept string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", accept)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	defer http.DefaultClient.CloseIdleConnections()
	for _, path := range []string{"", "js/app.js", "css/tiles.css", "metrics", "api/v1/cps", "api/v1/status"} {
		resp := ask(path, "br, gzip;q=0.8")
		if resp.Header.Get("Content-Encoding") != "gzip" || resp.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v", path, resp.Header)
			resp.Body.Close()
			continue
		}
		z, err := gzip.NewReader(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		resp.Body.Close()
		plain := get(t, s.url+path).body
		if err != nil || path != "metrics" && path != "api/v1/status" && string(text) != plain { // these two differ in time
			t.Errorf("%s: %v, %d bytes, want the %d of the plain answer", path, err, len(text), len(plain))
		}
	}
	for path, accept := range map[string]string{"js/app.js": "identity", "metrics": "gzip;q=0", "fonts/atkinson-hyperlegible-next-latin-wght-normal.woff2": "gzip", "api/v1/events": "gzip"} {
		resp := ask(path, accept)
		if got := resp.Header.Get("Content-Encoding"); got != "" {
			t.Errorf("%s for %q: %s", path, accept, got)
		}
		resp.Body.Close()
	}
}
