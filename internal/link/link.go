// Package link is one TCP connection to one peer, kept for as long as the peer
// keeps it. Some peers close after every answer and some never do; both are
// served by the same three steps: look, dial if need be, use.
//
// A Link belongs to one goroutine at a time.
package link

import (
	"bytes"
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// Dialer opens connections; *net.Dialer is one. It may be called from any number
// of goroutines at once.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Link is the connection to Address, or none yet.
type Link struct {
	Address string
	Dialer  Dialer
	conn    net.Conn
	buf     [512]byte
}

// Ready looks at a kept connection and reports whether the next question may go
// out on it. A peer that has closed, and one that said something nobody asked
// for (the late half of an earlier answer), is hung up on; blanks are dropped.
func (l *Link) Ready() bool {
	if l.conn == nil {
		return false
	}
	if !l.silent() {
		l.Close()
	}
	return l.conn != nil
}

// silent reads what waits, without waiting for it.
func (l *Link) silent() bool {
	for {
		n, err := l.peek()
		switch {
		case wouldBlock(err):
			return true
		case err != nil || n == 0:
			return false
		case len(bytes.Trim(l.buf[:n], " \t\r\n\x00")) > 0:
			return false
		}
	}
}

// peekBriefly looks by waiting a moment, for a connection that is no socket (tests
// run in memory) and for systems that can't look without waiting.
func (l *Link) peekBriefly(moment time.Duration) (int, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(moment)); err != nil {
		return 0, err
	}
	return l.conn.Read(l.buf[:])
}

func wouldBlock(err error) bool {
	var timeout net.Error
	return errors.Is(err, syscall.EAGAIN) || errors.As(err, &timeout) && timeout.Timeout()
}

// Dial opens a fresh connection in place of the old one. The context bounds it.
func (l *Link) Dial(ctx context.Context) error {
	l.Close()
	conn, err := l.Dialer.DialContext(ctx, "tcp", l.Address)
	if err != nil {
		return err
	}
	l.conn = conn
	return nil
}

// Adopt takes over a connection that was dialled elsewhere.
func (l *Link) Adopt(conn net.Conn) {
	l.Close()
	l.conn = conn
}

// Write sends a message before the deadline.
func (l *Link) Write(message []byte, deadline time.Time) error {
	if l.conn == nil {
		return net.ErrClosed
	}
	if err := l.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	_, err := l.conn.Write(message)
	return err
}

// Read waits for bytes until the deadline. The slice is good until the next call.
func (l *Link) Read(deadline time.Time) ([]byte, error) {
	if l.conn == nil {
		return nil, net.ErrClosed
	}
	if err := l.conn.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	n, err := l.conn.Read(l.buf[:])
	return l.buf[:n], err
}

// Interrupt returns a function that, called from any goroutine, breaks off a
// Read or Write on the connection as it is now.
func (l *Link) Interrupt() func() {
	conn := l.conn
	return func() {
		if conn != nil {
			conn.SetDeadline(time.Unix(1, 0))
		}
	}
}

// Close hangs up. It may be called at any time and twice.
func (l *Link) Close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}
