package dashboard

import (
	"context"
	"encoding/json"
	"evcp"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp/internal/audit"
	"evcp/internal/testbed"
)

// entryOf is the entry of a charge point in the list.
func (v *visitor) entryOf(id string) (e cpJSONRead) {
	v.t.Helper()
	var all []cpJSONRead
	if err := json.Unmarshal([]byte(v.ask(http.MethodGet, "api/v1/cps?cp_id="+id, "").body), &all); err != nil || len(all) != 1 {
		v.t.Fatalf("%v, %d entries", err, len(all))
	}
	return all[0]
}

// cpJSONRead is what a program reads of an entry.
type cpJSONRead struct {
	State       string
	Reported    string `json:"reported_state"`
	Name, Bay   string
	Site        string
	PowerKW     float64 `json:"power_kw"`
	Owner       *struct{ Name, Note string }
	Maintenance *struct{ Reason string }
}

// runPage runs what a page does besides answering.
func (s *peopleSite) runPage(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.page.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
}

// lines are the actions of the audit log, the oldest first, without those of sessions.
func (s *peopleSite) lines(t *testing.T) (actions []string) {
	t.Helper()
	all, err := s.accounts.AuditLines(1000, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if l.Action == audit.SignIn.String() || l.Action == audit.SignOut.String() {
			continue
		}
		actions = append([]string{l.Action + " " + l.Target + " by " + string(l.By.Kind) + " " + l.By.Name}, actions...)
	}
	return actions
}

// TestTakeIt: an owner belongs to the open incident: he survives a disconnection in the middle
// of it, and ends with the recovery.
func TestTakeIt(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	s.runPage(t)
	ana := s.signIn("ana")
	conn := s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_1 heartbeat OK")
	if a := ana.ask(http.MethodPut, "api/v1/cps/CP_1/owner", `{}`); a.code != http.StatusConflict {
		t.Errorf("of a charge point that is well: %d", a.code)
	}
	s.send(conn, "EV_CP_M CP_1 ENGINE_FAILURE")
	if a := ana.ask(http.MethodPut, "api/v1/cps/CP_1/owner", `{"owner":"Ana B.","note":"<b>on my way</b>"}`); a.code != http.StatusOK {
		t.Fatal(a)
	}
	conn.Close()
	testbed.Until(t, "the disconnection", func() bool { return ana.entryOf("CP_1").State == "disconnected" })
	s.page.endOwners()
	if o := ana.entryOf("CP_1").Owner; o == nil || o.Name != "Ana B." || o.Note != "<b>on my way</b>" {
		t.Errorf("the owner of a charge point that was disconnected while faulted: %+v", o)
	}
	s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_1 heartbeat KO", "EV_CP_M CP_1 ENGINE_RECOVERED")
	testbed.Until(t, "the end of the owner", func() bool { return ana.entryOf("CP_1").Owner == nil })
	want := []string{"add_user ana by local test", "add_user ben by local test", "take CP_1 by user ana", "let_go_recovered CP_1 by central ev-central"}
	if got := s.lines(t); !reflect.DeepEqual(got, want) {
		t.Errorf("the log has %q, want %q", got, want)
	}
}

// TestMaintenanceIsShownAndEnds: while a window is open the state is maintenance, and what is
// true stays beside it; the stream tells of its beginning, and of its end by time.
func TestMaintenanceIsShownAndEnds(t *testing.T) {
	s := startPeopleSite(t, AccessRules{PublicBoard: true}, false)
	s.runPage(t)
	ana := s.signIn("ana")
	conn := s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_1 heartbeat OK")
	frames := (&testServer{t: t, url: s.url}).frames()
	shown := func(state, reported string) {
		t.Helper()
		frames.waitFor(state, func(_ string, d frame) bool {
			return len(d.CPs) == 1 && d.CPs[0].State == state && d.CPs[0].Reported == reported
		})
	}
	to := time.Now().Add(3 * time.Second)
	if a := ana.ask(http.MethodPost, "api/v1/maintenance", `{"cp_id":"CP_1","to":"`+to.Format(time.RFC3339Nano)+`","reason":"new cable"}`); a.code != http.StatusCreated {
		t.Fatal(a)
	}
	shown("maintenance", "activated")
	s.send(conn, "EV_CP_M CP_1 ENGINE_FAILURE")
	shown("maintenance", "faulted")
	shown("faulted", "")
	if time.Now().Before(to) {
		t.Error("the window ended before its time")
	}
}

// TestMaintenanceOfASite: a window of a site is about the charge points whose ports stand there,
// and ends when somebody ends it.
func TestMaintenanceOfASite(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	ana := s.signIn("ana")
	s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_2 registration request")
	csv := "port,cp_id,site,power_kw,name,bay\nA,CP_1,North,7.4,Gate,3\nB,CP_2,South,50,,\n"
	if a := ana.ask(http.MethodPost, "api/v1/ports", csv, "Content-Type", "", "Content-Type", "text/csv"); a.code != http.StatusOK {
		t.Fatal(a)
	}
	if a := ana.ask(http.MethodPost, "api/v1/maintenance", `{"site":"North","to":"`+inAMonth()+`","reason":"roof"}`); a.code != http.StatusCreated {
		t.Fatal(a)
	}
	one, two := ana.entryOf("CP_1"), ana.entryOf("CP_2")
	if n := s.operations.InMaintenance(time.Now(), func() []evcp.CPID { return []evcp.CPID{"CP_1", "CP_2"} }); n != 1 {
		t.Errorf("%d are in maintenance", n)
	}
	if a := ana.ask(http.MethodGet, "api/v1/status", ""); !strings.Contains(a.body, `"maintenance": 1,`) {
		t.Errorf("the status is %s", a.body)
	}
	if one.State != "maintenance" || one.Reported != "activated" || one.Maintenance == nil || one.Maintenance.Reason != "roof" ||
		one.Site != "North" || one.Name != "Gate" || one.Bay != "3" || one.PowerKW != 7.4 {
		t.Errorf("CP_1 is %+v", one)
	}
	if two.State != "activated" || two.Reported != "" || two.Maintenance != nil || two.Site != "South" || two.PowerKW != 50 {
		t.Errorf("CP_2 is %+v", two)
	}
	if got := ids(t, ana.ask(http.MethodGet, "api/v1/cps?state=maintenance", "").body); got != "CP_1" {
		t.Errorf("in maintenance are %q", got)
	}
	if got := ana.ask(http.MethodGet, "api/v1/ports", "", "Accept", "text/csv").body; got != csv {
		t.Errorf("the ports came back as %q", got)
	}
	if a := ana.ask(http.MethodDelete, "api/v1/maintenance/1", ""); a.code != http.StatusOK {
		t.Fatal(a)
	}
	if got := ana.entryOf("CP_1").State; got != "activated" {
		t.Errorf("after the end it is %s", got)
	}
}

// TestUnknownNames: nothing is entered for a charge point or a site of which nobody has heard,
// and the answer says which name it was, and which there are. One that the ports or the events
// alone have is known.
func TestUnknownNames(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	ana := s.signIn("ana")
	s.monitor("EV_CP_M CP_1 registration request")
	if a := ana.ask(http.MethodPut, "api/v1/ports/B", `{"lines":[{"cp_id":"CP_2"}],"site":"North"}`); a.code != http.StatusOK {
		t.Fatal(a)
	}
	for _, c := range []struct {
		what string
		code int
		says string
	}{
		{`"cp_id":"CP_1"`, http.StatusCreated, ""},
		{`"cp_id":"CP_2"`, http.StatusCreated, ""},   // of the ports
		{`"cp_id":"CP_001"`, http.StatusCreated, ""}, // of the events
		{`"site":"North"`, http.StatusCreated, ""},
		{`"cp_id":"CP_NOPE"`, http.StatusNotFound, "CP_NOPE"},
		{`"site":"Nowhere"`, http.StatusNotFound, `"North"`},
		{`"site":"Nowhere"`, http.StatusNotFound, `\"Nowhere\"`},
	} {
		for path, body := range map[string]string{
			"api/v1/maintenance": `{` + c.what + `,"to":"` + inAMonth() + `","reason":"roof"}`,
			"api/v1/exclusions":  `{` + c.what + `,"from":"2026-10-30T00:00:00Z","to":"2026-10-31T00:00:00Z","reason":"grid","note":"x"}`,
		} {
			if a := ana.ask(http.MethodPost, path, body); a.code != c.code || !strings.Contains(a.body, c.says) {
				t.Errorf("%s %s: %d %s", path, c.what, a.code, a.body)
			}
		}
	}
}

// TestPortsAreRenamed: a port gets another name, its lines stay; two of one name can't be.
func TestPortsAreRenamed(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	ana := s.signIn("ana")
	put := func(at, body string, want int) {
		t.Helper()
		if a := ana.ask(http.MethodPut, "api/v1/ports/"+at, body); a.code != want {
			t.Errorf("%s %s: %d, want %d: %s", at, body, a.code, want, a.body)
		}
	}
	put("A%2F1", `{"lines":[{"cp_id":"CP_1","decommissioned":"2026-06-01"},{"cp_id":"CP_2","commissioned":"2026-06-01"}]}`, 200)
	put("B", `{"lines":[{"cp_id":"CP_3"}],"public":false}`, 200)
	put("B", `{"port":"A/1","lines":[{"cp_id":"CP_3"}]}`, 400)
	put("C", `{"lines":[{"cp_id":"CP_3"}]}`, 400) // it is port B
	put("C", `{"lines":[{"cp_id":"C\u001b3"}]}`, 400)
	put("C", `{"lines":[]}`, 400)
	put("C", `{"lines":[{"cp_id":"CP_4"}],"power_kw":"lots"}`, 400)
	put("A%2F1", `{"port":"Gate","lines":[{"cp_id":"CP_1","decommissioned":"2026-06-01"},{"cp_id":"CP_2","commissioned":"2026-06-01"}]}`, 200)
	want := "port,cp_id,commissioned,decommissioned,public\nGate,CP_1,,2026-06-01,\nGate,CP_2,2026-06-01,,\nB,CP_3,,,no\n"
	if got := ana.ask(http.MethodGet, "api/v1/ports.csv", "").body; got != want {
		t.Errorf("the ports are %q, want %q", got, want)
	}
	s.board.Close()
	s.open(t, s.dir)
	if got := len(s.operations.Ports()); got != 2 {
		t.Errorf("%d ports after a restart", got)
	}
}

// TestExclusionsCount: an outage that is excluded through the API does not count under NEVI, and
// does again when that is withdrawn. A maintenance window by itself excludes nothing.
func TestExclusionsCount(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	ana := s.signIn("ana")
	excluded := func() (us int64) {
		t.Helper()
		var u struct {
			Ports []struct {
				CP       string `json:"cp_id"`
				Excluded int64  `json:"excluded_us"`
			}
		}
		a := ana.ask(http.MethodGet, "api/v1/uptime?definition=nevi&month=2026-10&until=2026-10-31T23:00:00Z&cp_id=CP_001", "")
		if err := json.Unmarshal([]byte(a.body), &u); err != nil || len(u.Ports) != 1 {
			t.Fatalf("%v: %s", err, a.body)
		}
		return u.Ports[0].Excluded
	}
	ana.ask(http.MethodPost, "api/v1/maintenance", `{"cp_id":"CP_001","from":"2026-10-30T00:00:00Z","to":"`+inAMonth()+`","reason":"x"}`)
	if got := excluded(); got != 0 {
		t.Errorf("a maintenance window excludes %d us", got)
	}
	body := `{"cp_id":"CP_001","from":"2026-10-31T00:00:00Z","to":"2026-10-31T01:00:00Z","reason":"grid","note":"<script>"}`
	for range 2 { // the second is the same request
		if a := ana.ask(http.MethodPost, "api/v1/exclusions", body, keyHeader, "once"); a.code != http.StatusCreated || !strings.Contains(a.body, `"id":1,`) {
			t.Fatal(a)
		}
	}
	if got := excluded(); got != (10 * time.Minute).Microseconds() {
		t.Errorf("excluded are %d us", got)
	}
	if a := ana.ask(http.MethodPost, "api/v1/exclusions/1/withdraw", `{"note":"it was ours"}`); a.code != http.StatusOK {
		t.Fatal(a)
	}
	if got := excluded(); got != 0 {
		t.Errorf("withdrawn, excluded are %d us", got)
	}
}

// TestOneKeyOneChange: requests with one Idempotency-Key, at once and later, are one change, with
// one answer; another user's are others.
func TestOneKeyOneChange(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	ana := s.signIn("ana")
	addUser(t, s.accounts, "eva", "operator")
	body := `{"site":"Norte","to":"` + inAMonth() + `","reason":"roof"}`
	answers := make([]httpResponse, 8)
	var asking sync.WaitGroup
	for i := range answers {
		asking.Go(func() { answers[i] = ana.ask(http.MethodPost, "api/v1/maintenance", body, keyHeader, "k") })
	}
	asking.Wait()
	made := 0
	for _, a := range answers {
		if a.code != http.StatusCreated || a.body != answers[0].body {
			t.Errorf("%d %s", a.code, a.body)
		}
		if a.header.Get("Idempotency-Replayed") == "" {
			made++
		}
	}
	eva := s.signIn("eva")
	if a := eva.ask(http.MethodPost, "api/v1/maintenance", body, keyHeader, "k"); !strings.Contains(a.body, `"number":2,`) || made != 1 {
		t.Errorf("made %d times; of another user: %s", made, a.body)
	}
}

// TestHostileTexts: what people write stays text. Markup comes back escaped in JSON; what a
// terminal or a reader of right-to-left text obeys can't be entered in any field.
func TestHostileTexts(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	ana := s.signIn("ana")
	s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_1 ENGINE_FAILURE")
	requests := []struct{ method, path, body string }{ // TEXT is the text
		{http.MethodPut, "api/v1/cps/CP_1/owner", `{"owner":TEXT}`},
		{http.MethodPut, "api/v1/cps/CP_1/owner", `{"note":TEXT}`},
		{http.MethodPost, "api/v1/maintenance", `{"site":TEXT,"to":"` + inAMonth() + `","reason":"x"}`},
		{http.MethodPost, "api/v1/maintenance", `{"cp_id":"CP_1","to":"` + inAMonth() + `","reason":TEXT}`},
		{http.MethodPost, "api/v1/exclusions", `{"site":TEXT,"from":"2026-10-31T00:00:00Z","to":"2026-10-31T01:00:00Z","reason":"grid","note":"x"}`},
		{http.MethodPost, "api/v1/exclusions", `{"cp_id":"CP_1","from":"2026-10-31T00:00:00Z","to":"2026-10-31T01:00:00Z","reason":"grid","note":TEXT}`},
		{http.MethodPost, "api/v1/exclusions", `{"cp_id":"CP_1","from":"2026-10-31T00:00:00Z","to":"2026-10-31T01:00:00Z","reason":"grid","note":"x","link":TEXT}`},
	}
	for n, column := range []string{"port", "site", "name", "bay", "position", "address", "city", "postal_code"} {
		requests = append(requests, struct{ method, path, body string }{http.MethodPut, fmt.Sprintf("api/v1/ports/P%d", n), fmt.Sprintf(`{%q:TEXT,"lines":[{"cp_id":"CP_P%d"}]}`, column, n)})
	}
	ana.ask(http.MethodPut, "api/v1/ports/P0", `{"lines":[{"cp_id":"CP_P0"}]}`)
	for _, r := range requests {
		for _, bad := range []string{"a\x1b[2Jb", "a\u202eb", "a\u0085b", "a\x00b", "a\rb", "a\u2066b"} {
			text, _ := json.Marshal(bad)
			if a := ana.ask(r.method, r.path, strings.Replace(r.body, "TEXT", string(text), 1)); a.code != http.StatusBadRequest {
				t.Errorf("%s %q: %d, %s", r.path, bad, a.code, a.body)
			}
		}
		if a := ana.ask(r.method, r.path, strings.Replace(r.body, "TEXT", `"<script>alert(1)</script>"`, 1)); strings.Contains(a.body, "<script>") || a.code >= 500 {
			t.Errorf("%s: %d, %s", r.path, a.code, a.body)
		}
	}
	for _, path := range []string{"api/v1/audit", "api/v1/cps", "api/v1/maintenance", "api/v1/exclusions", "api/v1/ports"} {
		a := ana.ask(http.MethodGet, path, "")
		if strings.Contains(a.body, "<script>") || !strings.Contains(a.body, `\u003cscript\u003e`) && path != "api/v1/ports" || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s %s", path, a.header.Get("Content-Type"), a.body)
		}
	}
}

// TestAuditLogIsOnlyAddedTo: the file itself refuses to change or to remove a line; and a change
// whose line can't be written is none.
func TestAuditLogIsOnlyAddedTo(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	by := audit.Actor{Name: "test", Kind: audit.ByLocal}
	for _, sql := range []string{`UPDATE audit SET who = 'eve'`, `DELETE FROM audit`} {
		if err := s.board.Change(by, func(c *audit.BoardChange) error {
			c.Line(audit.PutPort, "x", nil, nil)
			return c.DB.Exec(sql)
		}); err == nil {
			t.Errorf("%s is possible", sql)
		}
	}
	if err := s.board.Change(by, func(c *audit.BoardChange) error { return c.DB.Exec(`DELETE FROM users`) }); err == nil {
		t.Error("a change without a line is possible")
	}
	s.board.Close()
	s.open(t, s.dir)
	if got := len(s.accounts.Users()); got != 2 {
		t.Errorf("%d users", got)
	}
}
