package remote_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"evcp"
	"evcp/internal/engine"
	"evcp/internal/engine/remote"
)

// serve starts an Engine and its HTTP server; current is its behaviour.
func serve(t *testing.T) (url string, current func() string) {
	t.Helper()
	e := engine.New(engine.Options{})
	s := httptest.NewServer(remote.Control{
		Engine: e, Assign: func(_ context.Context, a engine.Assignment) error { return e.Assign(a) },
	}.Handler())
	t.Cleanup(s.Close)
	return s.URL + "/api/v1/behaviour", func() string { return e.Behaviour().String() }
}

// request sends a request, and checks that an error is JSON.
func request(t *testing.T, method, url, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= 400 {
		var e struct {
			Detail  string
			Allowed []string
		}
		if err := json.Unmarshal(got, &e); err != nil || e.Detail == "" || resp.Header.Get("Content-Type") != "application/problem+json" ||
			resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %d %s (%v)", method, url, resp.StatusCode, got, err)
		}
	}
	return resp.StatusCode, string(got)
}

func TestBehavioursByHTTP(t *testing.T) {
	url, current := serve(t)
	if code, body := request(t, "GET", url, "", ""); code != 200 || body != `{"behaviour":"ok","about":"answers OK"}`+"\n" {
		t.Errorf("at first: %d %s", code, body)
	}
	for _, c := range []struct {
		contentType, body string
		code              int
		behaviour, reply  string
	}{
		{"", "ko", 200, "ko", `"ko"`},
		{"application/x-www-form-urlencoded", "slow=1.5s\n", 200, "slow=1.5s", `"slow=1.5s"`}, // as curl -d sends it
		{"application/json; charset=utf-8", `{"behaviour": "say=BROKEN"}`, 200, "say=BROKEN", `"say=BROKEN"`},
		{"", ` {"behaviour": "mute"}`, 200, "mute", "never answers"},
		{"", "", 400, "mute", "no such behaviour; choose ok"},
		{"", "dance", 400, "mute", "no such behaviour; choose ok"},
		{"", "slow=-1s", 400, "mute", "how slow is a duration"},
		{"application/json", `"ok"`, 400, "mute", "no JSON object"},
		{"application/json", `{"behaviour": 7}`, 400, "mute", "no JSON object"},
		{"", strings.Repeat("x", 9<<10), 413, "mute", "at most 8192 bytes"},
	} {
		code, body := request(t, "PUT", url, c.contentType, c.body)
		if code != c.code || !strings.Contains(body, c.reply) || current() != c.behaviour {
			t.Errorf("PUT %.40q: %d %s, now %s", c.body, code, body, current())
		}
	}
	if code, body := request(t, "POST", url, "", "ok"); code != http.StatusMethodNotAllowed || !strings.Contains(body, `"allowed":["GET","HEAD","PUT"]`) {
		t.Errorf("POST: %d %s", code, body)
	}
	if code, body := request(t, "GET", url+"s", "", ""); code != http.StatusNotFound || !strings.Contains(body, `"allowed":["/api/v1/behaviour"]`) {
		t.Errorf("another path: %d %s", code, body)
	}
}

func TestSomeOfMany(t *testing.T) {
	e := engine.New(engine.Options{CPs: []evcp.CPID{"CP_001", "CP_002", "CP_101"}})
	s := httptest.NewServer(remote.Control{
		Engine: e, Assign: func(_ context.Context, a engine.Assignment) error { return e.Assign(a) },
	}.Handler())
	defer s.Close()
	url := s.URL + "/api/v1/behaviour"
	for _, c := range []struct {
		body  string
		code  int
		reply string
	}{
		{"CP_00* ko", 200, `{"charge_points":3,"behaviours":[{"behaviour":"ko","about":"answers KO","charge_points":2},{"behaviour":"ok","about":"answers OK","charge_points":1}]}`},
		{`{"behaviour": "mute", "of": "CP_[001-001]"}`, 200, `[{"behaviour":"ko","about":"answers KO","charge_points":1},{"behaviour":"mute"`},
		{"ok", 200, `[{"behaviour":"ok","about":"answers OK","charge_points":3}]`},
		{"CP_2* ko", 400, "no charge point is meant by this"},
		{"CP_00* refuse", 400, "refuse is for all or none"},
		{"CP_00* dance", 400, "no such behaviour; choose ok"},
		{"CP_** ko", 400, "a pattern is a part of an id with one star"},
		{`{"behaviour": "ko", "of": "0%"}`, 400, "a share is more than 0% and at most 100%"},
	} {
		if code, body := request(t, "PUT", url, "", c.body); code != c.code || !strings.Contains(body, c.reply) {
			t.Errorf("PUT %s: %d %s", c.body, code, body)
		}
	}
	if code, body := request(t, "GET", url, "", ""); code != 200 || !strings.Contains(body, `"charge_points":3`) {
		t.Errorf("GET: %d %s", code, body)
	}
}

func TestPutWhileTheEngineStops(t *testing.T) {
	w := httptest.NewRecorder()
	remote.Control{Assign: func(context.Context, engine.Assignment) error { return context.Canceled }}.Handler().
		ServeHTTP(w, httptest.NewRequest(http.MethodPut, "/api/v1/behaviour", strings.NewReader("ko")))
	if w.Code != http.StatusServiceUnavailable {
		t.Error(w.Code)
	}
}

// FuzzPut sends anything: only a valid behaviour is set.
func FuzzPut(f *testing.F) {
	f.Add("", "ko")
	f.Add("application/json", `{"behaviour":"say=\"OK\\r\""}`)
	f.Add("application/json;;=", "{")
	f.Add("text/plain", "slow=99999999999h")
	f.Add("text/plain", "CP_00* ko")
	f.Add("application/json", `{"behaviour":"ko","of":"50%"}`)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		set := false
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPut, "/api/v1/behaviour", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		e := engine.New(engine.Options{CPs: []evcp.CPID{"CP_001", "CP_002"}})
		remote.Control{Engine: e, Assign: func(_ context.Context, a engine.Assignment) error {
			err := e.Assign(a)
			set = err == nil
			return err
		}}.Handler().ServeHTTP(w, r)
		if b := e.Behaviour(); engine.MustBehaviour(b.String()).String() != b.String() {
			t.Errorf("%q became %q", body, b.String())
		}
		if set != (w.Code == http.StatusOK) {
			t.Errorf("%q: set %v, answered %d", body, set, w.Code)
		}
	})
}
