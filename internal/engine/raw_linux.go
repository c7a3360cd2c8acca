package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"evcp/internal/tcp"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// rawServer serves the plain TCP connections of one listener until it is closed, by epoll in
// one goroutine. A connection has no goroutine and no buffer while it is quiet, and a prompt
// reply costs two system calls. What takes time, a slow reply or the rest of a message, has a
// goroutine for as long, which then does the same as for any other connection.
type rawServer struct {
	*Engine
	ctx      context.Context
	listener *tcp.ListeningSocket
	all      *sync.WaitGroup // the goroutines of the Engine
	poll     *os.File        // the epoll instance, which is itself waited for by Go's poller
	events   [512]unix.EpollEvent
	buffer   readBuffer

	mu     sync.Mutex // guards below
	conns  []*rawConn // by file descriptor; nil: none
	closed bool
}

// listenerEvent is the file descriptor in the events of the listener.
const listenerEvent = -1

// serveRaw serves a listener until it is closed. It reports false, at once, if it can't.
func (e *Engine) serveRaw(ctx context.Context, l net.Listener, all *sync.WaitGroup) bool {
	socket, plain := l.(*tcp.ListeningSocket)
	if !plain || e.options.TLS != nil {
		return false
	}
	s := &rawServer{Engine: e, ctx: ctx, listener: socket, all: all}
	if err := s.open(); err != nil {
		return false // no more of such files; goroutines do the same
	}
	if !e.listener.add(s, l) {
		return true
	}
	defer e.listener.remove(s)
	s.run()
	return true
}

// open makes the epoll instance and adds the listener.
func (s *rawServer) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil { // for Go's poller to take it
		_ = unix.Close(fd)
		return err
	}
	s.poll = os.NewFile(uintptr(fd), "epoll")
	err = s.onListener(func(l int) error {
		return unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, l, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: listenerEvent})
	})
	if err == nil {
		err = s.poll.SetReadDeadline(time.Time{}) // fails if Go's poller did not take it
	}
	if err != nil {
		_ = s.poll.Close()
	}
	return err
}

// onListener calls f with the file descriptor of the listener, which can't be closed meanwhile.
func (s *rawServer) onListener(f func(fd int) error) error {
	raw, err := s.listener.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// run serves until Close.
func (s *rawServer) run() {
	raw, err := s.poll.SyscallConn()
	n := 0
	poll := func(fd uintptr) bool {
		n, _ = unix.EpollWait(int(fd), s.events[:], 0) // interrupted: waits again
		return n > 0
	}
	for err == nil {
		if err = raw.Read(poll); err != nil {
			return
		}
		for _, event := range s.events[:n] {
			if event.Fd == listenerEvent {
				s.accept()
			} else if c := s.conn(int(event.Fd)); c != nil {
				c.ready(s.buffer[:])
			}
		}
	}
}

// accept takes all connections that are waiting.
func (s *rawServer) accept() {
	err := s.onListener(func(l int) error {
		for {
			fd, _, err := unix.Accept4(l, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			switch {
			case errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EINTR):
			case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINVAL): // none waits, or the listener is being closed
				return nil
			case err != nil:
				return err
			default:
				s.add(fd)
			}
		}
	})
	if err != nil && !errors.Is(err, net.ErrClosed) {
		wait.For(s.ctx, reopenEvery) // such as no free file descriptor
	}
}

// add begins to serve a connection.
func (s *rawServer) add(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // without it replies come later
	c := &rawConn{server: s, fd: fd}
	c.engineConn = engineConn{Engine: s.Engine, ctx: s.ctx, conn: c, socket: c}
	s.mu.Lock()
	for len(s.conns) <= fd {
		s.conns = append(s.conns, nil)
	}
	s.conns[fd] = c
	failed := s.closed || s.control(unix.EPOLL_CTL_ADD, fd) != nil
	s.mu.Unlock()
	if failed {
		_ = c.Close()
	}
}

// control adds a connection to what is waited for, or takes it out.
func (s *rawServer) control(op, fd int) error {
	raw, err := s.poll.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(poll uintptr) {
		failed = unix.EpollCtl(int(poll), op, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	})
	return errors.Join(err, failed)
}

func (s *rawServer) conn(fd int) *rawConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[fd]
}

// forget is called before the file descriptor is free for another connection.
func (s *rawServer) forget(fd int, c *rawConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[fd] == c {
		s.conns[fd] = nil
	}
}

// Close ends all connections; run returns soon after.
func (s *rawServer) Close() error {
	s.mu.Lock()
	conns := slices.Clone(s.conns)
	s.closed = true
	s.mu.Unlock()
	for _, c := range conns {
		if c != nil {
			_ = c.Close()
		}
	}
	return s.poll.Close()
}

// rawConn is one connection of a rawServer, as a byteStream. The goroutine of run uses it, or the
// one that takes its time; Close comes from any.
type rawConn struct {
	engineConn
	server   *rawServer
	deadline time.Time // of a Read or Write that has to wait

	mu sync.Mutex // guards fd
	fd int        // -1 when closed
}

// ready reads once and answers what is complete.
func (c *rawConn) ready(buffer []byte) {
	n, err := c.try(unix.Read, buffer)
	if errors.Is(err, unix.EAGAIN) {
		return
	}
	fits := c.decoder.Feed(buffer[:n])
	for !c.closed {
		r, ok := c.decoder.Next()
		if !ok {
			break
		}
		p, x := c.begin(r)
		if !p.prompt() || !c.sendNow(p, r, &x) {
			c.takeTime(func() { c.finish(p, r, x) }, fits)
			return
		}
		c.end(p, x)
	}
	switch {
	case c.closed, err != nil && c.decoder.Wait() == 0:
		_ = c.Close()
	case !fits, c.decoder.Wait() > 0:
		c.takeTime(func() {}, fits)
	}
}

// sendNow sends a reply of one segment and records it. It reports false, and nothing was sent,
// if the kernel would make it wait.
func (c *rawConn) sendNow(p replyPlan, r wire.Request, x *ServedRequest) bool {
	if len(p.segments) == 0 {
		return true
	}
	b := segment(p, r, 0)
	n, err := c.try(unix.Write, b)
	if errors.Is(err, unix.EAGAIN) {
		return false
	}
	x.Answer, x.Err = b[:n], err
	if err == nil && n < len(b) {
		x.Err = io.ErrShortWrite
	}
	return true
}

// takeTime calls first in a goroutine, which then serves the connection until nothing more is held
// and gives it back to run.
func (c *rawConn) takeTime(first func(), fits bool) {
	_ = c.option(func(fd int) error { return c.server.control(unix.EPOLL_CTL_DEL, fd) }) // fails only when closed
	c.server.all.Go(func() {
		first()
		c.answerAll(c.decoder.Next)
		if !fits && !c.closed {
			c.refuseLong()
		}
		var buffer readBuffer
		for !c.closed && c.decoder.Wait() > 0 {
			c.read(buffer[:])
		}
		again := func(fd int) error { return c.server.control(unix.EPOLL_CTL_ADD, fd) }
		if c.closed || c.option(again) != nil {
			_ = c.Close()
		}
	})
}

// try makes one system call, which does not wait. The end of the stream is io.EOF.
func (c *rawConn) try(call func(int, []byte) (int, error), b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return 0, net.ErrClosed
	}
	n, err := call(c.fd, b)
	if n == 0 && err == nil && len(b) > 0 {
		err = io.EOF
	}
	return max(n, 0), err
}

// retryEvery is how often a Read or Write that has to wait is tried again. Such are rare:
// messages in pieces, and peers that do not read.
const retryEvery = 2 * time.Millisecond

func (c *rawConn) retry(call func(int, []byte) (int, error), b []byte) (int, error) {
	for {
		n, err := c.try(call, b)
		if !errors.Is(err, unix.EAGAIN) {
			return n, err
		}
		if !time.Now().Before(c.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		if !wait.For(c.ctx, retryEvery) {
			return 0, c.ctx.Err()
		}
	}
}

// Read waits until the deadline.
func (c *rawConn) Read(b []byte) (int, error) { return c.retry(unix.Read, b) }

// Write waits until the deadline for room for all of b.
func (c *rawConn) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		n, err := c.retry(unix.Write, b[written:])
		if written += n; err != nil {
			return written, err
		}
	}
	return written, nil
}

// SetReadDeadline is for the next Read, which is always given one: a connection without a
// part of a message is not read but by ready.
func (c *rawConn) SetReadDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

// SetWriteDeadline is for the next Write.
func (c *rawConn) SetWriteDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetLinger is that of net.TCPConn.
func (c *rawConn) SetLinger(sec int) error {
	return c.option(func(fd int) error {
		return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: int32(sec)})
	})
}

// CloseWrite is that of net.TCPConn.
func (c *rawConn) CloseWrite() error {
	return c.option(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
}

func (c *rawConn) option(set func(fd int) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return net.ErrClosed
	}
	return set(c.fd)
}

// Close may be called more than once.
func (c *rawConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return nil
	}
	fd := c.fd
	c.fd = -1
	c.server.forget(fd, c)
	return unix.Close(fd)
}
