package dashboard

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"evcp/internal/accounts"
	"evcp/internal/audit"
)

// served asks the page as a request comes from an address.
func (s *peopleSite) served(rules AccessRules, method, target, from string, headers ...string) *httptest.ResponseRecorder {
	page := New(Options{Central: s.central, Version: "test", Accounts: s.accounts, Operations: s.operations, Access: rules})
	r := httptest.NewRequest(method, target, http.NoBody)
	r.RemoteAddr = from
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	return w
}

// TestWhoMayReadWithoutALogin: listener, peer and Host are this machine's, and no proxy says that
// it stands between; or the board is public. Health is for everybody.
func TestWhoMayReadWithoutALogin(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	loopback, everywhere := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}, &net.TCPAddr{IP: net.IPv4zero, Port: 8080}
	const open, closed = http.StatusOK, http.StatusUnauthorized
	for _, tc := range []struct {
		listens    *net.TCPAddr
		host, from string
		headers    []string
		want       int
	}{
		{loopback, "localhost:8080", "127.0.0.1:40000", nil, open},
		{loopback, "127.0.0.1", "127.0.0.1:40000", nil, open},
		{loopback, "[::1]:8080", "[::1]:40000", nil, open},
		{loopback, "page.localhost", "127.0.0.9:40000", nil, open},
		{loopback, "central", "127.0.0.1:40000", nil, closed}, // another machine may have this name
		{loopback, "192.168.1.9", "127.0.0.1:40000", nil, closed},
		{loopback, "evil.example", "127.0.0.1:40000", nil, closed},
		{loopback, "localhost.evil.example", "127.0.0.1:40000", nil, closed},
		{loopback, "localhost", "192.168.1.9:40000", nil, closed},
		{loopback, "localhost", "127.0.0.1:40000", []string{"X-Forwarded-For", "1.2.3.4"}, closed},
		{loopback, "localhost", "127.0.0.1:40000", []string{"x-forwarded-PROTO", "https"}, closed},
		{loopback, "localhost", "127.0.0.1:40000", []string{"Forwarded", ""}, closed},
		{loopback, "localhost", "127.0.0.1:40000", []string{"Via", "1.1 proxy"}, closed},
		{loopback, "localhost", "127.0.0.1:40000", []string{"X-Real-IP", "1.2.3.4"}, closed},
		{everywhere, "localhost", "127.0.0.1:40000", nil, closed},
		{nil, "localhost", "127.0.0.1:40000", nil, closed},
	} {
		for _, path := range []string{"/api/v1/cps", "/api/v1/status", "/metrics", "/api/v1/ports.csv"} {
			rules := AccessRules{}
			if tc.listens != nil {
				rules.Listens = tc.listens
			}
			if got := s.served(rules, http.MethodGet, "http://"+tc.host+path, tc.from, tc.headers...).Code; got != tc.want {
				t.Errorf("%s of %s on %v from %s with %q: %d, want %d", path, tc.host, tc.listens, tc.from, tc.headers, got, tc.want)
			}
		}
	}
	far := "198.51.100.7:40000"
	for _, tc := range []struct {
		rules AccessRules
		path  string
		want  int
	}{
		{AccessRules{PublicBoard: true}, "/api/v1/cps", open},
		{AccessRules{PublicBoard: true}, "/metrics", open},
		{AccessRules{PublicBoard: true}, "/api/v1/audit", closed},
		{AccessRules{PublicBoard: true}, "/api/v1/users", closed},
		{AccessRules{PublicMetrics: true}, "/metrics", open},
		{AccessRules{PublicMetrics: true}, "/api/v1/cps", closed},
		{AccessRules{}, "/metrics", closed},
		{AccessRules{}, "/healthz", open},
		{AccessRules{}, "/readyz", http.StatusServiceUnavailable},
		{AccessRules{}, "/api/v1/session", open},
		{AccessRules{}, "/", open},
		{AccessRules{}, "/signin", open},
	} {
		want := tc.want
		if tc.path == "/readyz" && s.central.Serving() {
			want = open
		}
		if got := s.served(tc.rules, http.MethodGet, "http://central.example"+tc.path, far).Code; got != want {
			t.Errorf("%s with %+v: %d, want %d", tc.path, tc.rules, got, want)
		}
	}
}

// TestPathTricks: no way of writing a path leads around the guard of its handler.
func TestPathTricks(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	s.monitor("EV_CP_M CP_SECRET registration request")
	for _, target := range []string{
		"//api/v1/cps", "/api//v1/cps", "/api/v1/cps/", "/api/v1/./cps", "/healthz/../api/v1/cps", "/api/v1/session/../cps", "/api/v1/session%2f..%2fcps",
		"/API/V1/CPS", "/api/v1/cps;x", "/api/v1/cps%00", "/api/v1/cps%20", "/%61pi/v1/cps", "/api/v1/cps?public=1", "/healthz?/api/v1/cps", "/metrics/../api/v1/cps",
		"http://localhost/api/v1/cps", "/cp/../api/v1/cps", "/signin/..//api/v1/cps",
	} {
		for _, more := range []string{"", "X-Original-URL: /healthz\r\n", "X-Rewrite-URL: /healthz\r\n", "X-HTTP-Method-Override: OPTIONS\r\n", "X-Forwarded-Host: localhost\r\n"} {
			conn, err := net.Dial("tcp", strings.Trim(strings.TrimPrefix(s.url, "http:"), "/"))
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(patience))
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n%sConnection: close\r\n\r\n", target, more)
			answer, err := io.ReadAll(conn)
			conn.Close()
			if text := string(answer); err != nil || strings.Contains(text, "CP_SECRET") || strings.HasPrefix(text, "HTTP/1.1 200") && strings.Contains(text, "application/json") {
				t.Errorf("%s %q: %v, %s", target, more, err, text)
			}
		}
	}
}

// TestSessionFixation: who plants a cookie before somebody signs in has nothing afterwards.
func TestSessionFixation(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	planted := plainCookie + "=" + strings.Repeat("A", 43)
	victim := &visitor{t: t, url: s.url, cookie: planted}
	a := victim.ask(http.MethodPost, "api/v1/session", `{"name":"ana","password":"`+testPassword+`"}`)
	header := a.header.Get("Set-Cookie")
	if a.code != http.StatusOK || strings.Contains(header, planted) {
		t.Fatalf("%d, %s", a.code, header)
	}
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(header, want) {
			t.Errorf("%s lacks %s", header, want)
		}
	}
	attacker := &visitor{t: t, url: s.url, cookie: planted}
	if a := attacker.ask(http.MethodGet, "api/v1/cps", ""); a.code != http.StatusUnauthorized {
		t.Errorf("the planted cookie is a session: %d", a.code)
	}
	victim.take(a)
	first := *victim
	if a := victim.ask(http.MethodPost, "api/v1/session", `{"name":"ana","password":"`+testPassword+`"}`); a.code != http.StatusOK {
		t.Fatal(a)
	} else if victim.take(a); victim.cookie == first.cookie {
		t.Error("a sign-in keeps the session")
	}
	if a := first.ask(http.MethodGet, "api/v1/cps", ""); a.code != http.StatusUnauthorized {
		t.Errorf("the session before the sign-in goes on: %d", a.code)
	}
	if a := victim.ask(http.MethodDelete, "api/v1/session", ""); a.code != http.StatusNoContent {
		t.Error(a)
	}
	if a := victim.ask(http.MethodGet, "api/v1/cps", ""); a.code != http.StatusUnauthorized {
		t.Errorf("signed out, and reads: %d", a.code)
	}
}

// TestSessionsSurviveARestart: and end when the user is removed, or gets another password.
func TestSessionsSurviveARestart(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	ana, ben := s.signIn("ana"), s.signIn("ben")
	s.board.Close()
	s.open(t, s.dir)
	again := "http://" + serveOn(t, New(Options{Central: s.central, Version: "test", Accounts: s.accounts, Operations: s.operations})) + "/"
	ana.url, ben.url = again, again
	for _, v := range []*visitor{ana, ben} {
		if a := v.ask(http.MethodGet, "api/v1/cps", ""); a.code != http.StatusOK {
			t.Fatalf("after a restart: %d", a.code)
		}
	}
	if a := ana.ask(http.MethodDelete, "api/v1/users/ben", ""); a.code != http.StatusNoContent {
		t.Fatal(a)
	}
	hash, err := accounts.HashPassword(t.Context(), "ana", "another password")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.accounts.Change(audit.Actor{Name: "test", Kind: audit.ByLocal}, func(c *audit.BoardChange) error { return s.accounts.SetPassword(c, "ana", hash, "") }); err != nil {
		t.Fatal(err)
	}
	for _, v := range []*visitor{ana, ben} {
		if a := v.ask(http.MethodGet, "api/v1/cps", ""); a.code != http.StatusUnauthorized {
			t.Errorf("a session of nobody: %d", a.code)
		}
	}
}

// TestGuessedPasswords: after ten failures the eleventh attempt has to wait, also with the right
// password, and Retry-After says for how long. Another name from another address need not.
func TestGuessedPasswords(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	v := &visitor{t: t, url: s.url}
	signIn := func(password string) httpResponse {
		return v.ask(http.MethodPost, "api/v1/session", fmt.Sprintf(`{"name":"ana","password":%q}`, password))
	}
	guesses := 0
	for { // each takes a slow machine so long that one more is allowed meanwhile
		a := signIn(fmt.Sprintf("guess number %d", guesses))
		if a.code == http.StatusUnauthorized {
			if guesses++; guesses == 100 {
				t.Fatal("a hundred guesses are answered")
			}
			continue
		}
		if a.code != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || guesses < 10 {
			t.Fatalf("guess %d: %d, Retry-After %q", guesses, a.code, a.header.Get("Retry-After"))
		}
		if right := signIn(testPassword); right.code == http.StatusTooManyRequests {
			break
		}
	}
	peer := netip.MustParseAddr("2001:db8::1")
	if _, err := s.accounts.SignIn(t.Context(), "ben", testPassword, peer, ""); err != nil {
		t.Errorf("ben from elsewhere: %v", err)
	}
}

// TestUserOfAProxy: the header counts from the proxy's address alone, once, and its user needs
// X-CSRF-Token as any other browser does.
func TestUserOfAProxy(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	rules := AccessRules{UserHeader: "X-Forwarded-User", Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	const proxy, other = "10.1.2.3:40000", "11.1.2.3:40000"
	who := func(from string, headers ...string) (session sessionJSON, code int) {
		w := s.served(rules, http.MethodGet, "http://central.example/api/v1/session", from, headers...)
		if w.Code == http.StatusOK {
			if err := json.Unmarshal(w.Body.Bytes(), &session); err != nil {
				t.Fatal(err)
			}
		}
		return session, w.Code
	}
	for _, tc := range []struct {
		from       string
		headers    []string
		name, role string
		code       int
	}{
		{proxy, []string{"X-Forwarded-User", "zoe@example.org"}, "zoe@example.org", "viewer", 200},
		{proxy, []string{"X-Forwarded-User", "ANA"}, "ana", "operator", 200},
		{"[::ffff:10.1.2.3]:40000", []string{"X-Forwarded-User", "ana"}, "ana", "operator", 200},
		{other, []string{"X-Forwarded-User", "ana"}, "", "", 200},
		{"[::1]:40000", []string{"X-Forwarded-User", "ana"}, "", "", 200},
		{proxy, nil, "", "", 200},
		{proxy, []string{"X-Forwarded-User", ""}, "", "", 200},
		{proxy, []string{"X-Forwarded-User", "ana", "X-Forwarded-User", "zoe"}, "", "", 400},
		{proxy, []string{"X-Forwarded-User", "zoe, ana"}, "", "", 400},
		{proxy, []string{"X-Forwarded-User", "a\x1b[2J"}, "", "", 400},
	} {
		if got, code := who(tc.from, tc.headers...); code != tc.code || got.Name != tc.name || got.Role != tc.role {
			t.Errorf("from %s with %q: %d, %s as %q; want %d, %s as %q", tc.from, tc.headers, code, got.Name, got.Role, tc.code, tc.name, tc.role)
		}
	}
	session, _ := who(proxy, "X-Forwarded-User", "ana")
	zoe, _ := who(proxy, "X-Forwarded-User", "zoe")
	const target = "http://central.example/api/v1/users/ben"
	for _, tc := range []struct {
		from, user, csrf string
		want             int
	}{
		{proxy, "ana", "", 403},
		{proxy, "ana", zoe.CSRF, 403},
		{proxy, "zoe", zoe.CSRF, 403}, // a viewer
		{other, "ana", session.CSRF, 401},
		{proxy, "ana", session.CSRF, 204},
	} {
		if got := s.served(rules, http.MethodDelete, target, tc.from, "X-Forwarded-User", tc.user, csrfHeader, tc.csrf).Code; got != tc.want {
			t.Errorf("%s from %s: %d, want %d", tc.user, tc.from, got, tc.want)
		}
	}
	if got := s.served(AccessRules{}, http.MethodGet, "http://central.example/api/v1/cps", proxy, "X-Forwarded-User", "ana").Code; got != 401 {
		t.Errorf("a header that nobody asked for: %d", got)
	}
}

// TestTokens: a token lets a program read or write by its role until it is revoked, without a
// session.
func TestTokens(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	secrets := map[accounts.Role]string{}
	for _, role := range accounts.Roles {
		if err := s.accounts.Change(audit.Actor{Name: "test", Kind: audit.ByLocal}, func(c *audit.BoardChange) (err error) {
			secrets[role], _, err = s.accounts.AddToken(c, "ci-"+string(role), role, time.Hour)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	v := &visitor{t: t, url: s.url}
	ask := func(method, path, secret string) int {
		return v.ask(method, path, "", "Authorization", "Bearer "+secret).code
	}
	for _, tc := range []struct {
		method, path string
		role         accounts.Role
		want         int
	}{
		{http.MethodGet, "api/v1/cps", accounts.Viewer, 200},
		{http.MethodGet, "metrics", accounts.Viewer, 200},
		{http.MethodDelete, "api/v1/users/ben", accounts.Viewer, 403},
		{http.MethodDelete, "api/v1/users/ben", accounts.Operator, 204},
	} {
		if got := ask(tc.method, tc.path, secrets[tc.role]); got != tc.want {
			t.Errorf("%s %s as %s: %d, want %d", tc.method, tc.path, tc.role, got, tc.want)
		}
	}
	if _, ok := s.accounts.TokenOf(secrets[accounts.Viewer], time.Now().Add(2*time.Hour)); ok {
		t.Error("an expired token is good")
	}
	if err := s.accounts.Change(audit.Actor{Name: "test", Kind: audit.ByLocal}, func(c *audit.BoardChange) error { return s.accounts.RevokeToken(c, "CI-viewer") }); err != nil {
		t.Fatal(err)
	}
	if got := ask(http.MethodGet, "api/v1/cps", secrets[accounts.Viewer]); got != 401 {
		t.Errorf("a revoked token: %d", got)
	}
}

// TestFirstToken: it makes one operator, once, and signs him in.
func TestFirstToken(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, true)
	token, err := s.accounts.NewFirstToken()
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, url: s.url}
	if a := v.ask(http.MethodPost, "api/v1/session", `{"token":"`+token+`x"}`); a.code != 401 {
		t.Errorf("another token: %d", a.code)
	}
	a := v.ask(http.MethodPost, "api/v1/session", `{"token":"`+token+`"}`)
	v.take(a)
	setup := *v
	if a := (&visitor{t: t, url: s.url}).ask(http.MethodPost, "api/v1/session", `{"token":"`+token+`"}`); a.code != 401 {
		t.Errorf("used twice: %d", a.code)
	}
	for path, want := range map[string]int{"api/v1/cps": 401, "api/v1/audit": 401, "api/v1/users": 401} {
		if a := v.ask(http.MethodGet, path, ""); a.code != want {
			t.Errorf("%s with the first token: %d, want %d", path, a.code, want)
		}
	}
	if a := v.ask(http.MethodPost, "api/v1/users", `{"name":"ana","password":"`+testPassword+`","role":"viewer"}`); a.code != 400 {
		t.Errorf("a viewer as the first user: %d", a.code)
	}
	a = v.ask(http.MethodPost, "api/v1/users", `{"name":"ana","password":"`+testPassword+`"}`) // without a role: the first user is an operator
	if v.take(a); a.code != 201 || !strings.Contains(a.body, `"role":"operator"`) {
		t.Fatal(a)
	}
	if a := v.ask(http.MethodGet, "api/v1/users", ""); a.code != 200 {
		t.Errorf("who made the first user is not signed in: %d", a.code)
	}
	if a := setup.ask(http.MethodPost, "api/v1/users", `{"name":"eve","password":"`+testPassword+`","role":"operator"}`); a.code != 401 {
		t.Errorf("a second user with the first token: %d", a.code)
	}
}

// TestSignedInAs: who opens the page on this machine gets a session of the user; a request of a
// program, of another site's page or from elsewhere does not.
func TestSignedInAs(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	page := New(Options{Central: s.central, Version: "test", Accounts: s.accounts, Operations: s.operations, Access: AccessRules{Listens: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}}).SignedInAs("ana")
	for _, tc := range []struct {
		host, from, accept, site string
		want                     bool
	}{
		{"localhost", "127.0.0.1:4", "text/html,*/*", "none", true},
		{"localhost", "127.0.0.1:4", "*/*", "none", false},
		{"localhost", "127.0.0.1:4", "text/html", "cross-site", false},
		{"localhost", "192.0.2.1:4", "text/html", "none", false},
		{"evil.example", "127.0.0.1:4", "text/html", "none", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://"+tc.host+"/", http.NoBody)
		r.RemoteAddr = tc.from
		r.Header.Set("Accept", tc.accept)
		r.Header.Set("Sec-Fetch-Site", tc.site)
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		cookies := w.Result().Cookies()
		if got := len(cookies) == 1; got != tc.want || w.Code != http.StatusOK {
			t.Errorf("%+v: %d, %v", tc, w.Code, cookies)
		}
		for _, c := range cookies {
			if in, ok := s.accounts.SessionOf(c.Value, time.Now()); !ok || in.Name != "ana" {
				t.Errorf("the cookie is of %q", in.Name)
			}
		}
	}
}

// TestLongBodiesAreRefusedEarly: ten megabytes are not read, announced or not.
func TestLongBodiesAreRefusedEarly(t *testing.T) {
	s := startPeopleSite(t, AccessRules{PublicBoard: true}, false)
	ana := s.signIn("ana")
	address, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, start := range []string{"GET /api/v1/cps", "POST /api/v1/session", "POST /api/v1/maintenance", "PUT /api/v1/cps/CP_1/owner", "POST /api/v1/ports"} {
		conn, err := net.Dial("tcp", address.Host)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		// The body is announced, and not one byte of it is sent.
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nCookie: %s\r\n%s: %s\r\nContent-Length: 10485760\r\n\r\n", start, ana.cookie, csrfHeader, ana.csrf)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		conn.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
			t.Errorf("%s: %d, close %t", start, resp.StatusCode, resp.Close)
		}
	}
	r, err := http.NewRequest(http.MethodPost, s.url+"api/v1/maintenance", io.LimitReader(zeros{}, 10<<20)) // of unknown length
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Cookie", ana.cookie)
	r.Header.Set(csrfHeader, ana.csrf)
	if resp, err := http.DefaultTransport.RoundTrip(r); err == nil { // the connection may be closed while it is sent
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("in chunks: %d", resp.StatusCode)
		}
	}
}

// zeros is blanks without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
