package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"evcp/internal/cli"
	"evcp/internal/engine"
	"evcp/internal/language"
	"evcp/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m, main) }

const (
	soon        = testbed.Patience
	healthCheck = "EV_CP_M CP_001 health_check"
)

// output runs the program to its end.
func output(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return testbed.RunProcess(t, testbed.Self(t, args...))
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
	checkWidth(t, stdout)
}

func checkWidth(t *testing.T, text string) {
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
		"--cps=CP_[9-1]":      `CP_[9-1]": a range goes from the lower number to the higher`,
		"--behaviour=CP_1 ko": `--behaviour "CP_1 ko": CP_1: this Engine is one charge point; ev-cp-e --cps plays many`,
		"--log-level=loud":    "choose debug, info, warn or error",
		"nonsense":            "unexpected argument nonsense",
	} {
		stdout, stderr, code := output(t, arg)
		if code != 2 || stdout != "" || !strings.Contains(strings.ReplaceAll(stderr, "\n", " "), want) {
			t.Errorf("%s: exit %d: %s", arg, code, stderr)
		}
		checkWidth(t, stderr)
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

func start(t *testing.T, args ...string) *testbed.Subprocess {
	t.Helper()
	return testbed.StartProcess(t, testbed.Self(t, args...))
}

// listenAddress is where the program listens, from its first line.
func listenAddress(p *testbed.Subprocess) string {
	_, after, _ := strings.Cut(p.Stderr.Line("msg=listening"), " address=")
	address, _, _ := strings.Cut(after, " ")
	return strings.Trim(address, `"`)
}

// TestService runs without a terminal: logfmt, a script, a check, and a clean end by each
// signal.
func TestService(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		p := start(t, "--listen", testbed.FreeAddr(t), "--script", "ok 50ms, ko 50ms, say=BROKEN")
		address := listenAddress(p)
		p.Stderr.Line("behaviour=ok")
		p.Stderr.Line("behaviour=ko")
		p.Stderr.Line(`behaviour="say=BROKEN"`)
		if got := check(t, address); got != "BROKEN" {
			t.Errorf("replied %q", got)
		}
		p.Stderr.Line(`cp=CP_001 msg="Monitor connected"`)
		p.Signal(signal)
		p.Stderr.Line("1 question, 1 answered")
		if code := p.Wait(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if strings.Contains(p.Stderr.String(), "\x1b") {
			t.Errorf("escape sequences in a file:\n%s", p.Stderr.String())
		}
	}
}

// TestMany: ten thousand Engines on one port, some by a pattern, and a script for some.
func TestMany(t *testing.T) {
	p := start(t, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--cps", "CP_[0001-10000]", "--behaviour", "ok, CP_00* ko", "--script", "CP_0007 mute 50ms, CP_0007 say=BROKEN")
	_, httpAddress, _ := strings.Cut(p.Stderr.Line(`msg="takes orders"`), "address=")
	address := listenAddress(p)
	p.Stderr.Line(`behaviour="say=BROKEN" of=CP_0007 charge_points=1`)
	for cp, want := range map[string]string{"CP_0001": "KO", "CP_0100": "OK", "CP_10000": "OK", "CP_0007": "BROKEN", "CP_1": "KO unknown charge point"} {
		if got := ask(t, address, "EV_CP_M "+cp+" health_check"); got != want {
			t.Errorf("%s replied %q", cp, got)
		}
	}
	if got := send(t, http.MethodPut, httpAddress, "CP_0* say=HI"); !strings.Contains(got, `{"behaviour":"say=HI","about":"answers any words","charge_points":999}`) {
		t.Errorf("PUT: %s", got)
	}
	p.Signal(syscall.SIGTERM)
	p.Stderr.Line("4 questions, 4 answered")
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	_, stderr, code := output(t, "--cps", "CP_[1-9]", "--script", "CP_1 refuse 5s, ok")
	if want := `--script "CP_1 refuse 5s, ok": CP_1: all charge points have one port`; code != 2 || !strings.Contains(strings.ReplaceAll(stderr, "\n", " "), want) {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestCloseAfterReply(t *testing.T) {
	p := start(t, "--listen", testbed.FreeAddr(t), "--close-after-reply", "--behaviour", "ko")
	c, err := net.Dial("tcp", listenAddress(p))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(soon))
	io.WriteString(c, healthCheck+"\n")
	if got, err := io.ReadAll(c); string(got) != "KO\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	p.Signal(syscall.SIGTERM)
	p.Stderr.Line("stopped after")
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// check sends one health check on a new connection, without a newline.
func check(t *testing.T, address string) string {
	t.Helper()
	return ask(t, address, healthCheck)
}

func ask(t *testing.T, address, question string) string {
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
	seen := map[rune]bool{cli.KeyHelp: true, cli.KeyQuit: true}
	for _, k := range keys {
		if _, err := engine.ParseBehaviour(k.behaviour); err != nil || seen[k.key] {
			t.Errorf("key %c: %v", k.key, err)
		}
		seen[k.key] = true
	}
	if len(keys) != len(engine.Behaviours())-1 {
		t.Error("each behaviour but say= has a key")
	}
	for _, columns := range []int{80, 60, 20, 1} {
		text := strings.Join(legend(language.English, columns), "\n")
		for _, line := range strings.Split(text, "\n") {
			if len(line) > max(columns, 20) {
				t.Errorf("%d columns: %q", columns, line)
			}
		}
		for _, k := range keys {
			if !strings.Contains(text, string(k.key)+" "+k.behaviour) {
				t.Errorf("%d columns: no key %c", columns, k.key)
			}
		}
	}
}

// TestGoesOnWithoutAReaderOfItsLog: ev-cp-e 2>&1 | head -1.
func TestGoesOnWithoutAReaderOfItsLog(t *testing.T) {
	testbed.ForEachLostReader(t, func(t *testing.T, start func(*exec.Cmd) *testbed.Subprocess) {
		address := testbed.FreeAddr(t)
		p := start(testbed.Self(t, "--listen", address))
		testbed.Until(t, "the first reply", func() bool { return check(t, address) == "OK" })
		for range 5 { // each connection is two lines
			if got := check(t, address); got != "OK" {
				t.Fatalf("replied %q", got)
			}
		}
		p.Terminate()
	})
}

// TestTimeZoneWithoutZonesInstalled runs the static program where nothing else is, as in
// the image: TZ counts.
func TestTimeZoneWithoutZonesInstalled(t *testing.T) {
	if os.Geteuid() != 0 {
		testbed.Skip(t, "chroot needs root")
	}
	built := testbed.Built(t, name, "--listen", "127.0.0.1:0", "--log-format", "text")
	program, err := os.ReadFile(built.Path)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, name), program, 0o700); err != nil {
		t.Fatal(err)
	}
	built.Path, built.Dir, built.Env = "/"+name, "/", append(built.Env, "TZ=Asia/Kathmandu")
	built.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	clock, _, _ := strings.Cut(testbed.StartProcess(t, built).Stderr.Line("listening"), " ")
	now, err := time.Parse(time.TimeOnly, clock)
	if err != nil {
		t.Fatal(err)
	}
	there := time.FixedZone("Kathmandu", (5*60+45)*60) // far from every other zone's minutes
	if minutes := (now.Minute() - time.Now().In(there).Minute() + 60) % 60; minutes > 1 && minutes < 58 {
		t.Errorf("the log says %s, in Kathmandu it is %s", clock, time.Now().In(there).Format(time.TimeOnly))
	}
}
