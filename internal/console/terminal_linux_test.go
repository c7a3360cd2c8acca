package console_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"evcp/internal/console"
	"evcp/internal/display"
)

// at is a terminal's environment.
func at(term string) func(string) string {
	return func(name string) string {
		return map[string]string{"TERM": term, "LANG": "C.UTF-8"}[name]
	}
}

func (p *pty) shows(t *testing.T, want string) {
	t.Helper()
	// Text comes in order, so a mark behind it says that all of it is here.
	p.marks++
	mark := fmt.Sprintf("\x1b[99%dm", p.marks)
	_, _ = p.far.WriteString(mark)
	eventually(t, "the terminal got everything", func() bool { return strings.HasSuffix(p.text(), mark) })
	if got := screen(t, p.text()); got != want {
		t.Fatalf("the terminal shows\n%s\nwant\n%s", got, want)
	}
}

func say(c *console.Console, shape display.Shape, text string) {
	r := slog.NewRecord(noon, slog.LevelInfo, text, 0)
	r.AddAttrs(console.Shape(shape), console.CP("CP_001"))
	_ = c.Logger().Handler().Handle(context.Background(), r)
}

func TestLogLinesStandAboveTheLiveLine(t *testing.T) {
	p := openPTY(t, 120)
	c := console.Open(console.Options{Out: p.far, Getenv: at("xterm"), Zone: time.UTC})
	c.Print("ev-cp-m 0.1.0 watches CP_001. Ctrl-C stops it.", "")
	p.shows(t, "ev-cp-m 0.1.0 watches CP_001. Ctrl-C stops it.\n\n_")
	c.Live("CP_001 ● OK 1 ms | 1 checks, 0 failed")
	say(c, display.Up, "OK: the Engine answers in 1 ms")
	p.shows(t, `ev-cp-m 0.1.0 watches CP_001. Ctrl-C stops it.

12:04:33 ● CP_001 OK: the Engine answers in 1 ms
_live  CP_001 ● OK 1 ms | 1 checks, 0 failed`)
	c.Live("CP_001 ▲ KO")
	say(c, display.Reported, `failure told to Central: "`+strings.Repeat("x", 80)+`"`)
	p.shows(t, `ev-cp-m 0.1.0 watches CP_001. Ctrl-C stops it.

12:04:33 ● CP_001 OK: the Engine answers in 1 ms
12:04:33 → CP_001 failure told to Central:
           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
           xxxxxxxxxxxx"
_live  CP_001 ▲ KO`)
	c.Close()
	say(c, display.Note, "stopped")
	p.shows(t, `ev-cp-m 0.1.0 watches CP_001. Ctrl-C stops it.

12:04:33 ● CP_001 OK: the Engine answers in 1 ms
12:04:33 → CP_001 failure told to Central:
           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
           xxxxxxxxxxxx"
12:04:33 · CP_001 stopped
_`)
}

func TestLinesFitANarrowTerminal(t *testing.T) {
	p := openPTY(t, 120)
	c := console.Open(console.Options{Out: p.far, Getenv: at("xterm"), Zone: time.UTC})
	c.Live(strings.Repeat("=", 100))
	p.resize(t, 20)
	c.Live(strings.Repeat("=", 100))
	say(c, display.Up, "OK: the Engine answers")
	p.shows(t, "12:04:33 ● CP_001\nOK: the Engine\nanswers\n_live  "+strings.Repeat("=", 12)+"…")
}

// TestNothingOfASentenceIsCut: what does not fit goes on under the text. Only a peer's text is
// cut, when the sentence takes more than three lines; and of several live lines the first that
// fits is shown.
func TestNothingOfASentenceIsCut(t *testing.T) {
	p := openPTY(t, 60)
	c := console.Open(console.Options{Out: p.far, Getenv: at("xterm"), Zone: time.UTC})
	c.Live(strings.Repeat("=", 54), strings.Repeat("-", 53), "short")
	say(c, display.Failed, `CONNECTION_ERROR: answered, but neither OK nor KO: "HTTP/1.1  400 Bad Request", 3 checks since 12:04:31`)
	say(c, display.Failed, `refused: "`+strings.Repeat("no ", 43)+`"; the watch goes on, asked again every 30s`)
	r := slog.NewRecord(noon, slog.LevelWarn, "KO: 3 checks in a row", 0)
	r.Add("cause", "said_ko", "meaning", "The Engine runs, and says itself that the charger is not well.", "do", "Go to the charger.")
	_ = c.Logger().Handler().Handle(t.Context(), r)
	p.shows(t, `12:04:33 ▲ CP_001 CONNECTION_ERROR: answered, but neither OK
           nor KO: "HTTP/1.1  400 Bad Request", 3 checks
           since 12:04:31
12:04:33 ▲ CP_001 refused: "no no no no no no no no no no no
           no no no no no no no no no no no no no no no no
           no no…"; the watch goes on, asked again every 30s
12:04:33 · KO: 3 checks in a row
           The Engine runs, and says itself that the charger
           is not well.
           Go to the charger.
_live  `+strings.Repeat("-", 53))
}

func TestProseIsBrokenUnderItsColumn(t *testing.T) {
	p := openPTY(t, 60)
	c := console.Open(console.Options{Out: p.far, Getenv: at("xterm"), Zone: time.UTC})
	c.Print("  Engine   localhost:5001      every 1s; 3 failures in a row are reported", "A paragraph is broken where the terminal ends, without indent")
	p.shows(t, `  Engine   localhost:5001      every 1s; 3 failures in a row
           are reported
A paragraph is broken where the terminal ends, without
indent
_`)
}

func TestPoorTerminals(t *testing.T) {
	for term, want := range map[string]string{
		"dumb":  "12:04:33 + CP_001 OK\n_",
		"linux": "12:04:33 + CP_001 OK\n_live  CP_001 + OK",
	} {
		p := openPTY(t, 80)
		c := console.Open(console.Options{Out: p.far, Getenv: at(term), Zone: time.UTC})
		c.Live("CP_001 ● OK")
		say(c, display.Up, "OK")
		p.shows(t, want)
		if colored := strings.Contains(p.text(), "\x1b[32m+"); colored != (term == "linux") {
			t.Errorf("%s: coloured %v: %q", term, colored, p.text())
		}
	}
}

func TestLogfmtAtATerminalHasNoLiveLine(t *testing.T) {
	p := openPTY(t, 80)
	c := console.Open(console.Options{Out: p.far, Getenv: at("xterm"), Format: console.Logfmt})
	c.Live("CP_001 ● OK")
	say(c, display.Up, "OK")
	c.Close()
	p.shows(t, "time=2026-03-01T12:04:33.250Z level=info cp=CP_001 msg=OK shape=up\n_")
	if c.Terminal() {
		t.Error("nobody reads logfmt at a terminal")
	}
}

func TestManyWritersNeverMix(t *testing.T) {
	p := openPTY(t, 80)
	c := console.Open(console.Options{Out: p.far, Getenv: at("xterm"), Zone: time.UTC})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				c.Live("one ● OK")
				say(c, display.Up, "OK")
			}
		})
	}
	all.Wait()
	p.shows(t, strings.Repeat("12:04:33 ● CP_001 OK\n", 200)+"_live  one ● OK")
}

func TestKeysComeAtOnceAndUnseen(t *testing.T) {
	p := openPTY(t, 80)
	keys, restore, err := console.Keys(t.Context(), p.far)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "no echo", func() bool { return !p.echoes(t) })
	p.press(t, "k\x1b[A\x1b[1;5C\x1bOP\x01ñ\r")
	var got strings.Builder
	for range 3 {
		got.WriteRune(<-keys)
	}
	if got.String() != "kñ\n" {
		t.Errorf("got %q", got.String())
	}
	if printed := p.text(); printed != "" {
		t.Errorf("typing printed %q", printed)
	}
	restore()
	restore()
	if _, open := <-keys; open {
		t.Error("a key after restore")
	}
	if !p.echoes(t) {
		t.Error("the terminal is still silent")
	}
}

func TestKeysEndWithTheContextAlsoWhenNobodyReads(t *testing.T) {
	p := openPTY(t, 80)
	ctx, cancel := context.WithCancel(t.Context())
	keys, restore, err := console.Keys(ctx, p.far)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "no echo", func() bool { return !p.echoes(t) })
	p.press(t, "kkk")
	cancel()
	eventually(t, "closed", func() bool {
		_, open := <-keys
		return !open
	})
	restore()
	if !p.echoes(t) {
		t.Error("the terminal is still silent")
	}
}

func TestKeysWithoutATerminal(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	keys, restore, err := console.Keys(t.Context(), f)
	restore()
	if keys != nil || err != nil {
		t.Errorf("got %v, %v", keys, err)
	}
}

// plays are the programs that need a terminal of their own.
var plays = map[string]func(){
	"keys":       playKeys,
	"background": playBackground,
}

// playKeys names each key and each Ctrl-C until q.
func playKeys() {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	keys, restore, err := console.Keys(context.Background(), os.Stdin)
	fmt.Printf("begin %v\n", err)
	defer restore()
	for {
		select {
		case <-interrupts:
			fmt.Println("interrupt")
		case k := <-keys:
			fmt.Printf("key %c\n", k)
			if k == 'q' {
				return
			}
		}
	}
}

// playBackground starts playKeys as a shell does with "&": in a process group
// that doesn't own the terminal. It reads a line itself, then gives the terminal away.
func playBackground() {
	child := play("keys", os.Stdin)
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := child.Start(); err != nil {
		fmt.Println(err)
		return
	}
	var line string
	_, _ = fmt.Scanln(&line)
	fmt.Printf("shell read %s\n", line)
	fmt.Printf("foreground %v\n", toForeground(child.Process.Pid))
	fmt.Printf("child %v\n", child.Wait())
}

func play(name string, terminal *os.File) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CONSOLE_TEST_PLAY="+name)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	return cmd
}

func (p *pty) start(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	cmd := play(name, p.far)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

func (p *pty) prints(t *testing.T, want string) {
	t.Helper()
	eventually(t, want+" in "+p.text(), func() bool { return strings.Contains(p.text(), want) })
}

func TestCtrlCStillInterrupts(t *testing.T) {
	p := openPTY(t, 80)
	cmd := p.start(t, "keys")
	p.prints(t, "begin <nil>")
	eventually(t, "no echo", func() bool { return !p.echoes(t) })
	p.press(t, "k")
	p.prints(t, "key k\r\n")
	p.press(t, "\x03")
	p.prints(t, "interrupt\r\n")
	p.press(t, "q")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if !p.echoes(t) {
		t.Error("the terminal is still silent")
	}
}

func TestKeysInTheBackgroundWaitForTheForeground(t *testing.T) {
	p := openPTY(t, 80)
	cmd := p.start(t, "background")
	p.prints(t, "begin <nil>")
	if !p.echoes(t) {
		t.Error("a program in the background has changed the terminal")
	}
	p.press(t, "hello\n")
	p.prints(t, "shell read hello\r\nforeground <nil>")
	eventually(t, "no echo", func() bool { return !p.echoes(t) })
	p.press(t, "q")
	p.prints(t, "key q\r\nchild <nil>")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
