package systemd_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp/internal/systemd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manager is systemd's end of the socket.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func listen(t *testing.T, name string) manager {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return manager{t, c}
}

// next is the next message; "" when none comes within a while.
func (m manager) next(patience time.Duration) string {
	m.t.Helper()
	_ = m.conn.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 4096)
	n, err := m.conn.Read(b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

func (m manager) until(want string) {
	m.t.Helper()
	var received []string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		got := m.next(time.Second)
		if got == want {
			return
		}
		received = append(received, got)
	}
	m.t.Fatalf("never received %q, but %q", want, received)
}

func open(t *testing.T, env map[string]string) *systemd.NotifySocket {
	t.Helper()
	n, err := systemd.Open(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func TestEveryMessage(t *testing.T) {
	for name, address := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@evcp-test-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			m := listen(t, address)
			n := open(t, map[string]string{"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "10000000"})
			if n.Watchdog() != 10*time.Second {
				t.Errorf("watchdog %s", n.Watchdog())
			}
			n.Ready()
			n.KeepAlive()
			n.Status("CP_001 OK\nREADY=0\x1b[2J")
			n.ExtendWatchdog(time.Second)
			n.ExtendWatchdog(time.Minute)
			n.Stopping()
			var received []string
			for range 5 {
				received = append(received, m.next(10*time.Second))
			}
			want := []string{"READY=1", "WATCHDOG=1", "STATUS=CP_001 OK?READY=0?[2J", "WATCHDOG_USEC=60000000", "STOPPING=1"}
			if !slices.Equal(received, want) {
				t.Errorf("received %q, want %q", received, want)
			}
		})
	}
}

func TestWithoutSystemd(t *testing.T) {
	n := open(t, nil)
	n.Ready()
	n.KeepAlive()
	n.Status("x")
	n.Stopping()
	n.ExtendWatchdog(time.Hour)
	n.Run(t.Context(), systemd.Activity{})
	if n.Watchdog() != 0 {
		t.Error("a watchdog without systemd")
	}
	if _, err := systemd.Open(func(string) string { return filepath.Join(t.TempDir(), "nowhere") }); err == nil {
		t.Error("a socket that is not there was opened")
	}
}

func TestWatchdogVariables(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	listen(t, address)
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0}, {"2000000", "", 2 * time.Second}, {"2000000", strconv.Itoa(os.Getpid()), 2 * time.Second},
		{"2000000", "1", 0}, {"-1", "", 0}, {"9223372036854775807", "", 0}, {"soon", "", 0},
	} {
		n := open(t, map[string]string{"NOTIFY_SOCKET": address, "WATCHDOG_USEC": c.usec, "WATCHDOG_PID": c.pid})
		if n.Watchdog() != c.want {
			t.Errorf("%q, %q: %s, want %s", c.usec, c.pid, n.Watchdog(), c.want)
		}
	}
}

// TestWatchdogNeedsCompletedWork sends watchdog messages while work is completed, and none
// when the work stands still although the process lives.
func TestWatchdogNeedsCompletedWork(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	m := listen(t, address)
	n := open(t, map[string]string{"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "80000"})
	var begun atomic.Bool
	var done, line atomic.Value
	done.Store(time.Time{})
	line.Store("waiting")
	ctx, stop := context.WithCancel(t.Context())
	var tending sync.WaitGroup
	tending.Go(func() {
		n.Run(ctx, systemd.Activity{
			Started: begun.Load, LastDone: func() time.Time { return done.Load().(time.Time) }, StatusLine: func() string { return line.Load().(string) },
		})
	})
	m.until("STATUS=waiting")
	if got := m.next(200 * time.Millisecond); got != "" {
		t.Errorf("said %q before there was work", got)
	}
	begun.Store(true)
	m.until("READY=1")
	for range 3 {
		done.Store(time.Now())
		m.until("WATCHDOG=1")
	}
	if got := m.next(400 * time.Millisecond); got != "" {
		t.Errorf("said %q while the work stood still", got)
	}
	line.Store("again")
	m.until("STATUS=again")
	stop()
	m.until("STOPPING=1")
	tending.Wait()
}

// FuzzStatusIsOneMessage lets no text become a message of its own.
func FuzzStatusIsOneMessage(f *testing.F) {
	f.Add("CP_001 OK")
	f.Add("x\nWATCHDOG=1\r\nMAINPID=1\x00\u2028")
	address := filepath.Join(f.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close() })
	n, err := systemd.Open(func(name string) string {
		if name == "NOTIFY_SOCKET" {
			return address
		}
		return ""
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { n.Close() })
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			return
		}
		n.Status(text)
		b := make([]byte, 8192)
		size, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(b[:size]); !strings.HasPrefix(got, "STATUS=") || strings.ContainsAny(got, "\n\r\x00\x1b") {
			t.Errorf("%q became %q", text, got)
		}
	})
}
