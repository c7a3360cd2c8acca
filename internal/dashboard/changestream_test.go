package dashboard

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"evcp/internal/testbed"
)

// programStream is a program that reads the stream of changes.
type programStream struct {
	t    *testing.T
	text *bufio.Reader
	id   string // of the last event
}

func openChanges(v *visitor, query string, headers ...string) *programStream {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.url+"api/v1/changes"+query, http.NoBody)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Cookie", v.cookie)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %d", query, resp.StatusCode)
	}
	return &programStream{t: v.t, text: bufio.NewReader(resp.Body)}
}

// next is the next event that is no beat, as "change CP_1 faulted" or "missed 3"; "" at the end.
func (s *programStream) next() string {
	s.t.Helper()
	var event string
	var data struct {
		CP     string `json:"cp_id"`
		To     string
		Missed *int
	}
	for {
		line, err := s.text.ReadString('\n')
		if err != nil {
			return ""
		}
		if value, ok := strings.CutPrefix(line, "event: "); ok {
			event = strings.TrimSpace(value)
		}
		if value, ok := strings.CutPrefix(line, "id: "); ok {
			s.id = strings.TrimSpace(value)
		}
		if value, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(value), &data); err != nil {
				s.t.Fatal(err)
			}
		}
		switch {
		case line != "\n" || event == "beat":
		case event == "missed" && data.Missed == nil:
			return "missed unknown"
		default:
			return event + " " + data.CP + " " + data.To
		}
	}
}

// TestChangesForPrograms: a program gets the changes that fit from now on, and after a break those
// that came meanwhile; of a Central before a restart it is told that some may be missing. It ends
// with its session.
func TestChangesForPrograms(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	ana, ben := s.signIn("ana"), s.signIn("ben")
	ana.ask(http.MethodPost, "api/v1/ports", "cp_id,site\nCP_1,North\nCP_2,South\n", "Content-Type", "", "Content-Type", "text/csv")
	one := s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_1 heartbeat OK")
	two := s.monitor("EV_CP_M CP_2 registration request", "EV_CP_M CP_2 heartbeat OK")
	all, faults, north := openChanges(ana, ""), openChanges(ana, "?state=faulted&reason=engine_failure,heartbeat_ko"), openChanges(ben, "?site=North")
	expect := func(p *programStream, want string) {
		t.Helper()
		if got := p.next(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	// Each stream begins when it is opened: the answer's header came first.
	s.send(two, "EV_CP_M CP_2 ENGINE_FAILURE")
	expect(all, "change CP_2 faulted")
	expect(faults, "change CP_2 faulted")
	s.send(one, "EV_CP_M CP_1 ENGINE_FAILURE", "EV_CP_M CP_1 ENGINE_RECOVERED")
	expect(north, "change CP_1 faulted")
	expect(north, "change CP_1 activated")
	expect(all, "change CP_1 faulted")
	left := all.id
	expect(faults, "change CP_1 faulted")
	s.send(two, "EV_CP_M CP_2 ENGINE_RECOVERED")
	for _, again := range []*programStream{openChanges(ana, "?after="+left), openChanges(ana, "", "Last-Event-ID", left)} {
		expect(again, "change CP_1 activated")
		expect(again, "change CP_2 activated")
	}
	restarted := openChanges(ana, "?after=1-1&state=faulted")
	expect(restarted, "missed unknown")
	expect(restarted, "change CP_2 faulted")
	expect(restarted, "change CP_1 faulted")
	for query, want := range map[string]int{"?after=x": 400, "?state=expected": 400, "?reason=bad": 400, "?kind=x": 400} {
		if a := ana.ask(http.MethodGet, "api/v1/changes"+query, ""); a.code != want {
			t.Errorf("%s: %d", query, a.code)
		}
	}
	if a := ana.ask(http.MethodDelete, "api/v1/users/ben", ""); a.code != http.StatusNoContent {
		t.Fatal(a)
	}
	ended := make(chan string, 1)
	go func() { ended <- north.next() }()
	testbed.Until(t, "the end of the stream of a user who is removed", func() bool {
		s.send(two, "EV_CP_M CP_2 ENGINE_FAILURE", "EV_CP_M CP_2 ENGINE_RECOVERED")
		select {
		case got := <-ended:
			return got == ""
		default:
			return false
		}
	})
}
