package dashboard

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"evcp/internal/accounts"
	"evcp/internal/audit"
	"evcp/internal/central"
	"evcp/internal/operations"
)

// peopleSite is a Central whose page has users: ana, an operator, and ben, a viewer.
type peopleSite struct {
	*testServer
	board      *audit.BoardDB
	accounts   *accounts.Store
	operations *operations.Store
	page       *Dashboard
	dir        string // of board.db
	url        string // ends with /
}

const testPassword = "correct horse battery"

// startPeopleSite starts one. nobody: without the users.
func startPeopleSite(t *testing.T, access AccessRules, nobody bool) *peopleSite {
	t.Helper()
	s := &peopleSite{testServer: startTestServer(t, central.Options{}, anyPort, anyPort), dir: t.TempDir()}
	s.open(t, s.dir)
	if !nobody {
		addUser(t, s.accounts, "ana", accounts.Operator)
		addUser(t, s.accounts, "ben", accounts.Viewer)
	}
	s.page = New(Options{Central: s.central, Version: "test", History: testHistory(t), Accounts: s.accounts, Operations: s.operations, Access: access})
	s.url = "http://" + serveOn(t, s.page) + "/"
	return s
}

func (s *peopleSite) open(t *testing.T, dir string) {
	t.Helper()
	var err error
	if s.board, err = audit.Open(dir, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.board.Close() })
	if s.accounts, err = accounts.Open(s.board, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if s.operations, err = operations.Open(s.board); err != nil {
		t.Fatal(err)
	}
}

func addUser(t *testing.T, s *accounts.Store, name string, role accounts.Role) {
	t.Helper()
	hash, err := accounts.HashPassword(t.Context(), name, testPassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Change(audit.Actor{Name: "test", Kind: audit.ByLocal}, func(c *audit.BoardChange) error {
		_, err := s.AddUser(c, name, role, hash)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// visitor is who asks: a session, or nobody.
type visitor struct {
	t            *testing.T
	url          string // of the page; ends with /
	cookie, csrf string
}

// signIn signs a user in.
func (s *peopleSite) signIn(name string) *visitor {
	s.t.Helper()
	b := &visitor{t: s.t, url: s.url}
	a := b.ask(http.MethodPost, "api/v1/session", `{"name":"`+name+`","password":"`+testPassword+`"}`)
	if a.code != http.StatusOK {
		s.t.Fatalf("%s can't sign in: %d %s", name, a.code, a.body)
	}
	b.take(a)
	return b
}

// take takes the session of an answer.
func (v *visitor) take(a httpResponse) {
	v.t.Helper()
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	if cookie != "" {
		v.cookie = cookie
	}
	var session sessionJSON
	if err := json.Unmarshal([]byte(v.ask(http.MethodGet, "api/v1/session", "").body), &session); err != nil {
		v.t.Fatal(err)
	}
	v.csrf = session.CSRF
}

// ask makes a request. more are names and values of headers, in turns; with "" as its value a
// header is left out.
func (v *visitor) ask(method, path, body string, more ...string) httpResponse {
	v.t.Helper()
	var reader io.Reader = http.NoBody
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, reader)
	if err != nil {
		v.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if v.cookie != "" {
		r.Header.Set("Cookie", v.cookie)
	}
	if v.csrf != "" {
		r.Header.Set(csrfHeader, v.csrf)
	}
	for i := 0; i < len(more); i += 2 {
		switch name, value := more[i], more[i+1]; {
		case value == "":
			r.Header.Del(name)
		case name == "Host":
			r.Host = value
		default:
			r.Header.Add(name, value)
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return httpResponse{resp.StatusCode, resp.Header, string(text)}
}
