package main

import (
	"io"
	"net"
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
	"evcp/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m, main) }

const soon = 60 * time.Second

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		arg, stdout, stderr string
		code                int
	}{
		{"--help", "--page PORT", "", cli.ExitOK},
		{"--version", "ev-demo ", "", cli.ExitOK},
		{"--pge", "", "Did you mean --page?", cli.ExitUsage},
		{"--help", "--cps N", "", cli.ExitOK},
		{"--cps=5", "", "a whole number from 6 to 15000 is needed", cli.ExitUsage},
		{"--cps=15001", "", "a whole number from 6 to 15000 is needed", cli.ExitUsage},
		{"--cps=many", "", "a whole number from 6 to 15000 is needed", cli.ExitUsage},
		{"--page=x", "", "a port to listen on is a number from 0 to 65535", cli.ExitUsage},
	} {
		stdout, stderr, code := testbed.RunProcess(t, testbed.Self(t, c.arg))
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

// It runs without a terminal too. However many signals it gets, it shuts down
// properly and leaves no files.
func TestSignals(t *testing.T) {
	for _, signals := range [][]syscall.Signal{{syscall.SIGINT}, {syscall.SIGTERM}, {syscall.SIGHUP}, {syscall.SIGINT, syscall.SIGTERM, syscall.SIGINT}} {
		tmp := t.TempDir()
		cmd := testbed.Self(t, "--page", "0")
		cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
		p := testbed.StartProcess(t, cmd)
		first := p.Stderr.Line("")
		page := address.FindStringSubmatch(first)
		if page == nil {
			t.Fatalf("no page in %s", first)
		}
		visit(t, page[1])
		for _, s := range signals {
			p.Signal(s) // it may have ended by the second
		}
		if code := p.Wait(); code != cli.ExitOK || !strings.Contains(p.Stderr.String(), `msg="demo ended"`) {
			t.Errorf("%v: exit code %d", signals, code)
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

// TestGoesOnWithoutAReaderOfItsLog: ev-demo 2>&1 | head -1.
func TestGoesOnWithoutAReaderOfItsLog(t *testing.T) {
	testbed.ForEachLostReader(t, func(t *testing.T, start func(*exec.Cmd) *testbed.Subprocess) {
		_, port, _ := net.SplitHostPort(testbed.FreeAddr(t))
		p := start(testbed.Self(t, "--page", port))
		testbed.Until(t, "six charge points on the page, which are as many lines in the log", func() bool {
			resp, err := http.Get("http://localhost:" + port + "/api/v1/cps")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			return err == nil && strings.Count(string(text), `"activated"`) >= 6
		})
		p.Terminate()
	})
}
