package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"evcp/internal/cli"
)

// The test binary is the program when this variable is set.
const asProgram = "EV_DEMO_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

const soon = 60 * time.Second

func command(t *testing.T, tmp string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, args...)
	c.Env = []string{asProgram + "=1", "LANG=C.UTF-8", "TERM=xterm", "TMPDIR=" + tmp}
	return c
}

// output runs the program to its end.
func output(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := command(t, t.TempDir(), args...)
	var out, err bytes.Buffer
	c.Stdout, c.Stderr = &out, &err
	_ = c.Run() // the exit code is looked at
	return out.String(), err.String(), c.ProcessState.ExitCode()
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		arg, stdout, stderr string
		code                int
	}{
		{"--help", "--page PORT", "", cli.ExitOK},
		{"--version", "ev-demo ", "", cli.ExitOK},
		{"--pge", "", "Did you mean --page?", cli.ExitUsage},
		{"--page=0", "", "a port is a number from 1 to 65535", cli.ExitUsage},
	} {
		stdout, stderr, code := output(t, c.arg)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%s: exit %d\n%s%s", c.arg, code, stdout, stderr)
		}
		for line := range strings.Lines(stdout + stderr) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}

var address = regexp.MustCompile(`page=(http://localhost:\d+/)`)

// Without a terminal it plays as well. However often it is told to end, it ends
// in order and leaves nothing behind.
func TestSignals(t *testing.T) {
	for _, signals := range [][]os.Signal{{os.Interrupt}, {syscall.SIGTERM}, {syscall.SIGHUP}, {os.Interrupt, syscall.SIGTERM, os.Interrupt}} {
		tmp := t.TempDir()
		c := command(t, tmp)
		stderr, err := c.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		log := bufio.NewReader(stderr)
		first, err := log.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		page := address.FindStringSubmatch(first)
		if page == nil {
			t.Fatalf("no page in %s", first)
		}
		visit(t, page[1])
		for _, s := range signals {
			if err := c.Process.Signal(s); err != nil {
				break // it has ended by then
			}
		}
		rest, _ := io.ReadAll(log)
		if err := c.Wait(); err != nil || !strings.Contains(string(rest), `msg="demo ended"`) {
			t.Errorf("%v: %v\n%s", signals, err, rest)
		}
		if left, _ := os.ReadDir(tmp); len(left) > 0 {
			t.Errorf("%v: left behind %v", signals, left)
		}
	}
}

func visit(t *testing.T, page string) {
	t.Helper()
	client := http.Client{Timeout: soon}
	answer, err := client.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", page, answer.Status)
	}
}
