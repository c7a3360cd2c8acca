package console_test

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// pty is a real pseudo-terminal. far is what the program under test holds; what
// it prints is collected as it comes, and keys are pressed with press.
type pty struct {
	near, far *os.File
	marks     int        // written by shows
	mu        sync.Mutex // guards printed
	printed   bytes.Buffer
}

func openPTY(t *testing.T, columns uint16) *pty {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatalf("open a pseudo-terminal: %v", err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{near: os.NewFile(uintptr(fd), "ptmx")}
	if p.far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	p.resize(t, columns)
	var reading sync.WaitGroup
	reading.Go(p.collect)
	t.Cleanup(func() {
		_ = p.far.Close()
		_ = p.near.Close()
		reading.Wait()
	})
	return p
}

func (p *pty) collect() {
	buffer := make([]byte, 4096)
	for {
		n, err := p.near.Read(buffer)
		p.mu.Lock()
		p.printed.Write(buffer[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *pty) resize(t *testing.T, columns uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(p.far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
}

func (p *pty) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := p.near.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

func (p *pty) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printed.String()
}

// echoes says whether the terminal shows what is typed.
func (p *pty) echoes(t *testing.T) bool {
	t.Helper()
	now, err := unix.IoctlGetTermios(int(p.far.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return now.Lflag&unix.ECHO != 0
}

// eventually polls until holds does, for at most a minute.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// toForeground gives the terminal on stdin to a process group, as a shell's fg does.
func toForeground(group int) error {
	signal.Ignore(syscall.SIGTTOU)
	return unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, group)
}

// screen plays the few things a Console asks of a terminal and returns the rows
// with "_" where the cursor is. Anything else fails the test.
func screen(t *testing.T, printed string) string {
	t.Helper()
	rows, row, col := [][]rune{nil}, 0, 0
	for rest := printed; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		line := rows[row]
		switch {
		case r == '\r':
			col = 0
		case r == '\n':
			if row++; row == len(rows) {
				rows = append(rows, nil)
			}
		case strings.HasPrefix(rest, "\x1b[J"):
			rows, rows[row], n = rows[:row+1], line[:min(col, len(line))], 3
		case strings.HasPrefix(rest, "\x1b["):
			n = strings.IndexByte(rest, 'm') + 1
			if n == 0 || strings.Trim(rest[2:n-1], "0123456789") != "" {
				t.Fatalf("unexpected sequence in %q", rest)
			}
		case r < ' ':
			t.Fatalf("unexpected %q", r)
		case col < len(line):
			line[col] = r
			col++
		default:
			rows[row] = append(line, r)
			col++
		}
		rest = rest[n:]
	}
	var text []string
	for i, r := range rows {
		line := string(r)
		if i == row {
			line = "_" + line
			if col > 0 {
				t.Fatalf("the cursor stays at column %d", col)
			}
		}
		text = append(text, line)
	}
	return strings.Join(text, "\n")
}

// TestMain also plays the programs that the tests need in a terminal of their own.
func TestMain(m *testing.M) {
	if play, ok := plays[os.Getenv("CONSOLE_TEST_PLAY")]; ok {
		play()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
