// Package systemd tells systemd how this process does: that it has begun its
// work, that it still does it, that it stops, and in one line what it sees
// (sd_notify(3), by the socket that NOTIFY_SOCKET names).
//
// Telling never waits and never fails the process: a message that systemd does
// not take is lost, and the watchdog is fed often enough to lose some. A nil
// *Notifier is one that nobody listens to; all its methods do nothing.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Notifier sends to systemd. Any goroutine may call.
type Notifier struct {
	watchdog time.Duration

	mu   sync.Mutex // guards conn
	conn *net.UnixConn
}

// Open finds who wants to be notified: nobody, and nil, unless systemd started
// this process with Type=notify.
func Open(getenv func(string) string) (*Notifier, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil //nolint:nilnil // a nil Notifier is the usual one: nobody listens
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"}) // @ is an abstract one, here as there
	if err != nil {
		return nil, fmt.Errorf("notify systemd: %w", err)
	}
	return &Notifier{conn: conn, watchdog: watchdog(getenv)}, nil
}

// watchdog is how long systemd waits between two signs of life; 0 is for ever.
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

// Watchdog is how long systemd waits for a sign of life before it kills this
// process; 0 is for ever.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Ready says that the work has begun.
func (n *Notifier) Ready() { n.send("READY=1") }

// KeepAlive is a sign of life.
func (n *Notifier) KeepAlive() { n.send("WATCHDOG=1") }

// Status says in one line what is going on, for systemctl status.
func (n *Notifier) Status(line string) { n.send("STATUS=" + oneLine(line)) }

// Stopping says that the end has begun.
func (n *Notifier) Stopping() { n.send("STOPPING=1") }

// ExtendWatchdog asks systemd to wait at least d between signs of life, where it would
// wait less: a process that has work once a minute shows life once a minute.
func (n *Notifier) ExtendWatchdog(d time.Duration) {
	if n == nil || n.watchdog == 0 || n.watchdog >= d {
		return
	}
	n.watchdog = d
	n.send("WATCHDOG_USEC=" + strconv.FormatInt(d.Microseconds(), 10))
}

// Close lets go of the socket.
func (n *Notifier) Close() error {
	if n == nil {
		return nil
	}
	return n.conn.Close()
}

// send must not wait: systemd reads its socket, but one that does not may stand
// there too.
func (n *Notifier) send(message string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = n.conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)) // only fails when closed
	_, _ = n.conn.Write([]byte(message))                               // see the package comment
}

// oneLine keeps text from becoming a message of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
