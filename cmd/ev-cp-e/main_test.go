package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"evcp/internal/engine"
	"evcp/internal/testbed"
)

// The test binary is the program when this variable is set.
const asProgram = "EV_CP_E_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

const (
	soon     = 20 * time.Second
	question = "EV_CP_M CP_001 health_check"
)

func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, args...)
	c.Env = []string{asProgram + "=1", "LANG=C.UTF-8", "TERM=xterm"}
	return c
}

// output runs the program to its end.
func output(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := program(t, args...)
	var out, err bytes.Buffer
	c.Stdout, c.Stderr = &out, &err
	_ = c.Run() // the exit code is looked at
	return out.String(), err.String(), c.ProcessState.ExitCode()
}

func TestHelp(t *testing.T) {
	stdout, stderr, code := output(t, "--help")
	if code != 0 || stderr != "" {
		t.Errorf("exit %d, %s", code, stderr)
	}
	for _, want := range append(engine.Behaviours(), "--listen", "--script", "--behaviour", "--close-after-reply") {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %s in\n%s", want, stdout)
		}
	}
	fits(t, stdout)
}

func fits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestVersion(t *testing.T) {
	if stdout, _, code := output(t, "--version"); code != 0 || !strings.HasPrefix(stdout, "ev-cp-e ") {
		t.Errorf("exit %d: %s", code, stdout)
	}
}

func TestWrongUsage(t *testing.T) {
	for arg, want := range map[string]string{
		"--lisen=:1":          "Did you mean --listen?",
		"--listen=70000":      "--listen 70000: ",
		"--listen=":           `--listen "": it must listen somewhere`,
		"--behaviour=kko":     "--behaviour kko: no such behaviour; choose ok, ko,",
		"--script=ok 1s, kko": `item 2, "kko": no such behaviour; choose ok,`,
		"--log-level=loud":    "choose debug, info, warn or error",
		"nonsense":            "unexpected argument nonsense",
	} {
		stdout, stderr, code := output(t, arg)
		if code != 2 || stdout != "" || !strings.Contains(strings.ReplaceAll(stderr, "\n", " "), want) {
			t.Errorf("%s: exit %d: %s", arg, code, stderr)
		}
		fits(t, stderr)
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	_, stderr, code := output(t, "--listen", address)
	if want := "ev-cp-e: port " + port + " is taken by another program.\nStop that program, or choose another port with --listen\n"; code != 1 || stderr != want {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// logs reads a running program's log line by line.
type logs struct {
	*exec.Cmd
	lines chan string
	all   strings.Builder
}

func started(t *testing.T, args ...string) *logs {
	t.Helper()
	l := &logs{Cmd: program(t, args...), lines: make(chan string, 1000)}
	pipe, err := l.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(l.lines)
		for s := bufio.NewScanner(pipe); s.Scan(); {
			l.lines <- s.Text()
		}
	}()
	return l
}

// until returns the first line that holds text.
func (l *logs) until(t *testing.T, text string) string {
	t.Helper()
	late := time.After(soon)
	for {
		select {
		case line, ok := <-l.lines:
			if !ok {
				t.Fatalf("it ended without saying %q:\n%s", text, l.all.String())
			}
			l.all.WriteString(line + "\n")
			if strings.Contains(line, text) {
				return line
			}
		case <-late:
			t.Fatalf("it did not say %q:\n%s", text, l.all.String())
		}
	}
}

// address is where it listens, from its first line.
func (l *logs) address(t *testing.T) string {
	t.Helper()
	_, after, _ := strings.Cut(l.until(t, "msg=listening"), " address=")
	address, _, _ := strings.Cut(after, " ")
	return strings.Trim(address, `"`)
}

// Without a terminal: logfmt, a script, both of the seed's ways to ask, and a
// clean end.
func TestService(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGHUP} {
		l := started(t, "--listen", testbed.FreeAddr(t), "--script", "ok 50ms, ko 50ms, say=BROKEN")
		address := l.address(t)
		l.until(t, "behaviour=ok")
		l.until(t, "behaviour=ko")
		l.until(t, `behaviour="say=BROKEN"`)
		if got := ask(t, address); got != "BROKEN" {
			t.Errorf("it said %q", got)
		}
		l.until(t, `cp=CP_001 msg="Monitor connected"`)
		if err := l.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		l.until(t, "1 question, 1 answered")
		if err := l.Wait(); err != nil {
			t.Errorf("%v:\n%s", err, l.all.String())
		}
		if strings.Contains(l.all.String(), "\x1b") {
			t.Errorf("escape sequences in a file:\n%s", l.all.String())
		}
	}
}

func TestCloseAfterReply(t *testing.T) {
	l := started(t, "--listen", testbed.FreeAddr(t), "--close-after-reply", "--behaviour", "ko")
	c, err := net.Dial("tcp", l.address(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(soon))
	io.WriteString(c, question+"\n")
	if got, err := io.ReadAll(c); string(got) != "KO\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := l.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	l.until(t, "stopped after")
	if err := l.Wait(); err != nil {
		t.Error(err)
	}
}

// ask asks once, as the first Monitors do.
func ask(t *testing.T, address string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(soon))
	io.WriteString(c, question)
	b := make([]byte, 100)
	n, _ := c.Read(b)
	return string(b[:n])
}

func TestKeysAreBehaviours(t *testing.T) {
	seen := map[rune]bool{keyHelp: true, keyQuit: true}
	for _, k := range keys {
		if _, err := engine.ParseBehaviour(k.behaviour); err != nil || seen[k.key] {
			t.Errorf("key %c: %v", k.key, err)
		}
		seen[k.key] = true
	}
	if len(keys) != len(engine.Behaviours())-1 {
		t.Error("each behaviour but say= has a key")
	}
	fits(t, strings.Join(legend(), "\n"))
}
