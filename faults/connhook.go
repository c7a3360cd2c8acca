package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	"evcp/internal/wait"
)

// connHook stands between an Engine and its connections, for what no behaviour of a
// simulated Engine can do: act between a check and its reply, and split a reply. With TLS it
// sees what is inside.
type connHook struct {
	ctx     context.Context        // ends every wait
	tls     *tls.Config            // nil: plain TCP
	onCheck atomic.Pointer[func()] // called when the next health check is read
	gap     atomic.Int64           // time.Duration before all but the first byte of a reply
}

// onNextCheck calls do once, when the next health check is read; the Engine gets the check
// when do has returned.
func (h *connHook) onNextCheck(do func()) { h.onCheck.Store(&do) }

// wrap is listen with the hook on every connection.
func (h *connHook) wrap(listen func() (net.Listener, error)) func() (net.Listener, error) {
	return func() (net.Listener, error) {
		l, err := listen()
		if err != nil {
			return nil, err
		}
		return hookedListener{l, h}, nil
	}
}

type hookedListener struct {
	net.Listener
	hook *connHook
}

func (l hookedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	socket := c.(*net.TCPConn) //nolint:errcheck // a "tcp" listener gives nothing else
	if l.hook.tls != nil {
		c = tls.Server(socket, l.hook.tls)
	}
	return &hookedConn{c, socket, l.hook}, nil
}

type hookedConn struct {
	net.Conn // the socket, or TLS on it: the first Read makes the handshake
	socket   *net.TCPConn
	hook     *connHook
}

func (c *hookedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if bytes.Contains(b[:n], []byte("health_check")) {
		if do := c.hook.onCheck.Swap(nil); do != nil {
			(*do)()
		}
	}
	return n, err
}

func (c *hookedConn) Write(b []byte) (int, error) {
	gap := time.Duration(c.hook.gap.Load())
	if gap == 0 || len(b) < 2 {
		return c.Conn.Write(b)
	}
	n, err := c.Conn.Write(b[:1])
	if err != nil {
		return n, err
	}
	if !wait.For(c.hook.ctx, gap) {
		return n, c.hook.ctx.Err()
	}
	rest, err := c.Conn.Write(b[1:])
	return n + rest, err
}

// SetLinger is that of the socket, for an Engine that resets.
func (c *hookedConn) SetLinger(sec int) error { return c.socket.SetLinger(sec) }

// CloseWrite ends what the Engine sends.
func (c *hookedConn) CloseWrite() error {
	s, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return net.ErrClosed
	}
	return s.CloseWrite()
}
