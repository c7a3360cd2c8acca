// Package link is one TCP connection to one peer, kept for as long as the peer keeps it.
// Some peers close after every reply and some never do. Both are served by the same
// three steps: ask Ready, Dial if it is not, use.
//
// A Link belongs to one goroutine at a time.
package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"evcp"
)

// Dialer opens connections; *TCPDialer is one. It may be called from any number
// of goroutines at once.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Dialers are the dialers of a Monitor, one for each kind of peer: each may use TLS or not.
type Dialers struct{ Engine, Central, Kafka Dialer }

// OneDialer uses one Dialer for all peers.
func OneDialer(d Dialer) Dialers { return Dialers{d, d, d} }

// Link is the connection to Address, or none yet.
type Link struct {
	Address string
	Dialer  Dialer
	conn    *openConn
	buf     [512]byte
}

// openConn is an open connection.
type openConn struct {
	net.Conn
	until       time.Time   // the deadline that is set
	interrupted atomic.Bool // reads and writes fail at once
	instant     instantReader
}

// longPast is a deadline that breaks off whatever waits.
var longPast = time.Unix(1, 0)

// bound bounds writes and reads by the same moment: that is one timer, where two moments are
// two. A deadline that is set already costs nothing.
func (c *openConn) bound(until time.Time) error {
	if until == c.until {
		return nil
	}
	c.until = until
	err := c.SetDeadline(until)
	if err == nil && c.interrupted.Load() { // it came before the deadline was set
		err = c.SetDeadline(longPast)
	}
	return err
}

// Ready reports whether there is a connection on which the next message may be sent. It
// drops blanks that wait to be read. It closes a connection that the peer has closed,
// and one with other bytes waiting, such as the late half of an earlier reply.
func (l *Link) Ready() bool {
	if l.conn != nil && !l.silent() {
		l.Close()
	}
	return l.conn != nil
}

// silent reads what has arrived, without waiting. It reports false at an end and at
// anything but blanks.
func (l *Link) silent() bool {
	for {
		b, err := l.Waiting()
		if err != nil || len(bytes.Trim(b, " \t\r\n\x00")) > 0 {
			return false
		}
		if len(b) == 0 {
			return true
		}
	}
}

// Waiting reads what has arrived, without waiting: nothing is no error. The slice is valid
// until the next call.
func (l *Link) Waiting() ([]byte, error) {
	if l.conn == nil {
		return nil, net.ErrClosed
	}
	n, err := l.readNow()
	switch {
	case isAny(err, syscall.EAGAIN, os.ErrDeadlineExceeded):
		return nil, nil
	case err == nil && n == 0:
		return nil, io.EOF
	}
	return l.buf[:n], err
}

// readNow reads what has arrived, without waiting.
func (l *Link) readNow() (int, error) {
	l.conn.until = time.Time{} // where the system has no read that does not wait, a deadline is set
	if c, ok := l.conn.Conn.(*tlsConn); ok {
		return c.readNow(l.buf[:])
	}
	return l.conn.instant.readNow(l.conn.Conn, l.buf[:])
}

// readBriefly reads with a short deadline, for connections that are no sockets (tests in
// memory) and for systems without a read that does not block.
func readBriefly(conn net.Conn, into []byte, moment time.Duration) (int, error) {
	if err := conn.SetReadDeadline(time.Now().Add(moment)); err != nil {
		return 0, err
	}
	return conn.Read(into)
}

// Dial opens a fresh connection in place of the old one. The context bounds it.
func (l *Link) Dial(ctx context.Context) error {
	l.Close()
	conn, err := l.Dialer.DialContext(ctx, "tcp", l.Address)
	if err != nil {
		return err
	}
	l.conn = &openConn{Conn: conn}
	return nil
}

// Adopt takes over a connection that was dialled elsewhere.
func (l *Link) Adopt(conn net.Conn) {
	l.Close()
	l.conn = &openConn{Conn: conn}
}

// Open reports whether there is a connection, as far as is known without a look at it.
func (l *Link) Open() bool { return l.conn != nil }

// Write sends a message before the deadline.
func (l *Link) Write(message []byte, deadline time.Time) error {
	if l.conn == nil {
		return net.ErrClosed
	}
	if err := l.conn.bound(deadline); err != nil {
		return err
	}
	_, err := l.conn.Write(message)
	return err
}

// Read waits for bytes until the deadline. The slice is valid until the next call.
func (l *Link) Read(deadline time.Time) ([]byte, error) {
	if l.conn == nil {
		return nil, net.ErrClosed
	}
	if err := l.conn.bound(deadline); err != nil {
		return nil, err
	}
	n, err := l.conn.Read(l.buf[:])
	return l.buf[:n], err
}

// Arrived is when the last bytes of the last Read arrived here; zero when the connection
// does not say.
func (l *Link) Arrived() time.Time {
	if l.conn == nil {
		return time.Time{}
	}
	if c, ok := l.conn.Conn.(interface{ Arrived() time.Time }); ok {
		return c.Arrived()
	}
	return time.Time{}
}

// Interrupt returns a function that, called from any goroutine, breaks off a Read or Write
// on the connection as it is now, and those that follow until Resume.
func (l *Link) Interrupt() func() {
	conn := l.conn
	return func() {
		if conn != nil {
			conn.interrupted.Store(true)
			_ = conn.SetDeadline(longPast) // a connection that is closed is broken off as well
		}
	}
}

// Resume lets reads and writes wait again on a connection that was interrupted between two
// messages.
func (l *Link) Resume() {
	if l.conn != nil {
		l.conn.interrupted.Store(false)
		l.conn.until = time.Time{}
	}
}

// RouteError is the error with which this machine now refuses packets to the peer of the
// connection; nil when it sends them, or when that is not known. CauseOf its error is
// evcp.NoNetwork.
func (l *Link) RouteError() error {
	if l.conn == nil {
		return nil
	}
	if peer, ok := l.conn.RemoteAddr().(*net.TCPAddr); ok {
		return routeError(peer.AddrPort())
	}
	return nil
}

// Close closes the connection. It may be called at any time, and twice.
func (l *Link) Close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// localError is a refusal by this machine: no packet left it.
type localError struct {
	cause evcp.Cause
	err   error
}

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

// CauseOf is the Cause of a failed dial, write or read. Errors of the network and of TLS are
// classified in this package and nowhere else. A network or host that is unreachable is the
// peer's side, unless the Dialer found that this machine itself refused.
func CauseOf(err error) evcp.Cause {
	if local, ok := errors.AsType[*localError](err); ok {
		return local.cause
	}
	if c := tlsCause(err); c != evcp.NoCause {
		return c
	}
	return networkCause(err)
}

func networkCause(err error) evcp.Cause {
	var dns *net.DNSError
	switch {
	case err == nil:
		return evcp.NoCause
	case errors.As(err, &dns) && dns.IsNotFound:
		return evcp.DNS
	case errors.As(err, &dns): // silent, SERVFAIL, none there
		return evcp.NameServer
	case errors.Is(err, syscall.ENETDOWN): // no ICMP message makes it
		return evcp.NoNetwork
	case errors.Is(err, syscall.ECONNREFUSED):
		return evcp.Refused
	case isAny(err, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED):
		return evcp.Reset
	case isAny(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN):
		return evcp.Unreachable
	case isAny(err, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL):
		return evcp.NoSocket
	case isAny(err, syscall.EACCES, syscall.EPERM):
		return evcp.Local
	case isAny(err, os.ErrDeadlineExceeded, context.DeadlineExceeded, syscall.ETIMEDOUT):
		return evcp.Timeout
	case isAny(err, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, io.ErrClosedPipe):
		return evcp.Closed
	default:
		return evcp.Other
	}
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}
