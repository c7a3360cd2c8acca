package systemd

import (
	"bytes"
	"context"
	"log/slog"
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

	"evcp/internal/testbed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, env map[string]string) *NotifySocket {
	t.Helper()
	n := Open(func(name string) string { return env[name] }, slog.New(slog.DiscardHandler))
	if n == nil {
		t.Fatal("no socket")
	}
	t.Cleanup(func() { n.conn.Close() })
	return n
}

func TestEveryMessage(t *testing.T) {
	for name, address := range map[string]string{"path": "", "abstract": "@evcp-test-" + strconv.Itoa(os.Getpid())} {
		for maxPause, longer := range map[time.Duration][]string{
			500 * time.Millisecond: nil,
			30 * time.Second:       {"WATCHDOG_USEC=60000000"},
		} {
			t.Run(name+" "+maxPause.String(), func(t *testing.T) {
				m := testbed.ReceiveNotify(t, address)
				n := open(t, map[string]string{"NOTIFY_SOCKET": m.Address, "WATCHDOG_USEC": "10000000"})
				if n.watchdog != 10*time.Second {
					t.Errorf("watchdog %s", n.watchdog)
				}
				const status = "STATUS=CP_001 OK?READY=0?[2J"
				ctx, stop := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() {
					n.Run(ctx, Activity{
						MaxPause: func() time.Duration { return maxPause },

						Started: func() bool { return true }, LastDone: func() time.Time { return time.Unix(1, 0) },
						StatusLine: func() string { return "CP_001 OK\nREADY=0\x1b[2J" },
					})
				})
				m.Until(status, 1)
				stop()
				running.Wait()
				m.Until("STOPPING=1", 1)
				want := slices.Concat(longer, []string{"READY=1", "WATCHDOG=1", status, "STOPPING=1"})
				if received := m.Received(); !slices.Equal(received, want) {
					t.Errorf("received %q, want %q", received, want)
				}
			})
		}
	}
}

func TestWithoutSystemd(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	n := Open(func(string) string { return "" }, logger)
	if n != nil || log.Len() > 0 {
		t.Errorf("a socket without systemd; logged %s", &log)
	}
	n.Run(t.Context(), Activity{})
	n = Open(func(string) string { return filepath.Join(t.TempDir(), "nowhere") }, logger)
	if n != nil || !strings.Contains(log.String(), `level=WARN msg="notify systemd: dial unixgram`) {
		t.Errorf("a socket that is not there was opened, or logged is %s", &log)
	}
}

func TestWatchdogVariables(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0}, {"2000000", "", 2 * time.Second}, {"2000000", strconv.Itoa(os.Getpid()), 2 * time.Second},
		{"2000000", "1", 0}, {"-1", "", 0}, {"9223372036854775807", "", 0}, {"soon", "", 0},
	} {
		env := map[string]string{"WATCHDOG_USEC": c.usec, "WATCHDOG_PID": c.pid}
		if got := watchdog(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%q, %q: %s, want %s", c.usec, c.pid, got, c.want)
		}
	}
}

// TestWatchdogNeedsCompletedWork sends watchdog messages while work is completed, and none
// when the work stands still although the process lives.
func TestWatchdogNeedsCompletedWork(t *testing.T) {
	m := testbed.ReceiveNotify(t, "")
	n := open(t, map[string]string{"NOTIFY_SOCKET": m.Address, "WATCHDOG_USEC": "80000"})
	var begun atomic.Bool
	var done, line atomic.Value
	done.Store(time.Time{})
	line.Store("waiting")
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		n.Run(ctx, Activity{
			Started: begun.Load, LastDone: func() time.Time { return done.Load().(time.Time) }, StatusLine: func() string { return line.Load().(string) },
			MaxPause: func() time.Duration { return 0 },
		})
	})
	nothingFor := func(d time.Duration, when string) {
		t.Helper()
		before := len(m.Received())
		time.Sleep(d) // how long nothing is sent is what is tested
		if more := m.Received()[before:]; len(more) > 0 {
			t.Errorf("sent %q %s", more, when)
		}
	}
	m.Until("STATUS=waiting", 1)
	nothingFor(200*time.Millisecond, "before there was work")
	begun.Store(true)
	m.Until("READY=1", 1)
	for times := range 3 {
		done.Store(time.Now())
		m.Until("WATCHDOG=1", times+1)
	}
	nothingFor(400*time.Millisecond, "while the work stood still")
	line.Store("again")
	m.Until("STATUS=again", 1)
	stop()
	m.Until("STOPPING=1", 1)
	running.Wait()
}

// TestTheWatchdogFollowsThePause: where pieces of work come less often from now on, as after a
// reload of a fleet's file, systemd is asked to wait longer, once.
func TestTheWatchdogFollowsThePause(t *testing.T) {
	m := testbed.ReceiveNotify(t, "")
	n := open(t, map[string]string{"NOTIFY_SOCKET": m.Address, "WATCHDOG_USEC": "80000"})
	var pause, polls atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		n.Run(ctx, Activity{
			Started: func() bool { return true }, StatusLine: func() string { return strconv.FormatInt(polls.Add(1), 10) },
			LastDone: func() time.Time { return time.Time{} }, MaxPause: func() time.Duration { return time.Duration(pause.Load()) },
		})
	})
	m.Until("READY=1", 1)
	for _, longest := range []time.Duration{time.Minute, time.Second, time.Hour} {
		pause.Store(int64(longest))
		m.Until("STATUS="+strconv.FormatInt(polls.Load()+2, 10), 1)
	}
	stop()
	running.Wait()
	var longer []string
	for _, message := range m.Received() {
		if strings.HasPrefix(message, "WATCHDOG") {
			longer = append(longer, message)
		}
	}
	if want := []string{"WATCHDOG_USEC=120000000", "WATCHDOG_USEC=7200000000"}; !slices.Equal(longer, want) {
		t.Errorf("sent %q, want %q", longer, want)
	}
}

// FuzzStatusIsOneMessage lets no text become a message of its own.
func FuzzStatusIsOneMessage(f *testing.F) {
	f.Add("CP_001 OK")
	f.Add("x\nWATCHDOG=1\r\nMAINPID=1\x00\u2028")
	f.Fuzz(func(t *testing.T, text string) {
		if got := oneLine("STATUS=" + text); !strings.HasPrefix(got, "STATUS=") || strings.ContainsAny(got, "\n\r\x00\x1b") {
			t.Errorf("%q became %q", text, got)
		}
	})
}
