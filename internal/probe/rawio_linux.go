package probe

import (
	"io"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"evcp"
	"evcp/internal/exchange"
	"evcp/internal/link"
)

// The system calls here never block, so they skip the scheduler's bookkeeping, which costs a
// sixth of a check: unix.RawSyscall instead of unix.Syscall.

// ioBuffers are what the system calls of one raw Prober share.
type ioBuffers struct {
	message  []byte
	received [1024]byte
	control  [64]byte
	vector   unix.Iovec
	header   unix.Msghdr
}

func (b *ioBuffers) prepare() {
	b.vector.Base = &b.received[0]
	b.vector.SetLen(len(b.received))
	b.header.Iov = &b.vector
	b.header.SetIovlen(1)
	b.header.Control = &b.control[0]
}

// clock compares the monotonic clock, by which everything is judged, with the real-time
// clock, by which the kernel dates what arrives. It is read once for each wake-up, and where
// the order of things matters: reading it costs as much as a system call on some machines.
type clock struct {
	base   time.Time // the zero of now
	now    time.Duration
	offset time.Duration // of the real-time clock, at the last reading
	usual  time.Duration // offset, as it was at the last step
	steps  time.Duration // when a step was noticed last; 0: never
}

func newClock() clock {
	c := clock{base: newBase()}
	c.read()
	c.usual, c.steps = c.offset, 0
	return c
}

func (c *clock) read() {
	t := time.Now()
	c.now = t.Sub(c.base)
	c.offset = time.Duration(t.UnixNano()) - c.now
	if (c.offset - c.usual).Abs() > evcp.DefaultGrace/2 {
		c.usual, c.steps = c.offset, c.now
	}
}

// arrival is the moment of a receive time; 0 when it is unknown, or when the real-time clock
// was set by more than the grace since the check began.
func (c *clock) arrival(stamp unix.Timespec, began time.Duration) time.Duration {
	if stamp.Sec == 0 || began <= c.steps {
		return 0
	}
	return time.Duration(stamp.Nano()) - c.offset
}

// poll handles what has happened on the sockets.
func (r *raw) poll() {
	for n := len(r.events); n == len(r.events); {
		n = 0
		if r.open > 0 {
			got, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.epoll), uintptr(unsafe.Pointer(&r.events[0])), uintptr(len(r.events)), 0, 0, 0)
			if errno == 0 {
				n = int(got)
			}
		}
		r.clock.read() // after the kernel was asked: what it told was noticed by now
		for i := range r.events[:n] {
			r.handle(&r.events[i])
		}
		r.flush()
	}
}

const (
	endEvents = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	// allEvents are told once each: an event more for bytes that come later, none for a
	// socket that is ready all the time.
	allEvents = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
)

func (r *raw) handle(ev *unix.EpollEvent) {
	slot := int(ev.Fd)
	t := r.target(slot)
	if t.generation != uint32(ev.Pad) {
		return // of a socket that was closed meanwhile
	}
	if t.reusable {
		return // the Engine has acknowledged our end
	}
	r.active = true
	ended := ev.Events&endEvents != 0
	t.peerEnded = ev.Events&endEvents == unix.EPOLLRDHUP
	switch {
	case t.connecting:
		if ev.Events&(endEvents|unix.EPOLLOUT) != 0 {
			t.arrived = ended || ev.Events&unix.EPOLLIN != 0
			r.connected(t, slot, ended)
		}
	case t.listening():
		r.receive(t, slot, ended)
	case t.flight == nil && ended:
		r.hangUp(t)
	default:
		t.arrived = t.arrived || ended || ev.Events&unix.EPOLLIN != 0
	}
}

// receive reads while the exchange listens.
func (r *raw) receive(t *rawTarget, slot int, ended bool) {
	generation := t.generation
	t.arrived = ended
	for t.listening() && t.generation == generation {
		in, full := r.read(t)
		if in.Kind == exchange.Quiet {
			t.arrived = false
			return
		}
		t.arrived = ended || full
		r.step(t, slot, in)
		if in.Kind == exchange.Received && !t.arrived {
			return
		}
	}
	if ended && t.flight == nil && t.generation == generation {
		r.hangUp(t)
	}
}

// look reads what waits on a kept connection, if anything does.
func (r *raw) look(t *rawTarget) exchange.Input {
	in := exchange.Input{Kind: exchange.Quiet, Now: r.clock.now}
	if t.arrived {
		in, t.arrived = r.read(t)
	}
	if in.Kind == exchange.Quiet && !t.keepAlive && t.fd != noSocket {
		t.keepAlive = true
		_ = link.KeepAlive(int(t.fd)) // without it a pulled cable is found by the next question
	}
	return in
}

// read reads what has arrived; full: there may be more.
func (r *raw) read(t *rawTarget) (in exchange.Input, full bool) {
	n, stamp, err := r.receiveMessage(t.fd)
	switch {
	case err == unix.EAGAIN: //nolint:errorlint // an errno as the kernel returned it
		return exchange.Input{Kind: exchange.Quiet, Now: r.clock.now}, false
	case err != nil:
		return r.failure(err), false
	case n == 0:
		return r.failure(io.EOF), false
	}
	in = exchange.Input{Kind: exchange.Received, Bytes: r.io.received[:n], Arrived: r.clock.arrival(stamp, t.flight.Began())}
	if in.Arrived == 0 { // then it counts when it was noticed, which is not before it was read
		r.clock.read()
	}
	in.Now = r.clock.now
	return in, n == len(r.io.received)
}

// receiveMessage is recvmsg(2), with the time at which the last of the bytes arrived; zero
// when the kernel does not say.
func (r *raw) receiveMessage(fd int32) (n int, stamp unix.Timespec, err error) {
	b := &r.io
	for {
		b.header.SetControllen(len(b.control))
		got, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.header)), unix.MSG_DONTWAIT)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return 0, stamp, errno
		}
		head := (*unix.Cmsghdr)(unsafe.Pointer(&b.control[0]))
		if b.header.Controllen >= unix.SizeofCmsghdr && head.Level == unix.SOL_SOCKET && head.Type == unix.SO_TIMESTAMPNS {
			stamp = *(*unix.Timespec)(unsafe.Pointer(&b.control[unix.CmsgLen(0)]))
		}
		return int(got), stamp, nil
	}
}

// send sends the message that is due. A kernel that does not take all of it has no memory:
// at most one message is unanswered on a connection.
func (r *raw) send(t *rawTarget) error {
	if len(r.written) == 0 {
		r.before = r.clock.now
	}
	m := t.flight.AppendMessage(r.io.message[:0], t.cp, t.settings.Framing)
	r.io.message = m
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(t.fd), uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN || errno == 0 && int(n) < len(m):
			return unix.ENOBUFS
		case errno != 0:
			return errno
		}
		return nil
	}
}

// flush tells the exchanges that their messages are sent, by one reading of the clock.
func (r *raw) flush() {
	for len(r.written) > 0 {
		r.clock.read()
		sent, before := len(r.written), r.before
		r.before = r.clock.now // of what is sent from here on
		for _, slot := range r.written[:sent] {
			t := r.target(int(slot))
			r.step(t, int(slot), exchange.Input{Kind: exchange.Written, Before: before, Now: r.clock.now})
			if t.arrived && t.listening() { // its event came before the message was sent
				r.receive(t, int(slot), false)
			}
		}
		r.written = append(r.written[:0], r.written[sent:]...)
	}
}

// hangUp ends the connection of a target, if there is one. An Engine that ended it first
// gets our end, and the socket is kept for the next dial, which is cheaper than a new one.
func (r *raw) hangUp(t *rawTarget) {
	if t.reusable {
		return
	}
	if t.peerEnded && t.name == nil && link.Shutdown(int(t.fd), unix.SHUT_WR) == nil {
		t.keepAlive, t.arrived, t.peerEnded, t.reusable = false, false, false, true
		return
	}
	r.close(t)
}

// close closes the socket of a target, or gives up its dial.
func (r *raw) close(t *rawTarget) {
	if t.connecting {
		t.connecting = false
		r.connecting--
	}
	if t.name != nil && t.name.cancel != nil {
		t.name.cancel()
		t.name.cancel = nil
	}
	r.closeSocket(t)
	t.keepAlive, t.arrived, t.peerEnded, t.reusable = false, false, false, false
}

func (r *raw) closeSocket(t *rawTarget) {
	if t.fd != noSocket {
		_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(t.fd), 0, 0) // frees the number whatever it returns
		t.fd = noSocket
		r.open--
	}
	t.generation++
}
