package central

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"evcp"
	"evcp/internal/wait"
)

// Serve answers Monitors on ln until ctx ends or ln fails; then it closes every
// connection, writes what the disk should know, and returns. It may be called
// once.
func (c *Central) Serve(ctx context.Context, ln net.Listener) error {
	c.mu.Lock()
	c.addr = ln.Addr()
	c.mu.Unlock()
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the helpers outlive the sessions
	var helpers, sessions sync.WaitGroup
	helpers.Go(func() { c.superviseCPs(inner) })
	helpers.Go(func() { c.logChanges(inner) })
	if c.store != nil {
		helpers.Go(func() { c.persist(inner) })
	}
	release := context.AfterFunc(ctx, func() { ln.Close(); c.closeAll() })
	err := c.accept(ctx, ln, &sessions)
	release()
	ln.Close()
	c.closeAll()
	sessions.Wait()
	cancel()
	helpers.Wait()
	return err
}

// accept takes connections until the listener is closed. Errors of the machine
// (no descriptor left) pass; Central waits and goes on.
func (c *Central) accept(ctx context.Context, ln net.Listener, sessions *sync.WaitGroup) error {
	rest := 5 * time.Millisecond
	for {
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
			c.log.Warn("can't accept a connection", "error", err, "retry", rest)
			wait.For(ctx, rest)
			rest = min(2*rest, time.Second)
			continue
		}
		rest = 5 * time.Millisecond
		if c.admit(ctx, conn) {
			sessions.Go(func() { c.serveConn(conn) })
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

// serveConn serves one connection; its panics end it alone.
func (c *Central) serveConn(conn net.Conn) {
	s := &monitorConn{c: c, conn: conn, source: newSource(conn.RemoteAddr().String()), opened: time.Now()}
	defer c.connEnded(s)
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("a session broke; the others go on", "peer", s.source.peer, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	keepAlive(conn)
	s.serve()
}

// keepAlive notices a peer whose machine is gone within half a minute.
func keepAlive(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}) // without it silence is still noticed
	}
}

func (c *Central) connEnded(s *monitorConn) {
	s.conn.Close()
	c.mu.Lock()
	delete(c.conns, s.conn)
	c.mu.Unlock()
	ended := time.Now()
	for _, id := range c.board.drop(s.source) {
		c.connEnds <- connectionEnd{cp: id, at: ended}
	}
}

func (c *Central) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		conn.Close()
	}
}

// connectionEnd is a connection of a charge point's heartbeats that is no more.
type connectionEnd struct {
	cp evcp.CPID
	at time.Time
}
