package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/status"
	"evcp/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m, main) }

// output runs the program to its end.
func output(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return testbed.RunProcess(t, testbed.Self(t, args...))
}

// TestHelp: word for word, in both languages, and whatever command stands before it.
func TestHelp(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := output(t, "--help")
	if code != cli.ExitOK || stderr != "" {
		t.Errorf("exit %d, %s", code, stderr)
	}
	testbed.Golden(t, "testdata/help.txt", stdout)
	spanish, _, _ := output(t, "--help", "--lang", "es")
	testbed.Golden(t, "testdata/help-es.txt", spanish)
	for _, command := range program(&options{}).Commands {
		if got, _, code := output(t, append(strings.Fields(command), "--help")...); got != stdout || code != cli.ExitOK {
			t.Errorf("%s --help: exit %d, %s", command, code, got)
		}
	}
	for line := range strings.Lines(stdout) {
		if len([]rune(line)) > 81 {
			t.Errorf("wider than 80: %s", line)
		}
	}
}

// TestNetworkKeys: the Monitor ignores each key of Central that may stand in the file.
func TestNetworkKeys(t *testing.T) {
	for _, s := range program(&options{}).Settings {
		if s.Scope == config.Anywhere && !slices.Contains(config.NetworkKeys, strings.ReplaceAll(s.Name, "-", "_")) {
			t.Errorf("config.NetworkKeys lacks %s", s.Name)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	registry := filepath.Join(t.TempDir(), "registry")
	if err := os.WriteFile(registry, []byte("CP_001\nCP 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args   []string
		code   int
		stderr string
	}{
		{[]string{"--lisen", ":0"}, cli.ExitUsage, "ev-central: unknown flag --lisen. Did you mean --listen?\n"},
		{[]string{"--listen", ""}, cli.ExitUsage, "it must listen somewhere"},
		{[]string{"--listen", "127.0.0.1:99999"}, cli.ExitUsage, "number from 0 (any free one) to 65535"},
		{[]string{"--listen", testbed.FreeAddr(t), "--http", "", "--registry", registry}, cli.ExitUsage, registry + ":2: "},
		{[]string{"--listen", testbed.FreeAddr(t), "--http", "", "--registry", registry + ".none"}, cli.ExitUsage, "no such file"},
		{[]string{"--state-dir", registry}, cli.ExitUsage, "a folder is needed, and a file is there"},
		{[]string{"--state-dir", filepath.Join(registry, "below")}, cli.ExitUsage, "a folder is needed, and a file is there"},
	}
	for _, tc := range tests {
		t.Run(strings.Join(tc.args[:2], " "), func(t *testing.T) {
			if _, stderr, code := output(t, tc.args...); code != tc.code || !strings.Contains(unwrapped(stderr), unwrapped(tc.stderr)) {
				t.Errorf("exit %d, stderr %q", code, stderr)
			}
		})
	}
}

// unwrapped is prose as one line: where it was wrapped depends on a temporary
// folder's name.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestTakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for flag, args := range map[string][]string{
		"--listen": {"--listen", taken.Addr().String(), "--http", ""},
		"--http":   {"--listen", testbed.FreeAddr(t), "--http", taken.Addr().String()},
	} {
		stdout, stderr, code := output(t, args...)
		want := "port " + port + " is taken"
		if code != cli.ExitFailed || stdout != "" || !strings.Contains(stderr, want) || !strings.Contains(stderr, flag) {
			t.Errorf("exit %d, stderr %q, want %q and %s", code, stderr, want, flag)
		}
	}
}

func start(t *testing.T, args ...string) *testbed.Subprocess {
	t.Helper()
	return testbed.StartProcess(t, testbed.Self(t, args...))
}

func TestServesAndStops(t *testing.T) {
	dir := t.TempDir()
	monitors, pages := testbed.FreeAddr(t), testbed.FreeAddr(t)
	args := []string{"--listen", monitors, "--http", pages, "--state-dir", dir, "--log-format", "text"}
	r := start(t, args...)
	r.Stderr.Line("· started")
	conn, err := net.Dial("tcp", monitors)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, m := range []string{"registration request", "ENGINE_FAILURE", "ENGINE_RECOVERED"} {
		if _, err := fmt.Fprintf(conn, "EV_CP_M CP_001 %s", m); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	r.Stderr.Line("● CP_001 activated: registered from 127.0.0.1\n")
	r.Stderr.Line("▲ CP_001 faulted: ENGINE_FAILURE\n")
	r.Stderr.Line("● CP_001 activated after ")
	resp, err := http.Get("http://" + pages + "/api/v1/events") // an open page delays no stop
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	terminate(t, r)

	again := start(t, args...)
	again.Stderr.Line("remembers charge points")
	terminate(t, again)
}

func terminate(t *testing.T, p *testbed.Subprocess) {
	t.Helper()
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	p.Stderr.Line("stopped: 1 charge point kept")
	if code := p.Wait(); code != cli.ExitOK {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	t.Logf("stopped within %v", time.Since(began).Round(time.Millisecond))
}

// Time in which Central stood still is not silence: a stopped process, or a suspended
// machine, must not disconnect every charge point when it continues, and alerts nobody. The log says it once.
func TestStoppedCentralCallsNobodySilent(t *testing.T) {
	t.Parallel()
	monitors := testbed.FreeAddr(t)
	h, dir := newHook(t), t.TempDir()
	r := start(t, "--listen", monitors, "--http", "", "--state-dir", dir, "--heartbeat", "500ms", "--log-format", "text",
		"--alert-file", secretFile(t, h.line()), "--alert-after", "0s", "--alert-disconnected-after", "0s")
	r.Stderr.Line("· started")
	conn, err := net.Dial("tcp", monitors)
	if err != nil {
		t.Fatal(err)
	}
	replies := sendHeartbeats(conn)
	for range 5 { // teaches the usual gap
		<-replies
	}
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		r.Signal(sig)
		time.Sleep(3 * time.Second) // how long it is stopped, and then how long it may call the Monitor silent
	}
	if stdout, _, code := output(t, "status", "--state-dir", dir); code != cli.ExitOK || !strings.Contains(stdout, "1 activated, 0 faulted, 0 disconnected") {
		t.Errorf("after the pause: exit %d, %s", code, stdout)
	}
	terminate(t, r)
	conn.Close()
	for range replies {
	}
	if n := strings.Count(r.Stderr.String(), "Central stood still"); n < 1 {
		t.Errorf("the log does not say that it stood still:\n%s", r.Stderr)
	}
	select {
	case kind := <-h.taken:
		t.Errorf("a message %s was sent", kind)
	default:
	}
	if strings.Contains(r.Stderr.String(), "no sign of life") {
		t.Errorf("called a Monitor silent for its own pause:\n%s", r.Stderr.String())
	}
}

// sendHeartbeats registers and then sends a heartbeat every 20 ms, answered or not,
// until the connection is closed. It sends a signal for each reply while somebody receives.
func sendHeartbeats(conn net.Conn) <-chan struct{} {
	replies := make(chan struct{})
	go func() {
		for message := "registration request"; ; message = "heartbeat OK" {
			if _, err := fmt.Fprintf(conn, "EV_CP_M CP_001 %s\n", message); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	go func() {
		defer close(replies)
		for answers := bufio.NewScanner(conn); answers.Scan(); {
			select {
			case replies <- struct{}{}:
			default:
			}
		}
	}()
	return replies
}

// Central, started as by systemd, sends READY, WATCHDOG, STATUS and STOPPING.
func TestUnderSystemd(t *testing.T) {
	receiver := testbed.ReceiveNotify(t, "")
	cmd := testbed.Self(t, "--listen", testbed.FreeAddr(t), "--http", "")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+receiver.Address, "WATCHDOG_USEC=400000")
	p := testbed.StartProcess(t, cmd)
	receiver.Until("READY=1", 1)
	receiver.Until("STATUS=0 activated, 0 faulted, 0 disconnected", 1)
	receiver.Until("WATCHDOG=1", 1)
	p.Signal(syscall.SIGTERM)
	receiver.Until("STOPPING=1", 1)
	if code := p.Wait(); code != cli.ExitOK {
		t.Errorf("exit code %d", code)
	}
	if received := receiver.Received(); !slices.Contains(received, "WATCHDOG_USEC=6000000") {
		t.Errorf("a watchdog faster than the silence check was not asked to wait longer: %q", received)
	}
}

// TestGoesOnWithoutAReaderOfItsLog: ev-central 2>&1 | head -1. The pages and Monitors are
// served, the lines are counted, and a signal ends it in order.
func TestGoesOnWithoutAReaderOfItsLog(t *testing.T) {
	testbed.ForEachLostReader(t, func(t *testing.T, start func(*exec.Cmd) *testbed.Subprocess) {
		monitors, pages := testbed.FreeAddr(t), testbed.FreeAddr(t)
		p := start(testbed.Self(t, "--listen", monitors, "--http", pages, "--state-dir", t.TempDir(), "--log-level", "debug")) // else the log counts a storm
		var conn net.Conn
		testbed.Until(t, "a connection", func() (ok bool) {
			var err error
			conn, err = net.Dial("tcp", monitors)
			return err == nil
		})
		defer conn.Close()
		for n := range 1500 { // more than are queued
			message := []string{"registration request", "ENGINE_FAILURE"}[min(n, 1)]
			if n > 0 && n%2 == 0 {
				message = "ENGINE_RECOVERED"
			}
			fmt.Fprintf(conn, "EV_CP_M CP_001 %s\n", message)
			if _, err := conn.Read(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
		}
		testbed.Until(t, "dropped lines in the metrics", func() bool {
			resp, err := http.Get("http://" + pages + "/metrics")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			return err == nil && regexp.MustCompile(`(?m)^evcentral_log_dropped_total [1-9]`).Match(text)
		})
		p.Terminate()
	})
}

// TestStartedTakesCommands: once the log says that it has started, the socket of the commands is there.
func TestStartedTakesCommands(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "--listen", "127.0.0.1:0", "--http", "", "--state-dir", dir)
	p.Stderr.Line("started")
	c, err := status.Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	p.Terminate()
}

// TestAnyFreePort: port 0 is any that is free, and the log says which it is.
func TestAnyFreePort(t *testing.T) {
	p := start(t, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--state-dir", t.TempDir())
	found := regexp.MustCompile(`monitors=(127\.0\.0\.1:\d+) page=(http://127\.0\.0\.1:\d+/)`).FindStringSubmatch(p.Stderr.Line("started"))
	if found == nil {
		t.Fatalf("no ports in %s", p.Stderr)
	}
	conn, err := net.Dial("tcp", found[1])
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	resp, err := http.Get(found[2])
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	p.Terminate()
}

// historian starts a Central that keeps history in a folder.
func historian(t *testing.T, broker, dir string) *testbed.Subprocess {
	t.Helper()
	p := start(t, "--listen", "127.0.0.1:0", "--http", "", "--state-dir", dir, "--kafka-brokers", broker)
	p.Stderr.Line("started")
	return p
}
