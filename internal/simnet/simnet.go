// Package simnet is a network in memory for tests under testing/synctest. It behaves as
// TCP does: bytes are buffered until they are read, and connections are refused, reset,
// closed, delayed or lost in a black hole. It waits only in timers, which synctest
// skips.
package simnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"evcp/internal/wait"
)

// Net is one network. Its zero value is ready; all methods may be called from any
// goroutine.
type Net struct {
	mu        sync.Mutex // guards what follows
	listeners map[string]*Listener
	delay     time.Duration
	blackhole bool
}

// Delay delays every dial and every byte.
func (n *Net) Delay(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = d
}

// Blackhole drops everything while it is open: dials hang and bytes are lost.
func (n *Net) Blackhole(open bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.blackhole = open
}

func (n *Net) conditions() (time.Duration, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.delay, n.blackhole
}

// Listen opens an address. It fails when the address is in use.
func (n *Net) Listen(address string) (*Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners == nil {
		n.listeners = map[string]*Listener{}
	}
	if n.listeners[address] != nil {
		return nil, opError("listen", syscall.EADDRINUSE)
	}
	l := &Listener{net: n, address: addr(address), queue: make(chan *Conn, 128), closed: make(chan struct{})}
	n.listeners[address] = l
	return l, nil
}

// DialContext connects to a listener, as net.Dialer does.
func (n *Net) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	delay, blackhole := n.conditions()
	if blackhole {
		<-ctx.Done()
		return nil, opError("dial", ctx.Err())
	}
	if !wait.For(ctx, delay) {
		return nil, opError("dial", ctx.Err())
	}
	n.mu.Lock()
	l := n.listeners[address]
	n.mu.Unlock()
	if l == nil {
		return nil, opError("dial", syscall.ECONNREFUSED)
	}
	there, back := newReceiveBuffer(), newReceiveBuffer()
	near := &Conn{net: n, local: addr("client"), far: l.address, in: back, out: there}
	far := &Conn{net: n, local: l.address, far: near.local, in: there, out: back}
	select {
	case l.queue <- far:
		return near, nil
	case <-l.closed:
		return nil, opError("dial", syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, opError("dial", ctx.Err())
	}
}

func opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "sim", Err: err}
}

func addr(name string) net.Addr { return &net.UnixAddr{Name: name, Net: "sim"} }

// Listener accepts connections to one address.
type Listener struct {
	net     *Net
	address net.Addr
	queue   chan *Conn
	once    sync.Once
	closed  chan struct{}
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, opError("accept", net.ErrClosed)
	}
}

// Close frees the address; dials are refused from then on.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.listeners, l.address.String())
		l.net.mu.Unlock()
		close(l.closed)
		for {
			select {
			case c := <-l.queue:
				c.Reset()
			default:
				return
			}
		}
	})
	return nil
}

// Addr is the address listened on.
func (l *Listener) Addr() net.Addr { return l.address }

// Conn is one end of a connection. What is written is buffered at the other end until it
// is read, as in a kernel.
type Conn struct {
	net        *Net
	local, far net.Addr
	in, out    *receiveBuffer
	arrived    time.Time // belongs to the reader
}

// receiveBuffer is one direction of a connection, at its receiving end.
type receiveBuffer struct {
	mu       sync.Mutex // guards what follows
	changed  *sync.Cond
	held     []byte
	arrived  time.Time // when the last byte of held arrived
	end      error     // of reads, once the held bytes are read; after a reset at once. Writes fail
	deadline time.Time
	timer    *time.Timer
}

func newReceiveBuffer() *receiveBuffer {
	s := &receiveBuffer{}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// Read waits for bytes, the end, or the deadline. Like a socket's, it returns the
// deadline's error first.
func (c *Conn) Read(b []byte) (int, error) {
	s := c.in
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case !s.deadline.IsZero() && !time.Now().Before(s.deadline):
			return 0, opError("read", os.ErrDeadlineExceeded)
		case len(s.held) > 0 && !errors.Is(s.end, syscall.ECONNRESET):
			n := copy(b, s.held)
			s.held = s.held[n:]
			c.arrived = s.arrived
			return n, nil
		case errors.Is(s.end, io.EOF):
			return 0, io.EOF
		case s.end != nil:
			return 0, opError("read", s.end)
		}
		s.changed.Wait()
	}
}

// Arrived is when the last byte that the last Read could have returned arrived, as the
// kernel's receive time of a socket.
func (c *Conn) Arrived() time.Time { return c.arrived }

// Write sends bytes to the other end. It never blocks: the buffer has no limit.
func (c *Conn) Write(b []byte) (int, error) {
	s := c.out
	s.mu.Lock()
	ended := s.end != nil
	s.mu.Unlock()
	if ended {
		return 0, opError("write", syscall.EPIPE)
	}
	delay, blackhole := c.net.conditions()
	sent := bytes.Clone(b)
	switch {
	case blackhole:
	case delay > 0:
		time.AfterFunc(delay, func() { s.put(sent) })
	default:
		s.put(sent)
	}
	return len(b), nil
}

func (s *receiveBuffer) put(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil {
		s.held = append(s.held, b...)
		s.arrived = time.Now()
		s.changed.Broadcast()
	}
}

// finish ends a direction: reads return err, writes fail.
func (s *receiveBuffer) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil || !errors.Is(err, io.EOF) {
		s.end = err
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.changed.Broadcast()
}

// Close closes the connection: the other end reads what is buffered, then EOF.
func (c *Conn) Close() error {
	c.in.finish(net.ErrClosed)
	if _, blackhole := c.net.conditions(); !blackhole {
		c.out.finish(io.EOF)
	}
	return nil
}

// Reset resets the connection.
func (c *Conn) Reset() {
	c.in.finish(net.ErrClosed)
	c.out.finish(syscall.ECONNRESET)
}

// LocalAddr is this end's address.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return c.far }

// SetDeadline sets the read deadline; a write never blocks.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// SetReadDeadline bounds every Read, also one that already waits.
func (c *Conn) SetReadDeadline(t time.Time) error {
	s := c.in
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if !t.IsZero() {
		s.timer = time.AfterFunc(time.Until(t), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed.Broadcast()
		})
	}
	s.changed.Broadcast()
	return nil
}
