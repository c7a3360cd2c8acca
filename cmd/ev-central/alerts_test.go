package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"evcp/internal/cli"
	"evcp/internal/language"
	"evcp/internal/testbed"
)

// hook is a webhook.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	taken  chan string // the kind of each that was taken
	asked  chan struct{}
	answer func(w http.ResponseWriter) bool // false: it is not taken
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{taken: make(chan string, 100), asked: make(chan struct{}, 100)}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // its sender was killed
	}
	_, kind, _ := strings.Cut(string(body), `"kind":"`)
	kind, _, _ = strings.Cut(kind, `"`)
	h.mu.Lock()
	answer := h.answer
	h.mu.Unlock()
	h.asked <- struct{}{}
	if answer != nil && !answer(w) {
		return
	}
	h.taken <- kind
}

func (h *hook) set(answer func(w http.ResponseWriter) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

// line is what an alert file says for it.
func (h *hook) line() string {
	return "webhook+" + h.URL + "/path?token=S3CR3Tquery#S3CR3Tkey0123456\n"
}

func (h *hook) await(t *testing.T, kind string) {
	t.Helper()
	select {
	case got := <-h.taken:
		if got != kind {
			t.Fatalf("%s came, not %s", got, kind)
		}
	case <-time.After(testbed.Patience):
		t.Fatalf("no message %s", kind)
	}
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "alerts")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWrongAlertFiles(t *testing.T) {
	readable := secretFile(t, "slack+https://h/S3CR3T\n")
	if err := os.Chmod(readable, 0o640); err != nil { //nolint:gosec // it is what is refused
		t.Fatal(err)
	}
	for _, tc := range []struct{ flag, path, want string }{
		{"--alert-file", readable, "has mode 0640 and holds secrets: chmod 600 it"},
		{"--alert-file", secretFile(t, "\nftp://h/S3CR3T\n"), "line 2: ftp:// is not known"},
		{"--alert-file", secretFile(t, ""), "it names no receiver"},
		{"--alert-file", filepath.Join(t.TempDir(), "none"), "no such file"},
		{"--alert-language", "fr", "en or es is needed"},
		{"--alert-language", "es,=en", "en or es is needed"},
		{"--deadman-file", secretFile(t, "https://h/S3CR3T\nhttps://h/other\n"), "it needs one URL"},
		{"--deadman-file", readable, "has mode 0640"},
	} {
		_, stderr, code := output(t, "--listen", "127.0.0.1:0", "--http", "", "--state-dir", t.TempDir(), tc.flag, tc.path)
		if code != cli.ExitUsage || !strings.Contains(unwrapped(stderr), tc.want) || !strings.Contains(stderr, tc.flag) || strings.Contains(stderr, "S3CR3T") {
			t.Errorf("%s %s: exit %d, %s", tc.flag, tc.path, code, stderr)
		}
	}
}

func TestAlertLanguages(t *testing.T) {
	var l alertLanguages
	if err := l.set("en, Gandía Puerto=es"); err != nil {
		t.Fatal(err)
	}
	if l.locale("").Language != language.English || l.locale("Gandía Puerto").Language != language.Spanish || l.locale("other").Language != language.English {
		t.Errorf("%v", l)
	}
}

// alert test asks a running Central, or sends itself; its exit code says whether all took it.
func TestAlertTest(t *testing.T) {
	h, dir := newHook(t), t.TempDir()
	file := secretFile(t, h.line())
	run := func(wantCode int, want string, args ...string) {
		t.Helper()
		stdout, stderr, code := output(t, append([]string{"alert", "test", "--state-dir", dir}, args...)...)
		if code != wantCode || !strings.Contains(unwrapped(stdout+stderr), want) || strings.Contains(stdout+stderr, "S3CR3T") {
			t.Errorf("%s: exit %d, %s%s; want %d, %s", args, code, stdout, stderr, wantCode, want)
		}
	}
	run(cli.ExitUsage, "no Central runs in")
	run(cli.ExitOK, "webhook+"+h.URL+" took it in", "--alert-file", file)
	h.await(t, "test")
	r := start(t, "--listen", testbed.FreeAddr(t), "--http", "", "--state-dir", dir, "--log-format", "text", "--alert-file", file)
	r.Stderr.Line("· started")
	run(cli.ExitOK, "took it in")
	h.await(t, "test")
	h.set(func(w http.ResponseWriter) bool {
		http.Error(w, "no such path /path?token=S3CR3Tquery \x1b[2J", http.StatusNotFound)
		return false
	})
	run(cli.ExitFailed, `did not take it, after`)
	run(cli.ExitFailed, `404 Not Found: no such path … \x1b[2J`)
	run(cli.ExitFailed, "1 of 1 receivers did not take it")
}

// TestAlertsSurviveKillNine: a Central that is killed while a message is on its way sends it
// after its restart; one that is killed when it was just taken repeats that one at most.
func TestAlertsSurviveKillNine(t *testing.T) {
	t.Parallel()
	h, dir, monitors := newHook(t), t.TempDir(), testbed.FreeAddr(t)
	args := []string{"--listen", monitors, "--http", "", "--state-dir", dir, "--log-format", "text", "--alert-file", secretFile(t, h.line()), "--alert-after", "1s"}
	hang := make(chan struct{})
	defer close(hang)
	h.set(func(http.ResponseWriter) bool { <-hang; return false })
	r := start(t, args...)
	r.Stderr.Line("· started")
	say(t, monitors, "CP_001", "ENGINE_FAILURE")
	select {
	case <-h.asked:
	case <-time.After(testbed.Patience):
		t.Fatal("nothing is sent")
	}
	say(t, monitors, "CP_002", "heartbeat OK") // a first registration is answered when all before it is on disk
	r.Signal(syscall.SIGKILL)
	r.Wait()

	h.set(nil)
	r = start(t, args...)
	h.await(t, "opened")
	r.Signal(syscall.SIGKILL)
	r.Wait()

	r = start(t, args...)
	r.Stderr.Line("· started")
	say(t, monitors, "CP_001", "ENGINE_RECOVERED")
	for opened := 1; ; opened++ {
		select {
		case kind := <-h.taken:
			if kind == "recovered" {
				return
			}
			if kind != "opened" || opened > 1 {
				t.Fatalf("after %d times opened: %s", opened, kind)
			}
		case <-time.After(testbed.Patience):
			t.Fatal("no recovery")
		}
	}
}

// say registers a charge point and sends one message for it.
func say(t *testing.T, monitors, cp, message string) {
	t.Helper()
	conn, err := net.Dial("tcp", monitors)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, m := range []string{"registration request", "heartbeat OK", message} {
		fmt.Fprintf(conn, "EV_CP_M %s %s\n", cp, m)
		if _, err := conn.Read(make([]byte, 200)); err != nil {
			t.Fatalf("%s: %v", m, err)
		}
	}
}
