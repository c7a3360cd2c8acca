// Package systemd notifies systemd that this process is ready, that it is alive, that it
// stops, and of its status in one line (sd_notify(3), by the socket that NOTIFY_SOCKET
// names).
//
// A notification waits at most 50 ms and never fails the process: one that systemd does
// not take is lost, and watchdog messages are sent often enough to lose some.
package systemd

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"evcp/internal/wait"
)

// NotifySocket sends to systemd. It is for one goroutine.
type NotifySocket struct {
	conn     *net.UnixConn
	watchdog time.Duration // the longest time between two watchdog messages; 0 is no limit

	// What was sent.
	ready  bool
	done   time.Time
	status string
}

// Open connects to systemd. It returns nil unless systemd started this process with
// Type=notify. A socket that can't be reached is logged: systemd will restart a process
// that never reports itself ready.
func Open(getenv func(string) string, log *slog.Logger) *NotifySocket {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"}) // @ begins an abstract name, for Go as for systemd
	if err != nil {
		log.Warn("notify systemd: " + err.Error())
		return nil
	}
	return &NotifySocket{conn: conn, watchdog: watchdog(getenv)}
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

// Activity is what Run observes. Its functions may not block.
type Activity struct {
	// Started reports whether the start is complete. It is called until it is.
	Started func() bool
	// LastDone is when a piece of work was last completed; the zero time is never. Only a
	// newer time than before sends a watchdog message.
	LastDone func() time.Time
	// MaxPause is the longest time between two pieces of work when all is well; it may
	// change. Systemd is asked to wait at least twice as long as the longest there was.
	MaxPause func() time.Duration
	// StatusLine is for systemctl status.
	StatusLine func() string
}

const (
	startPoll = 50 * time.Millisecond // until the start is complete
	runPoll   = 2500 * time.Millisecond
)

// Run polls a and notifies systemd until ctx ends; then it reports the stop and closes the
// socket. Without a socket it returns at once.
func (n *NotifySocket) Run(ctx context.Context, a Activity) {
	if n == nil {
		return
	}
	defer func() { _ = n.conn.Close() }()
	defer n.send("STOPPING=1")
	n.extendWatchdog(a.MaxPause())
	every := runPoll
	if n.watchdog > 0 {
		every = min(every, n.watchdog/4)
	}
	wait.Until(ctx, startPoll, func() bool { n.poll(a); return n.ready })
	for wait.For(ctx, every) {
		n.poll(a)
	}
}

// extendWatchdog asks systemd to wait longer, if two pauses take longer than it waits.
func (n *NotifySocket) extendWatchdog(maxPause time.Duration) {
	if least := 2 * maxPause; n.watchdog > 0 && n.watchdog < least {
		n.watchdog = least
		n.send("WATCHDOG_USEC=" + strconv.FormatInt(least.Microseconds(), 10))
	}
}

// poll sends what is new.
func (n *NotifySocket) poll(a Activity) {
	n.extendWatchdog(a.MaxPause())
	if !n.ready && a.Started() {
		n.ready = true
		n.send("READY=1")
	}
	if done := a.LastDone(); done.After(n.done) {
		n.done = done
		n.send("WATCHDOG=1")
	}
	if status := a.StatusLine(); status != n.status {
		n.status = status
		n.send("STATUS=" + status)
	}
}

// send waits for 50 ms at most, should systemd not read its socket.
func (n *NotifySocket) send(message string) {
	_ = n.conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)) // only fails when closed
	_, _ = n.conn.Write([]byte(oneLine(message)))                      // a lost message: see the package comment
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
