package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"evcp/internal/audit"
	"evcp/internal/cli"
	"evcp/internal/testbed"
)

// withInput runs a command whose input is a text.
func withInput(t *testing.T, input string, args ...string) (stdout string) {
	t.Helper()
	c := testbed.Self(t, args...)
	c.Stdin = strings.NewReader(input)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return string(out)
}

// boardSite is a Central that runs, and a token of an operator.
type boardSite struct {
	t                *testing.T
	dir, page, token string
	central          *testbed.Subprocess
}

// begin starts it.
func (s *boardSite) begin() {
	s.t.Helper()
	s.page = testbed.FreeAddr(s.t)
	s.central = start(s.t, "--listen", testbed.FreeAddr(s.t), "--http", s.page, "--state-dir", s.dir, "--log-format", "text")
	s.central.Stderr.Line("· started")
}

// ask makes a request with the token.
func (s *boardSite) ask(method, path, body, key string) (code int, answer string, err error) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.page+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// list reads all of a list that comes in pages.
func (s *boardSite) list(path, name string) (all []map[string]any) {
	s.t.Helper()
	cursor := ""
	for {
		_, text, err := s.ask(http.MethodGet, path+"?limit=1000"+cursor, "", "")
		if err != nil {
			s.t.Fatal(err)
		}
		var page map[string]json.RawMessage
		var rows []map[string]any
		var next *string
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			s.t.Fatalf("%v: %s", err, text)
		}
		if err := json.Unmarshal(page[name], &rows); err != nil {
			s.t.Fatal(err)
		}
		if err := json.Unmarshal(page["next"], &next); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, rows...)
		if next == nil {
			return all
		}
		cursor = "&cursor=" + *next
	}
}

// TestKilledBetweenAChangeAndItsLine: a Central that is killed while changes come has, after each
// start, for every change its line in the audit log and for every line its change; none that was
// answered is lost, and one that is sent again with its key is made once.
func TestKilledBetweenAChangeAndItsLine(t *testing.T) {
	t.Parallel()
	s := &boardSite{t: t, dir: t.TempDir()}
	withInput(t, "a long password\n", "user", "add", "ana", "--role", "operator", "--state-dir", s.dir)
	lines := strings.Fields(withInput(t, "", "token", "--name", "ci", "--role", "operator", "--expires", "1d", "--state-dir", s.dir))
	s.token = lines[len(lines)-1]
	to := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	answered := map[string]bool{}
	body := func(n int) string { return fmt.Sprintf(`{"cp_id":"CP_1","to":%q,"reason":"S%d"}`, to, n) }
	n := 0
	for round := range 4 {
		s.begin()
		if code, text, err := s.ask(http.MethodPut, "/api/v1/ports/A", `{"lines":[{"cp_id":"CP_1"}]}`, ""); code != http.StatusOK {
			t.Fatal(code, text, err)
		}
		var killed atomic.Bool
		kill := sync.OnceFunc(func() { // some time after the first answer
			time.AfterFunc(time.Duration(20+40*round)*time.Millisecond, func() { killed.Store(true); s.central.Signal(syscall.SIGKILL) })
		})
		for {
			code, text, err := s.ask(http.MethodPost, "/api/v1/maintenance", body(n), fmt.Sprint("key ", n))
			if err != nil {
				break // it is sent again to the next one
			}
			if code != http.StatusCreated {
				t.Fatalf("%d %s", code, text)
			}
			answered[fmt.Sprint("S", n)] = true
			n++
			kill()
		}
		s.central.Wait()
		if !killed.Load() {
			t.Fatal("Central ended by itself")
		}
		s.begin()
		windows, log := map[string]int{}, map[string]int{}
		for _, w := range s.list("/api/v1/maintenance", "maintenance") {
			windows[fmt.Sprint(w["reason"])]++
		}
		for _, l := range s.list("/api/v1/audit", "lines") {
			if window, _ := l["after"].(map[string]any); l["action"] == "add_maintenance" {
				log[fmt.Sprint(window["reason"])]++
			}
		}
		for site, times := range windows {
			if times != 1 || log[site] != 1 {
				t.Errorf("round %d: %s stands %d times in the windows and %d times in the log", round, site, times, log[site])
			}
		}
		for site := range answered {
			if windows[site] != 1 {
				t.Errorf("round %d: %s was answered, and is lost", round, site)
			}
		}
		if len(log) != len(windows) || len(windows) < len(answered) {
			t.Errorf("round %d: %d windows, %d lines, %d answered", round, len(windows), len(log), len(answered))
		}
		s.central.Terminate()
	}
	if n < 4 {
		t.Errorf("only %d changes were made", n)
	}
}

// TestFirstTokenIsAFile: without a terminal the first token is in a file that only its owner can
// read. Its first use deletes it, and so does a user who is made in another way.
func TestFirstTokenIsAFile(t *testing.T) {
	s := &boardSite{t: t, dir: t.TempDir()}
	s.begin()
	path := filepath.Join(s.dir, firstTokenFile)
	s.central.Stderr.Line("the token in this file makes the first user")
	s.boardIsPrivate()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", err, info)
	}
	token, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post("http://"+s.page+"/api/v1/session", "application/json", strings.NewReader(`{"token":"`+strings.TrimSpace(string(token))+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if _, err := os.Stat(path); resp.StatusCode != http.StatusOK || !os.IsNotExist(err) {
		t.Errorf("%d; the file after its use: %v", resp.StatusCode, err)
	}
	s.central.Terminate()
	s.begin()
	s.central.Stderr.Line("the token in this file makes the first user")
	if again, err := os.ReadFile(path); err != nil || bytes.Equal(again, token) {
		t.Errorf("the next start: %v, %q", err, again)
	}
	withInput(t, "a long password\n", "user", "add", "ana", "--role", "operator", "--state-dir", s.dir)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file after a user was made: %v", err)
	}
	s.boardIsPrivate()
}

// boardIsPrivate checks that nobody else on this machine can read the hashes of passwords.
func (s *boardSite) boardIsPrivate() {
	s.t.Helper()
	for _, file := range []string{audit.FileName, audit.FileName + "-wal"} {
		if info, err := os.Stat(filepath.Join(s.dir, file)); err != nil || info.Mode().Perm() != 0o600 {
			s.t.Errorf("%s: %v, %v", file, err, info)
		}
	}
}

// TestUsersAndTokens: the commands work without a Central and with one that runs; a backup has
// them.
func TestUsersAndTokens(t *testing.T) {
	t.Parallel()
	s := &boardSite{t: t, dir: t.TempDir()}
	at := func(args ...string) []string { return append(args, "--state-dir", s.dir) }
	withInput(t, "a long password\n", at("user", "add", "ana", "--role", "operator")...)
	s.begin()
	withInput(t, "a long password\r\n", at("user", "add", "ben", "--role", "viewer")...)
	withInput(t, "another password\n", at("user", "password", "ben")...)
	withInput(t, "", at("token", "--name", "ci", "--role", "viewer")...)
	if got := withInput(t, "", at("user", "list")...); !strings.Contains(got, "ana") || !strings.Contains(got, "ben") || !strings.Contains(got, "viewer") {
		t.Errorf("the users are %s", got)
	}
	if got := withInput(t, "", at("token", "list")...); !strings.Contains(got, "ci") {
		t.Errorf("the tokens are %s", got)
	}
	withInput(t, "", at("token", "revoke", "ci")...)
	withInput(t, "", at("user", "remove", "ben")...)
	if got := withInput(t, "", at("token", "list")...); got != "no tokens\n" {
		t.Errorf("without tokens: %q", got)
	}
	nowhere := filepath.Join(t.TempDir(), "misspelt")
	badPorts := filepath.Join(t.TempDir(), "ports.csv")
	if err := os.WriteFile(badPorts, []byte("port,cp_id,commissioned\nP1,CP_001,2026-99-01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{at("user", "remove", "ana"), cli.ExitFailed, "the last operator"},
		{at("user", "remove", "zoe"), cli.ExitFailed, "user remove zoe: there is nobody of this name"},
		{at("user", "remove", "zoe", "--lang", "es"), cli.ExitFailed, "no hay nadie con ese nombre"},
		{[]string{"user", "list", "--state-dir", nowhere}, cli.ExitFailed, "no Central has kept anything in"},
		{[]string{"token", "--name", "x", "--role", "viewer", "--state-dir", nowhere}, cli.ExitFailed, "no Central has kept anything in"},
		{at("user", "add", "a b", "--role", "viewer"), cli.ExitUsage, "1 to 64 of"},
		{at("user", "add", "zoe"), cli.ExitUsage, "needs --role"},
		{at("user", "add", "zoe", "--role", "admin"), cli.ExitUsage, "viewer"},
		{at("token", "--role", "viewer"), cli.ExitUsage, "for which program"},
		{at("token", "--name", "x", "--role", "viewer", "--expires", "9999d"), cli.ExitUsage, "3660d"},
		{[]string{"--ports", badPorts, "--listen", "127.0.0.1:0", "--http", "", "--state-dir", nowhere}, cli.ExitUsage, "line 2: commissioned"},
		{[]string{"--trust-user-header", "X-User", "--state-dir", s.dir}, cli.ExitUsage, "--trust-proxy"},
		{[]string{"--oidc-issuer", "https://login.example", "--oidc-client-id", "evcp", "--state-dir", s.dir}, cli.ExitUsage, "--page-url"},
		{[]string{"--oidc-issuer", "http://login.example", "--state-dir", s.dir}, cli.ExitUsage, "https://login.example.net/realms/x"},
		{[]string{"--oidc-client-id", "evcp", "--state-dir", s.dir}, cli.ExitUsage, "--oidc-issuer"},
		{[]string{"--oidc-issuer", "https://login.example", "--oidc-client-id", "evcp", "--page-url", "https://x", "--oidc-client-secret-file", s.dir + "/none", "--http", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--state-dir", s.dir}, cli.ExitUsage, "oidc-client-secret-file"},
		{[]string{"--page-url", "central.example", "--state-dir", s.dir}, cli.ExitUsage, "https://central.example.net"},
		{[]string{"--ocpi-party", "ESABC", "--state-dir", s.dir}, cli.ExitUsage, "ES-ABC"},
		{[]string{"--trust-proxy", "10.0.0.0/99", "--state-dir", s.dir}, cli.ExitUsage, "a network is"},
	} {
		if _, stderr, code := output(t, tc.args...); code != tc.code || !strings.Contains(unwrapped(stderr), tc.want) {
			t.Errorf("%q: exit %d, %s", tc.args, code, stderr)
		}
	}
	backup := filepath.Join(t.TempDir(), "b.db")
	if got := withInput(t, "", at("backup", backup)...); !strings.Contains(got, "b-board.db") {
		t.Errorf("the backup says %s", got)
	}
	restored := t.TempDir()
	if err := os.Rename(boardBackup(backup), filepath.Join(restored, audit.FileName)); err != nil {
		t.Fatal(err)
	}
	if got := withInput(t, "", "user", "list", "--state-dir", restored); !strings.Contains(got, "ana") || strings.Contains(got, "ben") {
		t.Errorf("the users of the backup are %s", got)
	}
}
