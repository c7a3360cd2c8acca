package testbed

import (
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// NotifyReceiver receives what a process sends to systemd (sd_notify(3)).
type NotifyReceiver struct {
	Address string // for NOTIFY_SOCKET

	tb       testing.TB
	mu       sync.Mutex
	received []string
}

// ReceiveNotify receives at an address, or in a new folder if it is "", until the test ends.
func ReceiveNotify(tb testing.TB, address string) *NotifyReceiver {
	tb.Helper()
	if address == "" {
		address = filepath.Join(tb.TempDir(), "notify")
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		tb.Fatal(err)
	}
	r := &NotifyReceiver{Address: address, tb: tb}
	var reading sync.WaitGroup
	reading.Go(func() { r.readAll(conn) })
	tb.Cleanup(func() {
		_ = conn.Close()
		reading.Wait()
	})
	return r
}

func (r *NotifyReceiver) readAll(conn *net.UnixConn) {
	b := make([]byte, 8192)
	for {
		n, err := conn.Read(b)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.received = append(r.received, string(b[:n]))
		r.mu.Unlock()
	}
}

// Received are all messages so far, in their order.
func (r *NotifyReceiver) Received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.received)
}

// Until waits until a message was received so many times.
func (r *NotifyReceiver) Until(message string, times int) {
	r.tb.Helper()
	Until(r.tb, message, func() bool {
		n := 0
		for _, m := range r.Received() {
			if m == message {
				n++
			}
		}
		return n >= times
	})
}
