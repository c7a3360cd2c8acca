package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Screen is a pseudo-terminal with the program at it.
type Screen struct {
	keyboard *os.File
	mu       sync.Mutex
	text     strings.Builder
	ended    chan struct{} // closed when the program has
}

// AtTerminal starts cmd at a terminal of its own, of so many columns.
func AtTerminal(t testing.TB, cmd *exec.Cmd, columns uint16) (*Screen, *Subprocess) {
	t.Helper()
	s, tty := openScreen(t, columns)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p := StartProcess(t, cmd)
	_ = tty.Close()
	go func() { s.read(); close(s.ended) }()
	return s, p
}

func openScreen(t testing.TB, columns uint16) (s *Screen, tty *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("open a pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
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
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	return &Screen{keyboard: keyboard, ended: make(chan struct{})}, tty
}

// read collects the output until the program has ended.
func (s *Screen) read() {
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

// Shows waits until text was written n times.
func (s *Screen) Shows(t testing.TB, text string, n int) {
	t.Helper()
	all := ""
	defer func() {
		if t.Failed() {
			t.Logf("shown:\n%s", all)
		}
	}()
	Until(t, fmt.Sprintf("%q shown %d times", text, n), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		all = s.text.String()
		return strings.Count(all, text) >= n
	})
}

// Press types keys.
func (s *Screen) Press(t testing.TB, key string) {
	t.Helper()
	if _, err := s.keyboard.WriteString(key); err != nil {
		t.Fatal(err)
	}
}

// Text is all that was written, once the program has ended.
func (s *Screen) Text() string {
	<-s.ended
	return s.text.String()
}
