package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"evcp/internal/engine"
	"evcp/internal/engine/remote"
)

// serve starts an Engine and its HTTP server; current is its behaviour.
func serve(t *testing.T) (url string, current func() string) {
	t.Helper()
	e := engine.New(engine.Options{})
	s := httptest.NewServer(remote.Control{
		Behaviour: e.Behaviour,
		Set:       func(_ context.Context, b engine.Behaviour) error { e.SetBehaviour(b); return nil },
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
			Error   string
			Allowed []string
		}
		if err := json.Unmarshal(got, &e); err != nil || e.Error == "" || resp.Header.Get("Content-Type") != "application/json" ||
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

func TestPutWhileTheEngineStops(t *testing.T) {
	w := httptest.NewRecorder()
	remote.Control{Set: func(context.Context, engine.Behaviour) error { return errors.New("ended") }}.Handler().
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
	f.Fuzz(func(t *testing.T, contentType, body string) {
		set := false
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPut, "/api/v1/behaviour", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		b, _ := engine.ParseBehaviour("ok")
		remote.Control{
			Behaviour: func() engine.Behaviour { return b },
			Set:       func(_ context.Context, got engine.Behaviour) error { b, set = got, true; return nil },
		}.Handler().ServeHTTP(w, r)
		if _, err := engine.ParseBehaviour(b.String()); err != nil {
			t.Errorf("%q became %q", body, b.String())
		}
		if set != (w.Code == http.StatusOK) {
			t.Errorf("%q: set %v, answered %d", body, set, w.Code)
		}
	})
}
