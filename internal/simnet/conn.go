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

// Conn is one end of a connection. What is written waits in the other end until
// somebody reads it, as a kernel keeps it.
type Conn struct {
	net        *Net
	local, far Addr
	in, out    *stream
}

func pair(n *Net, client, server Addr) (near, far *Conn) {
	there, back := newStream(), newStream()
	near = &Conn{net: n, local: client, far: server, in: back, out: there}
	far = &Conn{net: n, local: server, far: client, in: there, out: back}
	return near, far
}

// stream is one direction.
type stream struct {
	mu       sync.Mutex // guards what follows
	change   *sync.Cond
	held     []byte
	end      error // io.EOF or ECONNRESET, after what is held
	broken   bool  // the writer's end may write no more
	deadline time.Time
	alarm    *time.Timer
}

func newStream() *stream {
	s := &stream{}
	s.change = sync.NewCond(&s.mu)
	return s
}

// Read waits for bytes, the end, or the deadline. As the real one it answers with
// the deadline's error first.
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
		s.change.Wait()
	}
}

// Write hands bytes to the other end. It never waits: the window is endless.
func (c *Conn) Write(b []byte) (int, error) {
	s := c.out
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken {
		return 0, opError("write", syscall.EPIPE)
	}
	delay, hole := c.net.weather()
	sent := append([]byte(nil), b...)
	switch {
	case hole:
	case delay > 0:
		time.AfterFunc(delay, func() { s.put(sent) })
	default:
		s.put(sent)
	}
	return len(b), nil
}

func (s *stream) put(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil {
		s.held = append(s.held, b...)
		s.change.Broadcast()
	}
}

// finish ends a direction: the reader sees err, the writer may write no more.
func (s *stream) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil || !errors.Is(err, io.EOF) {
		s.end = err
	}
	s.broken = true
	if s.alarm != nil {
		s.alarm.Stop()
	}
	s.change.Broadcast()
}

// Close ends the connection in order: the other end reads what it has, then EOF.
func (c *Conn) Close() error {
	c.in.finish(net.ErrClosed)
	_, hole := c.net.weather()
	if !hole {
		c.out.finish(io.EOF)
	}
	return nil
}

// Reset breaks the connection off.
func (c *Conn) Reset() {
	c.in.finish(net.ErrClosed)
	c.out.finish(syscall.ECONNRESET)
}

// LocalAddr is this end's address.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return c.far }

// SetDeadline sets the read deadline; a write never waits.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// SetReadDeadline bounds every Read, one that waits included.
func (c *Conn) SetReadDeadline(t time.Time) error {
	s := c.in
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	if s.alarm != nil {
		s.alarm.Stop()
		s.alarm = nil
	}
	if !t.IsZero() {
		s.alarm = time.AfterFunc(time.Until(t), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.change.Broadcast()
		})
	}
	s.change.Broadcast()
	return nil
}
