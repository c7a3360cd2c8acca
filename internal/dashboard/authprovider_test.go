package dashboard

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"evcp/internal/accounts"
	"evcp/internal/audit"
)

const (
	testClient  = "evcp"
	testSecret  = "a client's secret"
	testPageURL = "https://central.example/evcp"
)

// testProvider is an OpenID Connect provider: everybody is signed in at once, as email.
type testProvider struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu    sync.Mutex
	email string
	asked map[string]url.Values       // for a sign-in, by code
	spoil func(claims map[string]any) // makes the ID token another one
	other *rsa.PrivateKey             // signs it, in the place of key
	gone  bool
}

func startProvider(t *testing.T) *testProvider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &testProvider{key: key, email: "eva@example.net", asked: map[string]url.Values{}}
	mux := http.NewServeMux()
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Close)
	answer := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.gone {
			http.Error(w, "down for <maintenance>\x1b[2J", http.StatusServiceUnavailable)
			return
		}
		answer(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/token", p.token)
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.FormValue("redirect_uri")+"?"+p.signedIn(r.URL.Query()).Encode(), http.StatusFound)
	})
	return p
}

// comeBack is what the provider does with a browser that was sent there: the address to which it
// is led back.
func (p *testProvider) comeBack(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, p.URL+"/authorize?") {
		t.Fatalf("%v: the browser is sent to %s", err, address)
	}
	q := u.Query()
	if q.Get("client_id") != testClient || q.Get("response_type") != "code" || q.Get("scope") != "openid email" || q.Get("code_challenge_method") != "S256" || q.Get("redirect_uri") != testPageURL+callbackPath || q.Get("nonce") == "" || q.Get("nonce") == q.Get("state") {
		t.Errorf("it is asked for %v", q)
	}
	return callbackPath[1:] + "?" + p.signedIn(q).Encode()
}

// signedIn are the parameters with which a browser comes back.
func (p *testProvider) signedIn(asked url.Values) url.Values {
	code := rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[code] = asked
	return url.Values{"code": {code}, "state": {asked.Get("state")}, "session_state": {"x"}}
}

// token redeems a code, once.
func (p *testProvider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	asked := p.asked[r.FormValue("code")]
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if secret, _ = url.QueryUnescape(secret); asked == nil || id != testClient || secret != testSecret || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	delete(p.asked, r.FormValue("code"))
	claims := map[string]any{
		"iss": p.URL, "aud": testClient, "sub": "1", "nonce": asked.Get("nonce"), "email": p.email, "email_verified": true,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	if p.spoil != nil {
		p.spoil(claims)
	}
	key := p.key
	if p.other != nil {
		key = p.other
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		panic(err)
	}
	text, _ := json.Marshal(claims)
	signed, err := signer.Sign(text)
	if err != nil {
		panic(err)
	}
	raw, _ := signed.CompactSerialize()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": raw})
}

// startProviderSite is a site where people sign in at a provider.
func startProviderSite(t *testing.T) (*peopleSite, *testProvider) {
	t.Helper()
	p, s := startProvider(t), startPeopleSite(t, AccessRules{}, false)
	s.page = New(Options{
		Central: s.central, Version: "test", History: testHistory(t), Accounts: s.accounts, Operations: s.operations, PageURL: testPageURL,
		Provider: &SignInProvider{Issuer: p.URL, ClientID: testClient, Secret: func() string { return testSecret }, Transport: p.Client().Transport},
	})
	s.url = "http://" + serveOn(t, s.page) + "/"
	return s, p
}

// cookieIn is a cookie of an answer, as a browser sends it.
func cookieIn(a httpResponse, name string) string {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == name {
			return c.Name + "=" + c.Value
		}
	}
	return ""
}

// signInAt goes the whole way, and returns the browser and the last answer.
func (s *peopleSite) signInAt(p *testProvider, to string) (v *visitor, last httpResponse) {
	s.t.Helper()
	v = &visitor{t: s.t, url: s.url}
	begun := v.ask(http.MethodGet, providerPath[1:]+"?to="+url.QueryEscape(to), "")
	if flow := begun.header.Get("Set-Cookie"); begun.code != http.StatusSeeOther || !strings.Contains(flow, "HttpOnly") || !strings.Contains(flow, "SameSite=Lax") || !strings.Contains(flow, "Path=/;") || !strings.Contains(flow, "Max-Age=600") {
		s.t.Fatalf("%d %q", begun.code, flow)
	}
	v.cookie = cookieIn(begun, plainFlowCookie)
	last = v.ask(http.MethodGet, p.comeBack(s.t, begun.header.Get("Location")), "")
	if v.cookie = cookieIn(last, plainCookie); v.cookie != "" {
		v.csrf = s.sessionOf(v).CSRF
	}
	return v, last
}

// sessionOf is who a browser is.
func (s *peopleSite) sessionOf(v *visitor) (in sessionJSON) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(v.ask(http.MethodGet, sessionPath[1:], "").body), &in); err != nil {
		s.t.Fatal(err)
	}
	return in
}

// TestSignInAtProvider: who has an account at the provider is a viewer, or what a user of that name
// is here; his session is like any other, and has its lines in the log.
func TestSignInAtProvider(t *testing.T) {
	s, p := startProviderSite(t)
	s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_1 ENGINE_FAILURE")
	eva, last := s.signInAt(p, "/cp/CP_1?lang=es")
	if last.header.Get("Location") != testPageURL+"/cp/CP_1?lang=es" || last.header.Get("Cache-Control") != "no-store" {
		t.Errorf("she is led to %v", last.header)
	}
	for _, want := range []string{plainCookie + "=", "HttpOnly", "SameSite=Strict", "Path=/;", plainFlowCookie + "=; ", "Max-Age=0"} {
		if all := strings.Join(last.header.Values("Set-Cookie"), "\n"); !strings.Contains(all, want) {
			t.Errorf("%s lacks %s", all, want)
		}
	}
	if in := s.sessionOf(eva); in.Name != "eva@example.net" || in.Role != "viewer" || in.Password || in.Provider != p.URL {
		t.Errorf("she is %+v", in)
	}
	if a := eva.ask(http.MethodPut, "api/v1/cps/CP_1/owner", `{}`); a.code != http.StatusForbidden {
		t.Errorf("a viewer writes: %d", a.code)
	}
	addUser(t, s.accounts, "Eva@example.net", accounts.Operator)
	if a := eva.ask(http.MethodPut, "api/v1/cps/CP_1/owner", `{}`, csrfHeader, ""); a.code != http.StatusForbidden {
		t.Errorf("without the CSRF value: %d", a.code)
	}
	if a := eva.ask(http.MethodPut, "api/v1/cps/CP_1/owner", `{}`); a.code != http.StatusOK {
		t.Errorf("an operator by now: %d %s", a.code, a.body)
	}
	s.board.Close()
	s.open(t, s.dir)
	if got, ok := s.accounts.SessionOf(strings.TrimPrefix(eva.cookie, plainCookie+"="), time.Now()); !ok || got.Name != "eva@example.net" || got.Role != accounts.Operator || !got.Provider {
		t.Errorf("after a restart: %+v, %v", got, ok)
	}
	lines, err := s.accounts.AuditLines(1, 4)
	if err != nil || len(lines) != 1 || lines[0].Action != audit.SignIn.String() || lines[0].Target != "eva@example.net" || lines[0].By.Kind != audit.ByProvider || lines[0].By.Peer != "127.0.0.1" {
		t.Errorf("%v: the log has %+v", err, lines)
	}
	if did := s.lines(t); did[len(did)-1] != "take CP_1 by provider eva@example.net" {
		t.Errorf("the log has %q", did)
	}
}

// TestProviderSignsOut: a sign-out ends the session for good.
func TestProviderSignsOut(t *testing.T) {
	s, p := startProviderSite(t)
	eva, _ := s.signInAt(p, "")
	if a := eva.ask(http.MethodDelete, sessionPath[1:], ""); a.code != http.StatusNoContent {
		t.Fatal(a)
	}
	if a := eva.ask(http.MethodGet, "api/v1/audit", ""); a.code != http.StatusUnauthorized {
		t.Errorf("%d", a.code)
	}
}

// TestProviderRefusals: an answer that is not the provider's own, for this Central, now, and for
// this browser, signs nobody in; no address leads away from the page.
func TestProviderRefusals(t *testing.T) {
	s, p := startProviderSite(t)
	forged, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, a httpResponse) {
		t.Helper()
		if a.code != http.StatusSeeOther || a.header.Get("Location") != testPageURL+"/signin?failed=provider" || cookieIn(a, plainCookie) != "" {
			t.Errorf("%s: %d %v", what, a.code, a.header)
		}
	}
	for what, spoil := range map[string]func(map[string]any){
		"another nonce":                       func(c map[string]any) { c["nonce"] = "x" },
		"no nonce":                            func(c map[string]any) { delete(c, "nonce") },
		"another client":                      func(c map[string]any) { c["aud"] = "other" },
		"another issuer":                      func(c map[string]any) { c["iss"] = "https://evil.example" },
		"expired":                             func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() },
		"an address that nobody verified":     func(c map[string]any) { c["email_verified"] = false },
		"an address that may not be verified": func(c map[string]any) { delete(c, "email_verified") },
		"no address":                          func(c map[string]any) { delete(c, "email") },
		"an escape":                           func(c map[string]any) { c["email"] = "eva\x1b[2J@example.net" },
		"a long name":                         func(c map[string]any) { c["email"] = strings.Repeat("e", maxProvedName+1) },
		"a long token":                        func(c map[string]any) { c["x"] = strings.Repeat("e", maxReply) },
	} {
		p.mu.Lock()
		p.spoil = spoil
		p.mu.Unlock()
		_, a := s.signInAt(p, "/")
		refused(what, a)
	}
	p.mu.Lock()
	p.spoil, p.other = nil, forged
	p.mu.Unlock()
	_, a := s.signInAt(p, "/")
	refused("another key", a)
	p.mu.Lock()
	p.other = nil
	p.mu.Unlock()

	v := &visitor{t: t, url: s.url}
	begin := func(to string) (back, flow string) {
		t.Helper()
		a := v.ask(http.MethodGet, providerPath[1:]+"?to="+url.QueryEscape(to), "")
		return p.comeBack(t, a.header.Get("Location")), cookieIn(a, plainFlowCookie)
	}
	back, flow := begin("/")
	refused("no cookie", v.ask(http.MethodGet, back, ""))
	refused("the cookie of another sign-in", v.ask(http.MethodGet, back, "", "Cookie", plainFlowCookie+"="+strings.Repeat("A", 43)+"."))
	refused("another state", v.ask(http.MethodGet, strings.Replace(back, "&state=", "&state=x", 1), "", "Cookie", flow))
	refused("another code", v.ask(http.MethodGet, strings.Replace(back, "code=", "code=x", 1), "", "Cookie", flow))
	refused("an error", v.ask(http.MethodGet, callbackPath[1:]+"?error=access_denied", "", "Cookie", flow))
	if a := v.ask(http.MethodGet, back, "", "Cookie", flow); cookieIn(a, plainCookie) == "" {
		t.Errorf("the right one: %d %v", a.code, a.header)
	}
	refused("a code that was used", v.ask(http.MethodGet, back, "", "Cookie", flow))
	for to, want := range map[string]string{"": "/", "//evil.example": "//evil.example", "https://evil.example": "/", "@evil.example": "/", "/\r\nX: y": "/", strings.Repeat("/", maxGoOn+1): "/"} {
		back, flow := begin(to)
		a := v.ask(http.MethodGet, back, "", "Cookie", flow)
		if at, err := url.Parse(a.header.Get("Location")); err != nil || at.Host != "central.example" || !strings.HasPrefix(a.header.Get("Location"), testPageURL+want) || a.header.Get("X") != "" {
			t.Errorf("%q leads to %v", to, a.header)
		}
	}
	p.mu.Lock()
	p.gone = true
	p.mu.Unlock()
	refused("a provider that is away", v.ask(http.MethodGet, providerPath[1:], ""))
	lines, err := s.accounts.AuditLines(1000, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range lines {
		if l.Action == "refuse_sign_in" {
			n++
		}
	}
	if n != 10 { // of many, as for passwords
		t.Errorf("%d lines of who was refused", n)
	}
}

// TestDescriptionHasTheProvider: what its paths answer is described.
func TestDescriptionHasTheProvider(t *testing.T) {
	d, c := openDescription(t)
	s, p := startProviderSite(t)
	closed := New(Options{Central: s.central, Version: "test", PageURL: testPageURL, Provider: &SignInProvider{Issuer: p.URL}})
	full := New(Options{Central: s.central, Version: "test", Accounts: s.accounts, PageURL: testPageURL, Provider: &SignInProvider{Issuer: p.URL}})
	for range cap(full.providers) {
		full.providers <- struct{}{}
	}
	none := New(Options{Central: s.central, Version: "test", Accounts: s.accounts})
	seen := map[string]bool{}
	ask := func(page *Dashboard, path, query, host string) {
		t.Helper()
		a := (&visitor{t: t, url: "http://" + serveOn(t, page) + "/"}).ask(http.MethodGet, path[1:]+query, "", "Host", host)
		code := strconv.Itoa(a.code)
		if _, described := d.Paths[path]["get"].Responses[code]; !described {
			t.Errorf("%s: %s is not described: %s", path, code, a.body)
		}
		seen[path+" "+code] = true
		if a.code != http.StatusSeeOther {
			checkAnswer(t, c, path, "get", a, true)
		}
	}
	for _, path := range []string{providerPath, callbackPath} {
		ask(s.page, path, "", "localhost")
		ask(s.page, path, "", "evil.example")
		ask(none, path, "", "localhost")
		ask(closed, path, "", "localhost")
		ask(full, path, "", "localhost")
	}
	ask(s.page, providerPath, "?from=x", "localhost")
	for _, path := range []string{providerPath, callbackPath} {
		for code := range d.Paths[path]["get"].Responses {
			if !seen[path+" "+code] {
				t.Errorf("%s never answers %s", path, code)
			}
		}
	}
}
