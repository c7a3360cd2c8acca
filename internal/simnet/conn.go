package simnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is one end of a connection. What is written is buffered at the other end until it
// is read, as in a kernel.
type Conn struct {
	net        *Net
	local, far Addr
	in, out    *receiveBuffer
}

func pair(n *Net, client, server Addr) (near, far *Conn) {
	there, back := newReceiveBuffer(), newReceiveBuffer()
	near = &Conn{net: n, local: client, far: server, in: back, out: there}
	far = &Conn{net: n, local: server, far: client, in: there, out: back}
	return near, far
}

// receiveBuffer is one direction of a connection, at its receiving end.
type receiveBuffer struct {
	mu       sync.Mutex // guards what follows
	changed  *sync.Cond
	held     []byte
	end      error // io.EOF or ECONNRESET, once the held bytes are read; after a reset at once
	broken   bool  // writes fail
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
			return n, nil
		case errors.Is(s.end, io.EOF):
			return 0, io.EOF
		case s.end != nil:
			return 0, opError("read", s.end)
		}
		s.changed.Wait()
	}
}

// Write sends bytes to the other end. It never blocks: the buffer has no limit.
func (c *Conn) Write(b []byte) (int, error) {
	s := c.out
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken {
		return 0, opError("write", syscall.EPIPE)
	}
	delay, blackhole := c.net.conditions()
	sent := append([]byte(nil), b...)
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
	s.broken = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.changed.Broadcast()
}

// Close closes the connection: the other end reads what is buffered, then EOF.
func (c *Conn) Close() error {
	c.in.finish(net.ErrClosed)
	_, blackhole := c.net.conditions()
	if !blackhole {
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
