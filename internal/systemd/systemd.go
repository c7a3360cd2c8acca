// Package systemd notifies systemd that this process is ready, that it is alive, that it
// stops, and of its status in one line (sd_notify(3), by the socket that NOTIFY_SOCKET
// names).
//
// A notification waits at most 50 ms and never fails the process: one that systemd does
// not take is lost, and watchdog messages are sent often enough to lose some. All methods
// of a nil *NotifySocket do nothing.
package systemd

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"evcp/internal/wait"
)

// NotifySocket sends to systemd. Any goroutine may call.
type NotifySocket struct {
	watchdog time.Duration

	mu   sync.Mutex // guards conn
	conn *net.UnixConn
}

// Open connects to systemd. It returns nil unless systemd started this process with
// Type=notify.
func Open(getenv func(string) string) (*NotifySocket, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil //nolint:nilnil // nil is valid, and the usual case
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"}) // @ begins an abstract name, for Go as for systemd
	if err != nil {
		return nil, fmt.Errorf("notify systemd: %w", err)
	}
	return &NotifySocket{conn: conn, watchdog: watchdog(getenv)}, nil
}

// watchdog reads the longest time between two watchdog messages; 0 is no limit.
func watchdog(getenv func(string) string) time.Duration {
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0 // meant for another process
	}
	µs, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || µs <= 0 || µs > int64(365*24*time.Hour/time.Microsecond) {
		return 0
	}
	return time.Duration(µs) * time.Microsecond
}

// Watchdog is how long systemd waits for KeepAlive before it kills this process; 0 is no
// limit.
func (n *NotifySocket) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Ready reports that the start is complete.
func (n *NotifySocket) Ready() { n.send("READY=1") }

// KeepAlive is the watchdog message.
func (n *NotifySocket) KeepAlive() { n.send("WATCHDOG=1") }

// Status is one line for systemctl status.
func (n *NotifySocket) Status(line string) { n.send("STATUS=" + oneLine(line)) }

// Stopping reports that the shutdown has begun.
func (n *NotifySocket) Stopping() { n.send("STOPPING=1") }

// ExtendWatchdog asks systemd to wait at least d between watchdog messages: a process that
// has work once a minute sends one once a minute. A longer watchdog is left as it is.
func (n *NotifySocket) ExtendWatchdog(d time.Duration) {
	if n == nil || n.watchdog == 0 || n.watchdog >= d {
		return
	}
	n.watchdog = d
	n.send("WATCHDOG_USEC=" + strconv.FormatInt(d.Microseconds(), 10))
}

// Close closes the socket.
func (n *NotifySocket) Close() error {
	if n == nil {
		return nil
	}
	return n.conn.Close()
}

// send waits for 50 ms at most, should systemd not read its socket.
func (n *NotifySocket) send(message string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = n.conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)) // only fails when closed
	_, _ = n.conn.Write([]byte(message))                               // a lost message: see the package comment
}

// oneLine keeps a text from becoming several messages.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// Activity is what Run observes. Its functions may not block.
type Activity struct {
	// Started reports whether the start is complete. It is called until it is.
	Started func() bool
	// LastDone is when a piece of work was last completed; the zero time is never. Only a
	// newer time than before sends KeepAlive.
	LastDone func() time.Time
	// MaxPause is the longest time between two pieces of work when all is well. Systemd
	// is asked to wait at least twice as long.
	MaxPause time.Duration
	// StatusLine is for systemctl status.
	StatusLine func() string
}

const (
	startPoll = 50 * time.Millisecond // until the start is complete
	runPoll   = 2500 * time.Millisecond
)

// Run polls a and notifies systemd until ctx ends, and then sends Stopping.
func (n *NotifySocket) Run(ctx context.Context, a Activity) {
	if n == nil {
		return
	}
	defer n.Stopping()
	n.ExtendWatchdog(2 * a.MaxPause)
	every := runPoll
	if n.watchdog > 0 {
		every = min(every, n.watchdog/4)
	}
	o := observer{n: n, activity: a}
	wait.Until(ctx, startPoll, o.poll)
	for wait.For(ctx, every) {
		o.poll()
	}
}

// observer remembers what was sent to systemd.
type observer struct {
	n        *NotifySocket
	activity Activity
	started  bool
	done     time.Time
	line     string
}

// poll sends what is new, and reports whether the start is complete.
func (o *observer) poll() (started bool) {
	if !o.started && o.activity.Started() {
		o.started = true
		o.n.Ready()
	}
	if done := o.activity.LastDone(); done.After(o.done) {
		o.done = done
		o.n.KeepAlive()
	}
	if line := o.activity.StatusLine(); line != o.line {
		o.line = line
		o.n.Status(line)
	}
	return o.started
}
