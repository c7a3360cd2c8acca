package dashboard

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/operations"
	"evcp/internal/status"
)

// asked is one request of TestDescriptionHasEveryChange.
type asked struct {
	path, method string // as they are described
	by           *visitor
	at, body     string // the path that is asked for, and what is sent
	headers      []string
}

// inAMonth is when a window may end.
func inAMonth() string { return time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339) }

// changeAsks are the requests that one does after the other. Charge point CP_1 is faulted.
func changeAsks(ana, ben, nobody, without, fixed, busy *visitor) (all []asked) {
	add := func(path, method string, by *visitor, at, body string, headers ...string) {
		all = append(all, asked{path, method, by, at, body, headers})
	}
	const window = `{"site":"Norte","to":"2199-01-01T00:00:00Z","reason":"new cable"}`
	add(ownerPath, "put", ana, "api/v1/cps/CP_1/owner", `{"note":"on my way"}`)
	add(ownerPath, "put", ana, "api/v1/cps/CP_2/owner", `{}`)  // nothing is open
	add(ownerPath, "put", ana, "api/v1/cps/CP_77/owner", `{}`) // not known
	add(ownerPath, "delete", ana, "api/v1/cps/CP_1/owner", "")
	add(ownerPath, "delete", ana, "api/v1/cps/CP_1/owner", "")
	add(maintenancePath, "post", ana, "api/v1/maintenance", strings.Replace(window, "2199-01-01T00:00:00Z", inAMonth(), 1))
	add(maintenancePath, "post", ana, "api/v1/maintenance", window) // too far away
	add(maintenancePath, "post", ana, "api/v1/maintenance", strings.Replace(window, "Norte", "Nowhere", 1))
	add(maintenancePath, "get", nobody, "api/v1/maintenance", "")
	add(maintenancePath, "get", ana, "api/v1/maintenance", "")
	add(maintenancePath, "get", ana, "api/v1/maintenance?limt=1", "")
	add(maintenancePath, "get", ana, "api/v1/maintenance", "", "Host", "evil.example")
	add(windowPath, "delete", ana, "api/v1/maintenance/1", "")
	add(windowPath, "delete", ana, "api/v1/maintenance/1", "")
	add(windowPath, "delete", ana, "api/v1/maintenance/7", "")
	add(usersPath, "post", ana, "api/v1/users", `{"name":"eva","password":"a long password","role":"viewer"}`)
	add(usersPath, "post", ana, "api/v1/users", `{"name":"EVA","password":"a long password","role":"viewer"}`)
	add(usersPath, "get", ana, "api/v1/users", "")
	add(usersPath, "get", ana, "api/v1/users?x=1", "")
	add(usersPath, "get", ben, "api/v1/users", "")
	add(usersPath, "get", nobody, "api/v1/users", "")
	add(usersPath, "get", ana, "api/v1/users", "", "Host", "evil.example")
	const password = `{"password":"another long password"}`
	add(passwordPath, "put", ana, "api/v1/users/eva/password", password)
	add(passwordPath, "put", ana, "api/v1/users/eva/password", `{"password":"short"}`)
	add(passwordPath, "put", ana, "api/v1/users/nobody/password", password)
	add(passwordPath, "put", ben, "api/v1/users/eva/password", password)
	add(passwordPath, "put", ben, "api/v1/users/ben/password", password) // he does not say the old one
	add(userPath, "delete", ana, "api/v1/users/eva", "")
	add(userPath, "delete", ana, "api/v1/users/eva", "")
	add(userPath, "delete", ana, "api/v1/users/ana", "") // the last operator
	add(auditPath, "get", ben, "api/v1/audit", "")
	add(auditPath, "get", ben, "api/v1/audit?limit=2", "")
	add(auditPath, "get", ben, "api/v1/audit?cursor=x", "")
	add(auditPath, "get", nobody, "api/v1/audit", "")
	add(auditPath, "get", ben, "api/v1/audit", "", "Host", "evil.example")
	for _, path := range []string{exclusionsPath, portsPath, portsCSVPath} {
		add(path, "get", nobody, path[1:], "")
		add(path, "get", ana, path[1:]+"?x=1", "")
		add(path, "get", ana, path[1:], "", "Host", "evil.example")
	}
	const exclusion = `{"cp_id":"CP_1","from":"2026-10-31T00:00:00Z","to":"2026-10-31T01:00:00Z","reason":"grid","note":"no power","link":"https://grid.example/1"}`
	add(exclusionsPath, "post", ana, "api/v1/exclusions", exclusion)
	add(exclusionsPath, "post", ana, "api/v1/exclusions", strings.Replace(exclusion, "grid", "bad luck", 1))
	add(exclusionsPath, "post", fixed, "api/v1/exclusions", exclusion) // it keeps no history
	add(exclusionsPath, "get", busy, "api/v1/exclusions", "")
	add(portsPath, "post", ana, "api/v1/ports", "cp\n", "Content-Type", "", "Content-Type", "text/csv")
	add(exclusionsPath, "get", fixed, "api/v1/exclusions", "")
	add(withdrawPath, "post", ana, "api/v1/exclusions/1/withdraw", `{"note":"it was ours"}`)
	add(withdrawPath, "post", ana, "api/v1/exclusions/1/withdraw", `{}`)
	add(withdrawPath, "post", ana, "api/v1/exclusions/9/withdraw", `{}`)
	add(exclusionsPath, "get", ana, "api/v1/exclusions", "")
	const port = `{"name":"Gate","power_kw":"50","lines":[{"cp_id":"CP_1","commissioned":"2026-01-01"}]}`
	add(portPath, "put", ana, "api/v1/ports/A", port)
	add(portPath, "put", ana, "api/v1/ports/none", strings.Replace(port, "{", `{"port":"B",`, 1)) // renames what is not there
	add(portPath, "put", fixed, "api/v1/ports/A", port)                                           // it has the file of --ports
	add(portsPath, "post", fixed, "api/v1/ports", "cp_id\nCP_1\n", "Content-Type", "", "Content-Type", "text/csv")
	add(portPath, "delete", fixed, "api/v1/ports/A", "")
	add(portsPath, "get", ana, "api/v1/ports", "")
	add(portsCSVPath, "get", ana, "api/v1/ports.csv", "")
	add(portPath, "delete", ana, "api/v1/ports/A", "")
	add(portPath, "delete", ana, "api/v1/ports/A", "")
	add(portsPath, "post", ana, "api/v1/ports", "cp_id\nCP_1\n", "Content-Type", "", "Content-Type", "text/csv", keyHeader, "k2")
	add(portsPath, "post", ana, "api/v1/ports", "cp_id\nCP_2\n", "Content-Type", "", "Content-Type", "text/csv", keyHeader, "k2")
	add(sessionPath, "get", nobody, "api/v1/session", "")
	add(sessionPath, "get", ana, "api/v1/session", "")
	add(sessionPath, "get", ana, "api/v1/session?x=1", "")
	add(sessionPath, "get", ana, "api/v1/session", "", "Host", "evil.example")
	add(sessionPath, "post", nobody, "api/v1/session", `{"name":"ana","password":"`+testPassword+`"}`)
	add(sessionPath, "post", nobody, "api/v1/session", `{}`)
	add(sessionPath, "post", nobody, "api/v1/session", `{"token":"x"}`, "Sec-Fetch-Site", "cross-site")
	for range 11 {
		add(sessionPath, "post", nobody, "api/v1/session", `{"token":"x"}`)
	}
	add(passwordPath, "put", ben, "api/v1/users/ben/password", password)
	for _, o := range (&Dashboard{}).writes() {
		at := strings.NewReplacer("{id}", "CP_1", "{number}", "1", "{name}", "ben", "{port}", "A").Replace(o.path[1:])
		method := strings.ToLower(o.method)
		add(o.path, method, nobody, at, `{}`)
		add(o.path, method, ben, at, `{}`)
		add(o.path, method, ana, at, `{}`, csrfHeader, "")
		add(o.path, method, ana, at, `{}`, csrfHeader, "", csrfHeader, ben.csrf)
		add(o.path, method, ana, at, `{}`, "Sec-Fetch-Site", "cross-site")
		add(o.path, method, ana, at, `{}`, "Host", "evil.example")
		if o.path != sessionPath {
			add(o.path, method, ana, at, `{}`, keyHeader, strings.Repeat("k", maxKey+1))
		}
		add(o.path, method, ana, at, strings.Repeat(" ", 10<<20))
		add(o.path, method, without, at, `{}`)
	}
	for _, path := range []string{sessionPath, maintenancePath, usersPath, exclusionsPath, portsPath} {
		add(path, "post", ana, path[1:], strings.Repeat(" ", 10<<20))
		add(path, "post", ana, path[1:], `{}`, "Content-Type", "", "Content-Type", "text/plain")
		add(path, "post", ana, path[1:], `{}`, "Host", "evil.example")
		add(path, "post", without, path[1:], `{}`)
	}
	add(passwordPath, "put", ana, "api/v1/users/ben/password", password, "Content-Type", "", "Content-Type", "text/plain")
	add(ownerPath, "put", ana, "api/v1/cps/CP_1/owner", `{}`, "Content-Type", "", "Content-Type", "text/plain")
	add(portPath, "put", ana, "api/v1/ports/A", port, "Content-Type", "", "Content-Type", "text/plain")
	add(withdrawPath, "post", ana, "api/v1/exclusions/1/withdraw", `{}`, "Content-Type", "", "Content-Type", "text/plain")
	// One key for one request.
	good := strings.Replace(window, "2199-01-01T00:00:00Z", inAMonth(), 1)
	add(maintenancePath, "post", ana, "api/v1/maintenance", good, keyHeader, "k1")
	add(maintenancePath, "post", ana, "api/v1/maintenance", strings.Replace(good, "cable", "roof", 1), keyHeader, "k1")
	add(ownerPath, "put", ana, "api/v1/cps/CP_1/owner", `{}`, keyHeader, "k1")
	add(ownerPath, "delete", ana, "api/v1/cps/CP_1/owner", "", keyHeader, "k1")
	add(windowPath, "delete", ana, "api/v1/maintenance/2", "", keyHeader, "k1")
	add(usersPath, "post", ana, "api/v1/users", `{"name":"eva","password":"a long password","role":"viewer"}`, keyHeader, "k1")
	add(passwordPath, "put", ana, "api/v1/users/ben/password", password, keyHeader, "k1")
	add(userPath, "delete", ana, "api/v1/users/ben", "", keyHeader, "k1")
	add(exclusionsPath, "post", ana, "api/v1/exclusions", exclusion, keyHeader, "k1")
	add(withdrawPath, "post", ana, "api/v1/exclusions/1/withdraw", `{}`, keyHeader, "k1")
	add(portPath, "put", ana, "api/v1/ports/A", port, keyHeader, "k1")
	add(portPath, "delete", ana, "api/v1/ports/A", "", keyHeader, "k1")
	add(sessionPath, "delete", ana, "api/v1/session", "")
	return all
}

// TestDescriptionHasEveryChange is TestDescriptionHasEveryAnswer for what needs a login: each
// answer is described and fits its schema, and nothing is described that does not happen.
func TestDescriptionHasEveryChange(t *testing.T) {
	d, c := openDescription(t)
	s := startPeopleSite(t, AccessRules{}, false)
	s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_1 ENGINE_FAILURE", "EV_CP_M CP_1 heartbeat KO")
	s.monitor("EV_CP_M CP_2 registration request", "EV_CP_M CP_2 heartbeat OK")
	without := "http://" + serveOn(t, New(Options{Central: s.central, Version: "test"})) + "/" // board.db can't be opened
	ana, seen := s.signIn("ana"), map[string]bool{}
	fixed := &visitor{t: t, url: s.fixed(t), cookie: ana.cookie, csrf: ana.csrf}
	for _, ask := range changeAsks(ana, s.signIn("ben"), &visitor{t: t, url: s.url}, &visitor{t: t, url: without}, fixed, &visitor{t: t, url: busySite(t, s.testServer)}) {
		a := ask.by.ask(strings.ToUpper(ask.method), ask.at, ask.body, ask.headers...)
		code := strconv.Itoa(a.code)
		described, found := d.Paths[ask.path][ask.method].Responses[code]
		if !found {
			t.Errorf("%s %s %.80s: %s is not described: %s", ask.method, ask.at, ask.body, code, a.body)
		}
		seen[ask.method+" "+ask.path+" "+code] = true
		checkAnswer(t, c, ask.path, ask.method, a, len(described.Content) > 0)
		checkRefusal(t, a)
	}
	for path, operations := range d.Paths {
		for method, o := range operations {
			if method == "get" && !slices.Contains(accountPaths, path) {
				continue
			}
			for _, code := range slices.Sorted(maps.Keys(o.Responses)) {
				if !seen[method+" "+path+" "+code] {
					t.Errorf("%s %s never answers %s", method, path, code)
				}
			}
		}
	}
}

// fixed is the same site without a history, and with a file of ports; it ends with a /.
func (s *peopleSite) fixed(t *testing.T) (url string) {
	t.Helper()
	ports := operations.Empty()
	lines, err := ledger.ReadPortCells([]byte("cp_id\nCP_1\n"))
	if err == nil {
		err = ports.UsePortsFile(lines)
	}
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + serveOn(t, New(Options{Central: s.central, Version: "test", Accounts: s.accounts, Operations: ports})) + "/"
}

// TestNothingIsWrittenWithoutALogin walks the description: whatever is no GET is refused to who
// is not signed in, from this machine too, to a viewer, and to a session whose page is another
// site's; and nothing has changed then.
func TestNothingIsWrittenWithoutALogin(t *testing.T) {
	d, _ := openDescription(t)
	s := startPeopleSite(t, AccessRules{PublicBoard: true}, false)
	s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_1 ENGINE_FAILURE", "EV_CP_M CP_1 heartbeat KO")
	ana, ben, nobody := s.signIn("ana"), s.signIn("ben"), &visitor{t: t, url: s.url}
	changes := func() []string { // what was refused has its lines, too
		return slices.DeleteFunc(s.lines(t), func(line string) bool { return strings.HasPrefix(line, "refuse_") })
	}
	before, walked := changes(), 0
	for path, operations := range d.Paths {
		for method := range operations {
			if method == "get" || path == sessionPath {
				continue
			}
			walked++
			at := strings.NewReplacer("{id}", "CP_1", "{number}", "1", "{name}", "ana", "{port}", "A").Replace(path[1:]) // another's name than ben's: he may change his own password
			for _, ask := range []struct {
				by      *visitor
				headers []string
				want    int
			}{
				{nobody, nil, http.StatusUnauthorized},
				{nobody, []string{csrfHeader, ana.csrf}, http.StatusUnauthorized},
				{nobody, []string{"Authorization", "Bearer evcp_no"}, http.StatusUnauthorized},
				{nobody, []string{"Authorization", "Basic YW5hOmFuYQ=="}, http.StatusUnauthorized},
				{nobody, []string{"X-Forwarded-User", "ana"}, http.StatusUnauthorized},
				{nobody, []string{"Cookie", plainCookie + "=x"}, http.StatusUnauthorized},
				{ben, nil, http.StatusForbidden},
				{ana, []string{csrfHeader, ""}, http.StatusForbidden},
				{ana, []string{csrfHeader, "", csrfHeader, ben.csrf}, http.StatusForbidden},
				{ana, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
				{ana, []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
			} {
				if a := ask.by.ask(strings.ToUpper(method), at, `{"owner":"x","cp_id":"CP_1","to":"`+inAMonth()+`","reason":"x"}`, ask.headers...); a.code != ask.want {
					t.Errorf("%s %s with %q: %d, want %d: %s", method, at, ask.headers, a.code, ask.want, a.body)
				}
			}
		}
	}
	if after := changes(); !slices.Equal(after, before) || walked < 6 {
		t.Errorf("%d walked; the audit log was\n%s\nis\n%s", walked, before, after)
	}
}

// ofPrograms begin the details of refusals that only a program can cause, and that have no type.
var ofPrograms = []string{"Content-Type can't be", "the body can't be read", keyHeader + ":", "unknown parameter", "limit can't be", "cursor can't be", "this address is for"}

// checkRefusal checks that what people may be refused has a type, from which the page says it.
func checkRefusal(t *testing.T, a httpResponse) {
	t.Helper()
	var p struct{ Type, Detail string }
	if a.code < 400 || json.Unmarshal([]byte(a.body), &p) != nil {
		return
	}
	code, found := strings.CutPrefix(p.Type, status.ProblemPrefix)
	if !found && slices.ContainsFunc(ofPrograms, func(begin string) bool { return strings.HasPrefix(p.Detail, begin) }) {
		return
	}
	if !language.IsCode(code) {
		t.Errorf("a refusal without words on the page: %s", a.body)
	}
}
