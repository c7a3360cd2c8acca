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

	"evcp/internal/central/cpstate"
	"evcp/internal/console"
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
)

// acceptBackoff is the pause after an Accept that failed.
var acceptBackoff = pace.Backoff{First: 5 * time.Millisecond, Cap: time.Second}

// acceptsAgain is for how long no Accept may fail until the trouble is over. While
// descriptors are short, each one that becomes free lets one connection in.
const acceptsAgain = 10 * time.Second

// accept takes connections until the listener is closed. Errors of the machine
// (no descriptor left) pass: Central waits and goes on. The log has their begin and end.
func (c *Central) accept(ctx context.Context, ln net.Listener, conns *sync.WaitGroup) error {
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
			conns.Go(func() { c.serveConn(conn) })
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
	c.conns[conn] = struct{}{}
	return true
}

func (c *Central) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		conn.Close()
	}
}

// serveConn serves one connection; a panic ends it alone.
func (c *Central) serveConn(conn net.Conn) {
	m := &monitorConn{c: c, conn: conn, record: newConnRecord(conn.RemoteAddr().String(), time.Now())}
	defer m.end()
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("a session broke; the others go on", "peer", m.record.peer, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	if tcp, ok := conn.(*net.TCPConn); ok { // notices within half a minute that the peer's machine is gone; without it silence is still noticed
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3})
	}
	m.serve()
}

// monitorConn answers one connection.
type monitorConn struct {
	c          *Central
	conn       net.Conn
	record     *connRecord
	registered bool // a registered charge point has sent a message
	requests   wire.RequestDecoder
	out        []byte
}

// end closes the connection. A charge point that may be lost with it has the time of
// reconnectGrace to send by another.
func (m *monitorConn) end() {
	m.conn.Close()
	m.c.mu.Lock()
	delete(m.c.conns, m.conn)
	m.c.mu.Unlock()
	ended := time.Now()
	for _, id := range m.c.board.drop(m.record) {
		time.AfterFunc(reconnectGrace, func() { m.c.board.connectionEnded(id, ended, time.Now()) })
	}
}

// serve reads and answers until the peer leaves or sends too much, or Central stops.
func (m *monitorConn) serve() {
	var in [readSize]byte
	for {
		m.conn.SetReadDeadline(m.readDeadline())
		n, err := m.conn.Read(in[:])
		if !m.requests.Feed(in[:n]) {
			m.rejectTooLong()
			return
		}
		for r, ok := m.requests.Next(); ok; r, ok = m.requests.Next() {
			if !m.answer(r) {
				return
			}
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
	if r, ok := m.requests.Flush(); ok && !m.answer(r) {
		return false
	}
	return timeout && (m.registered || time.Since(m.record.opened) < registerWithin)
}

// readDeadline is when the next Read gives up; the zero time is never.
func (m *monitorConn) readDeadline() time.Time {
	var until time.Time
	if !m.registered {
		until = m.record.opened.Add(registerWithin)
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

// answer answers one request and reports whether the reply was sent.
func (m *monitorConn) answer(r wire.Request) bool {
	if r.Err != nil {
		m.c.log.Debug("answered an unknown message", "peer", m.record.peer, "error", r.Err)
		return m.write(cpstate.UnknownMessage, r)
	}
	return m.write(m.receive(r.Message), r)
}

// receive decides the reply to one message. A first registration waits for the disk.
func (m *monitorConn) receive(msg wire.Message) cpstate.Reply {
	c := m.c
	listed := c.o.Registry == nil || c.o.Registry.Listed(msg.CP)
	reply, created := c.board.receive(m.record, msg, listed, time.Now())
	m.registered = m.registered || reply.Accepted()
	switch cp, peer := console.CP(msg.CP), slog.String("peer", m.record.peer); reply {
	case cpstate.Denied:
		c.warnLimited("denied: not in the registry", cp, peer)
	case cpstate.NoRoom:
		c.warnLimited("denied: no room for another charge point", cp, peer, slog.Int("limit", c.o.MaxCPs))
	}
	if created > 0 && c.file != nil {
		c.commits.waitChange(created, registrationWait)
	}
	return reply
}

func (m *monitorConn) write(reply cpstate.Reply, r wire.Request) bool {
	m.out = wire.AppendReply(m.out[:0], reply.Text(r.Message.CP), r)
	m.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := m.conn.Write(m.out)
	return err == nil
}

// rejectTooLong ends a connection whose message does not end within wire.MaxMessage.
func (m *monitorConn) rejectTooLong() {
	m.c.warnLimited("closed a connection: its message has no end", slog.String("peer", m.record.peer), slog.Int("limit_bytes", wire.MaxMessage))
	if !m.write(cpstate.UnknownMessage, wire.Request{Err: wire.ErrTooLong}) {
		return
	}
	if half, ok := m.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		m.conn.SetReadDeadline(time.Now().Add(drainTimeout))
		_, _ = io.CopyN(io.Discard, m.conn, drainMax) // an error ends it too: the connection is closed next
	}
}
