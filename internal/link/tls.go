package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"evcp"
)

// TLSDialer makes connections of another Dialer into TLS connections. The handshake belongs
// to the dial: the same context and the same Limits bound both.
type TLSDialer struct {
	Dialer Dialer
	// Config is asked before each handshake, so that a certificate that was replaced is used
	// from then on. host is that of the dialled address. The dialer does not modify the
	// result. An error is of this machine's own side: evcp.OwnCertificate.
	Config func(host string) (*tls.Config, error)
	// Built is when this program was built. With a clock before that nobody can say whether
	// a certificate has expired: the cause of that error is evcp.WrongClock.
	Built time.Time
}

// DialContext connects to HOST:PORT and makes the handshake.
func (d *TLSDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	config, err := d.Config(host)
	if err != nil {
		return nil, &localError{evcp.OwnCertificate, err}
	}
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	lacking := false // the server asked for a certificate, and there is none
	if config.GetClientCertificate == nil && len(config.Certificates) == 0 {
		config = config.Clone()
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			lacking = true
			return &tls.Certificate{}, nil
		}
	}
	records := &recordConn{Conn: conn}
	c := &tlsConn{tls.Client(records, config), records}
	if err := c.HandshakeContext(ctx); err != nil {
		refused := networkLost(ctx, conn, err)
		conn.Close()
		if refused != nil {
			return nil, refused
		}
		return nil, d.handshakeError(ctx, err, lacking)
	}
	return c, nil
}

// networkLost is the error with which this machine refuses packets to the server, when a
// handshake has ended without an answer; nil when it sends them.
func networkLost(ctx context.Context, conn net.Conn, err error) error {
	if peer, ok := conn.RemoteAddr().(*net.TCPAddr); ok && (ctx.Err() != nil || networkCause(err) == evcp.Timeout) {
		return routeError(peer.AddrPort())
	}
	return nil
}

func (d *TLSDialer) handshakeError(ctx context.Context, err error, lacking bool) error {
	if ended := ctx.Err(); ended != nil { // it closed the connection
		return ended
	}
	if now := time.Now(); now.Before(d.Built) && outsideValidity(err) {
		return &localError{evcp.WrongClock, fmt.Errorf("the clock says %s, and this program was built on %s: %w",
			now.UTC().Format(time.DateOnly), d.Built.UTC().Format(time.DateOnly), err)}
	}
	if lacking && alertOf(err) == handshakeFailure { // what TLS 1.2 answers to that
		return &localError{evcp.OwnCertificate, err}
	}
	return &tlsError{err}
}

// tlsConn is a TLS connection. What it has received can be read without waiting.
type tlsConn struct {
	*tls.Conn
	records *recordConn
}

// Write sends b. When the connection is broken, the server may have said before why: in TLS
// 1.3 it refuses a client's certificate only after the handshake. Then that is the error.
func (c *tlsConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == nil || networkCause(err) == evcp.Timeout {
		return n, err
	}
	var rest [512]byte
	for {
		if _, alert := c.readNow(rest[:]); tlsCause(alert) != evcp.NoCause {
			return n, alert
		} else if alert != nil {
			return n, err
		}
	}
}

var errPartialRecord = errors.New("a part of a TLS record has arrived")

// readNow reads what TLS and the kernel have buffered, without waiting. Records that carry
// no data, such as session tickets, are processed. A part of a record is an error: it may be
// the begin of a late reply.
func (c *tlsConn) readNow(into []byte) (int, error) {
	c.records.now = true
	n, err := c.Read(into)
	c.records.now = false
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.records.partial() {
		return 0, errPartialRecord
	}
	return n, err
}

// Close closes the connection. Its last record, close_notify, is sent if the socket takes it
// at once. Go's own Close would wait up to 5 s for a peer that does not read.
func (c *tlsConn) Close() error {
	c.records.closing.Store(true)
	return c.Conn.Close()
}

// recordConn is the connection below TLS. It follows where records begin and end, and it can
// read without waiting.
type recordConn struct {
	net.Conn
	now     bool    // Read does not wait
	header  [5]byte // of the record that is being received
	got     int     // bytes of the header
	left    int     // bytes that are missing of the record's body
	closing atomic.Bool
	instant instantReader
}

// closeNotifyLimit is how long a socket that is closed may take for the last record.
const closeNotifyLimit = 5 * time.Millisecond

// Read reads like the connection, or without waiting: then nothing to read is
// os.ErrDeadlineExceeded, after which TLS can go on.
func (c *recordConn) Read(b []byte) (n int, err error) {
	if c.now {
		n, err = c.instant.readNow(c.Conn, b)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			err = os.ErrDeadlineExceeded
		case err == nil && n == 0 && len(b) > 0:
			err = io.EOF
		}
	} else {
		n, err = c.Conn.Read(b)
	}
	c.follow(b[:n])
	return n, err
}

// follow counts received bytes into records: a header of 5 bytes, the last two of which are
// the length of the body that follows (RFC 8446, 5.1).
func (c *recordConn) follow(b []byte) {
	for len(b) > 0 {
		if c.left > 0 {
			n := min(c.left, len(b))
			c.left, b = c.left-n, b[n:]
			continue
		}
		n := copy(c.header[c.got:], b)
		c.got, b = c.got+n, b[n:]
		if c.got == len(c.header) {
			c.got, c.left = 0, int(c.header[3])<<8|int(c.header[4])
		}
	}
}

// partial reports whether a record has arrived in part.
func (c *recordConn) partial() bool { return c.got > 0 || c.left > 0 }

// SetWriteDeadline does not let the last record wait.
func (c *recordConn) SetWriteDeadline(t time.Time) error {
	if c.closing.Load() {
		t = time.Now().Add(closeNotifyLimit)
	}
	return c.Conn.SetWriteDeadline(t)
}
