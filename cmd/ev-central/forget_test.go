package main

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"evcp/internal/central"
	"evcp/internal/cli"
	"evcp/internal/language"
	"evcp/internal/testbed"
)

// forget removes a misspelt charge point from a Central that runs, and from the folder of
// one that does not.
func TestForget(t *testing.T) {
	t.Parallel()
	dir, monitors := t.TempDir(), testbed.FreeAddr(t)
	r := start(t, "--listen", monitors, "--http", "", "--state-dir", dir, "--log-format", "text")
	r.Stderr.Line("· started")
	conn, err := net.Dial("tcp", monitors)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := func(id, message, want string) {
		t.Helper()
		got := make([]byte, 100)
		fmt.Fprintf(conn, "EV_CP_M %s %s\n", id, message)
		if n, err := conn.Read(got); err != nil || string(got[:n]) != want+"\n" {
			t.Fatalf("%s %s: %q, %v", id, message, got[:n], err)
		}
	}
	for _, id := range []string{"CP_001", "CP_OO2", "CP_OO3"} {
		ask(id, "registration request", "Authentication successful")
	}
	run := func(wantCode int, want string, args ...string) {
		t.Helper()
		stdout, stderr, code := output(t, append(args, "--state-dir", dir)...)
		if code != wantCode || !strings.Contains(unwrapped(stdout+stderr), want) {
			t.Errorf("%s: exit %d, %s%s; want %d, %s", args, code, stdout, stderr, wantCode, want)
		}
	}
	run(cli.ExitOK, "forgot CP_OO2 and its history", "forget", "CP_OO2")
	r.Stderr.Line("CP_OO2 forgotten, with what it said")
	ask("CP_OO2", "heartbeat OK", "KO not registered")
	run(cli.ExitFailed, "Central does not know it", "forget", "CP_OO2")
	run(cli.ExitUsage, "forget which charge point?", "forget")
	run(cli.ExitUsage, "CP 2", "forget", "CP 2")
	run(cli.ExitUsage, "Did you mean forget?", "forgt", "CP_OO2")
	r.Signal(syscall.SIGINT)
	r.Wait()
	run(cli.ExitOK, "forgot CP_OO3 and its history", "forget", "CP_OO3")
	run(cli.ExitFailed, "Central does not know it", "forget", "CP_OO3")
	dir = t.TempDir()
	run(cli.ExitFailed, "no Central has kept anything", "forget", "CP_001")
}

func TestNotKnown(t *testing.T) {
	if got := notKnown(language.English, central.StateCounts{Activated: 3}); got != "" {
		t.Errorf("all is known, and yet %q", got)
	}
	if got := notKnown(language.English, central.StateCounts{LastKnownFaulted: 1, Unverified: 2, Expected: 3}); got != ", 1 last known faulted, 2 unverified, 3 never heard" {
		t.Errorf("%q", got)
	}
}

// Without --http the page listens on this machine alone, and the start says where it
// listens.
func TestPageListensOnLoopback(t *testing.T) {
	for _, s := range program(&options{}).Settings {
		if s.Name == "http" && !strings.HasPrefix(s.Default, "127.0.0.1:") {
			t.Errorf("--http defaults to %s", s.Default)
		}
	}
	for _, tc := range []struct {
		listens string
		public  bool
		want    string
	}{
		{"127.0.0.1:0", false, "this machine only; --http :8080 opens it"},
		{":0", false, "every interface, port [0-9]+; asks for a login"},
		{":0", true, "every interface, port [0-9]+; to read without a login"},
	} {
		ln, err := net.Listen("tcp", tc.listens)
		if err != nil {
			t.Fatal(err)
		}
		board := boardSettings{publicBoard: tc.public}
		if got := board.whoMayRead(language.English, ln); !regexp.MustCompile("^" + tc.want + "$").MatchString(got) {
			t.Errorf("%s: %q, want %q", tc.listens, got, tc.want)
		}
		ln.Close()
	}
	page := testbed.FreeAddr(t)
	r := start(t, "--listen", testbed.FreeAddr(t), "--http", page, "--state-dir", t.TempDir(), "--log-format", "logfmt")
	r.Stderr.Line("page_listens=" + page)
	resp, err := http.Get("http://" + page + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	r.Signal(syscall.SIGINT)
	r.Wait()
}
