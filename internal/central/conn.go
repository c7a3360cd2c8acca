package central

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"evcp"
	"evcp/internal/central/conngroup"
	"evcp/internal/central/cpstate"
	"evcp/internal/console"
	"evcp/internal/credentials"
	"evcp/internal/pace"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

const (
	// registerWithin is how long a connection may stay without one message from a
	// registered charge point.
	registerWithin = 30 * time.Second
	// writeTimeout is how long a reply may wait for its peer.
	writeTimeout = 5 * time.Second
	// drainTimeout and drainMax bound what is read of a peer that sent too much, so
	// that the reply reaches it: closing with unread bytes would reset the connection.
	drainTimeout = time.Second
	drainMax     = 4 << 20
	// readSize is how much is read at once. What is held of an unfinished message and
	// one more read fit into wire.MaxMessage.
	readSize = wire.MaxMessage / 2
	// mostHeld is how many bytes of replies wait for one another at most.
	mostHeld = 4096
)

// acceptBackoff is the pause after an Accept that failed.
var acceptBackoff = pace.Backoff{First: 5 * time.Millisecond, Cap: time.Second}

// acceptsAgain is for how long no Accept may fail until the trouble is over. While
// descriptors are short, each one that becomes free lets one connection in.
const acceptsAgain = 10 * time.Second

// accept takes connections until the listener is closed. Errors of the machine
// (no descriptor left) pass: Central waits and goes on. The log has their begin and end.
func (c *Central) accept(ctx context.Context, ln net.Listener, conns *sync.WaitGroup) error {
	var server *credentials.Server // nil: without TLS
	if l, ok := ln.(*SecureListener); ok {
		server = l.Server
	}
	var began, failed time.Time // of the trouble; its last error
	for failures := 0; ; {
		conn, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept connections: %w", err)
		case err != nil:
			failures++
			failed = time.Now()
			if began.IsZero() {
				began = failed
				c.log.Error("can't accept connections; tries again and again", "error", err, "do", "Raise the limit of open files (ulimit -n), and see what uses them up.")
			}
			wait.For(ctx, acceptBackoff.Delay(failures, 1))
			continue
		}
		failures = 0
		if !began.IsZero() && time.Since(failed) >= acceptsAgain {
			c.log.Info("accepts connections again", "after", time.Since(began).Round(time.Second))
			began = time.Time{}
		}
		if c.admit(ctx, conn) {
			conns.Go(func() { c.serveConn(conn, server) })
		}
	}
}

// admit counts a connection in, or closes it.
func (c *Central) admit(ctx context.Context, conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.conns) >= c.o.MaxConns || ctx.Err() != nil {
		conn.Close()
		if ctx.Err() == nil && time.Since(c.fullLogged) > time.Minute {
			c.fullLogged = time.Now()
			c.log.Error("closes new connections: all are taken", "limit", c.o.MaxConns)
		}
		return false
	}
	c.conns[conn] = nil
	return true
}

// closeAll closes the connections. Whoever is on them is not lost: Central leaves.
func (c *Central) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaving = true
	for conn := range c.conns {
		conn.Close()
	}
}

// expireConnections disconnects the charge points that are lost by now.
func (c *Central) expireConnections() {
	c.mu.Lock()
	leaving := c.leaving
	c.mu.Unlock()
	if !leaving {
		c.board.expireConnections(time.Now())
	}
}

// serveConn serves one connection; a panic ends it alone. server is nil without TLS.
func (c *Central) serveConn(socket net.Conn, server *credentials.Server) {
	m := &monitorConn{c: c, socket: socket, conn: socket, record: newConnRecord(socket.RemoteAddr().String(), time.Now())}
	defer m.end()
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("a session broke; the others go on", "peer", m.record.Peer, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	if tcp, ok := socket.(*net.TCPConn); ok { // notices within half a minute that the peer's machine is gone; without it silence is still noticed
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3})
	}
	if server == nil || m.handshake(server) {
		m.serve()
	}
}

// monitorConn answers one connection.
type monitorConn struct {
	c          *Central
	socket     net.Conn
	conn       net.Conn        // the socket, or TLS on it
	identity   *clientIdentity // nil: it has no certificate
	record     *connRecord
	registered bool // a registered charge point has sent a message
	requests   wire.RequestDecoder
	out        []byte
	said       []Words // the messages whose replies are in out
}

// end closes the connection. The charge points that may be lost with it have the time of
// conngroup.Grace to be heard on another. The close comes last: TLS says goodbye, and a peer that
// does not read holds that up for 5 s, or until closeAll closes the socket.
func (m *monitorConn) end() {
	for i := range m.said {
		m.said[i].Answered = ""
	}
	m.c.board.hear(m.said)
	m.c.board.drop(m.record, time.Now())
	time.AfterFunc(conngroup.Grace, m.c.expireConnections)
	m.conn.Close()
	m.c.mu.Lock()
	delete(m.c.conns, m.socket)
	m.c.mu.Unlock()
}

// serve reads and answers until the peer leaves or sends too much, or Central stops.
func (m *monitorConn) serve() {
	var in [readSize]byte
	for first := true; ; {
		m.conn.SetReadDeadline(m.readDeadline())
		n, err := m.conn.Read(in[:])
		if first && m.conn == m.socket && isClientHello(in[:n]) {
			m.rejectTLS()
			return
		}
		first = first && n == 0
		if !m.requests.Feed(in[:n]) {
			m.rejectTooLong()
			return
		}
		for r, ok := m.requests.Next(); ok; r, ok = m.requests.Next() {
			if !m.answer(r) {
				return
			}
		}
		if !m.flush() {
			return
		}
		if err != nil && !m.readFailed(err) {
			return
		}
	}
}

// readFailed handles the error of a Read: at a deadline or the peer's close, what is
// held is a whole message. It reports whether to go on.
func (m *monitorConn) readFailed(err error) bool {
	timeout := errors.Is(err, os.ErrDeadlineExceeded)
	if !timeout && !errors.Is(err, io.EOF) {
		return false
	}
	if r, ok := m.requests.Flush(); ok && (!m.answer(r) || !m.flush()) {
		return false
	}
	return timeout && (m.registered || time.Since(m.record.Opened) < registerWithin)
}

// readDeadline is when the next Read gives up; the zero time is never.
func (m *monitorConn) readDeadline() time.Time {
	var until time.Time
	if !m.registered {
		until = m.record.Opened.Add(registerWithin)
	}
	rest := m.requests.Wait() // for the rest of a message
	if rest == 0 {
		return until
	}
	if soon := time.Now().Add(rest); until.IsZero() || soon.Before(until) {
		return soon
	}
	return until
}

// answer answers one request, and reports whether the connection goes on. What was read
// together is answered together: flush sends it.
func (m *monitorConn) answer(r wire.Request) bool {
	if m.identity != nil {
		if err := m.identity.certificate.Valid(time.Now()); err != nil {
			m.c.cut(m.socket, m.identity, err)
			return false
		}
	}
	if r.Err != nil {
		m.c.log.Debug("answered an unknown message", "peer", m.record.Peer, "error", r.Err)
		m.reply(cpstate.UnknownMessage, r)
		return true
	}
	received := time.Now()
	reply := m.receive(r.Message)
	m.reply(reply, r)
	m.said = append(m.said, Words{From: received, To: received, Count: 1, Said: r.Message, Answered: reply.Text(r.Message.CP), Peer: m.record.Peer})
	return len(m.out) < mostHeld || m.flush()
}

// receive decides the reply to one message. A first registration waits for the disk.
func (m *monitorConn) receive(msg wire.Message) cpstate.Reply {
	c := m.c
	r := c.board.receive(m.record, msg, m.admission(msg.CP), time.Now())
	m.registered = m.registered || r.reply.Accepted()
	switch cp, peer := console.CP(msg.CP), slog.String("peer", m.record.Peer); r.refused {
	case cpstate.Denied:
		if msg.Verb == wire.Registration {
			c.warnLimited("denied: not in the registry", cp, peer)
		}
	case cpstate.NoRoom:
		c.warnLimited("denied: no room for another charge point", cp, peer, slog.Int("limit", c.o.MaxCPs))
	case cpstate.OtherCertificate:
		if c.failures.isNew(m.identity.serial, string(msg.CP), time.Now()) {
			c.warnLimited(c.o.Language.Sprintf("denied: the certificate is for %s", m.identity.name()), append(m.identity.attrs(), cp, peer)...)
		}
	case cpstate.CertificateNeeded:
		if c.failures.isNew(host(m.record.Peer), string(msg.CP), time.Now()) {
			c.warnLimited(c.o.Language.Sprintf("denied: it has sent with a certificate, and %s has none", host(m.record.Peer)), cp, peer)
		}
	}
	if r.certified {
		c.log.LogAttrs(context.Background(), slog.LevelInfo, c.o.Language.Text("has sent with a certificate: is refused without one from now on"),
			append(m.identity.attrs(), console.CP(msg.CP))...)
	}
	if r.tried {
		c.log.LogAttrs(context.Background(), slog.LevelInfo, c.o.Language.Text("was only tried with a certificate: may connect without one, as before"),
			append(m.identity.attrs(), console.CP(msg.CP))...)
	}
	if r.created > 0 && c.file != nil && m.flush() { // the replies before do not wait
		c.commits.waitChange(r.created, registrationWait)
	}
	return r.reply
}

// admission is what the registry and the certificate say of a message for a charge point.
func (m *monitorConn) admission(id evcp.CPID) admission {
	registry := m.c.o.Registry
	switch {
	case registry != nil && !registry.Listed(id):
		return notListed
	case m.identity != nil && !m.identity.mayBe(id, registry):
		return otherCertificate
	}
	return admitted
}

func (m *monitorConn) reply(reply cpstate.Reply, r wire.Request) {
	m.out = wire.AppendReply(m.out, reply.Text(r.Message.CP), r)
}

// flush sends the replies that are not sent yet, and reports whether it could.
func (m *monitorConn) flush() bool {
	if len(m.out) == 0 {
		return true
	}
	m.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := m.conn.Write(m.out)
	now := time.Now()
	for i := range m.said {
		m.said[i].AnsweredIn = now.Sub(m.said[i].From)
		if err != nil {
			m.said[i].Answered = ""
		}
	}
	m.c.board.hear(m.said)
	m.out, m.said = m.out[:0], m.said[:0]
	return err == nil
}

// rejectTooLong ends a connection whose message does not end within wire.MaxMessage.
func (m *monitorConn) rejectTooLong() {
	m.c.warnLimited("closed a connection: its message has no end", slog.String("peer", m.record.Peer), slog.Int("limit_bytes", wire.MaxMessage))
	m.sendLast(wire.AppendReply(nil, cpstate.UnknownMessage.Text(""), wire.Request{Err: wire.ErrTooLong}))
}

// isClientHello reports whether what a connection begins with is a TLS handshake: record
// type 22 and major version 3 (RFC 8446, 5.1).
func isClientHello(b []byte) bool { return len(b) >= 2 && b[0] == 0x16 && b[1] == 0x03 }

// rejectTLS ends a connection that begins with TLS, where there is none.
func (m *monitorConn) rejectTLS() {
	if m.c.failures.isNew(host(m.record.Peer), "TLS", time.Now()) {
		m.c.warnLimited(m.c.o.Language.Sprintf("closed a connection from %s: TLS on the port without TLS", host(m.record.Peer)), slog.String("peer", m.record.Peer))
	}
	m.sendLast(wire.AppendReply(nil, cpstate.UnknownMessage.Text(""), wire.Request{Err: wire.ErrTooLong}))
}

// sendLast sends the last reply of a connection, and reads what is on its way: closing with
// unread bytes would reset the connection, and the reply would be lost.
func (m *monitorConn) sendLast(reply []byte) {
	_ = m.conn.SetDeadline(time.Now().Add(writeTimeout)) // a closed connection fails next
	if _, err := m.conn.Write(reply); err != nil {
		return
	}
	if half, ok := m.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = m.conn.SetReadDeadline(time.Now().Add(drainTimeout))
		_, _ = io.CopyN(io.Discard, m.conn, drainMax) // an error ends it too: the connection is closed next
	}
}
