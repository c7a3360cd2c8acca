package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"evcp/internal/testbed"
)

// screen is a pseudo-terminal with the program at it.
type screen struct {
	keyboard *os.File
	mu       sync.Mutex
	text     strings.Builder
}

func openScreen(t *testing.T) (s *screen, tty *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("open a pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	return &screen{keyboard: keyboard}, tty
}

// read collects the output until the program has ended.
func (s *screen) read() {
	b := make([]byte, 4096)
	for {
		n, err := s.keyboard.Read(b)
		s.mu.Lock()
		s.text.Write(b[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// shows waits until text was written n times.
func (s *screen) shows(t *testing.T, text string, n int) {
	t.Helper()
	all := ""
	defer func() {
		if t.Failed() {
			t.Logf("shown:\n%s", all)
		}
	}()
	testbed.Until(t, fmt.Sprintf("%q shown %d times", text, n), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		all = s.text.String()
		return strings.Count(all, text) >= n
	})
}

func (s *screen) press(t *testing.T, key string) {
	t.Helper()
	if _, err := s.keyboard.WriteString(key); err != nil {
		t.Fatal(err)
	}
}

// TestTerminal: the keys are shown, change the behaviour and end the script; Ctrl-C and q
// end the program.
func TestTerminal(t *testing.T) {
	for _, last := range []string{"\x03", "q"} {
		s, tty := openScreen(t)
		address := testbed.FreeAddr(t)
		c := testbed.Self(t, "--listen", address, "--script", "ok 1h, reset", "--color", "always")
		c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		p := testbed.StartProcess(t, c)
		tty.Close()
		read := make(chan struct{})
		go func() { s.read(); close(read) }()

		s.shows(t, "plays an Engine on "+address+". Ctrl-C stops it.", 1)
		s.shows(t, "Script  ok 1h, reset", 1)
		s.shows(t, "x refuse", 1)
		s.shows(t, "no Monitor yet", 1)
		s.shows(t, "behaviour ok: answers OK", 1)
		if got := check(t, address); got != "OK" {
			t.Errorf("replied %q", got)
		}
		s.shows(t, "1 question, last ", 1)
		s.shows(t, "CP_001 Monitor connected", 1)
		s.press(t, "k")
		s.shows(t, "behaviour ko: answers KO", 1)
		if got := check(t, address); got != "KO" {
			t.Errorf("replied %q", got)
		}
		s.press(t, "x")
		s.shows(t, "behaviour refuse: does not listen", 1)
		if got := check(t, address); !strings.Contains(got, "connection refused") {
			t.Errorf("replied %q", got)
		}
		s.press(t, "z?")
		s.shows(t, "x refuse", 2)
		s.press(t, last)
		s.shows(t, "stopped after ", 1)
		if code := p.Wait(); code != 0 {
			t.Errorf("exit code %d:\n%s", code, s.text.String())
		}
		<-read
		if strings.Contains(s.text.String(), "behaviour reset") {
			t.Error("the script went on after a key")
		}
	}
}
