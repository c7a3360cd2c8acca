package probe

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"evcp"
	"evcp/internal/exchange"
	"evcp/internal/link"
)

// dial begins to connect a target.
func (r *raw) dial(t *rawTarget, slot int) error {
	t.connecting = true
	r.connecting++
	if t.name != nil {
		r.dialName(t, slot)
		return nil
	}
	watched, err := r.prepareSocket(t)
	if err != nil {
		return err
	}
	// So the ACK of the handshake is sent with the question, and not by itself.
	if err := link.SetOption(int(t.fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0); err != nil {
		return err
	}
	if err := link.Connect(int(t.fd), t.address); err != nil || watched {
		return err
	}
	return r.watch(t, slot)
}

// prepareSocket gives a target a socket that can connect: that of its last connection, if it
// is reusable. watched: it is in the epoll.
func (r *raw) prepareSocket(t *rawTarget) (watched bool, err error) {
	if t.reusable {
		t.reusable = false
		if link.Disconnect(int(t.fd)) == nil {
			return true, nil
		}
		r.closeSocket(t)
	}
	family := unix.AF_INET6
	if t.address.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := link.Socket(family)
	if err == nil {
		err = r.spare(fd)
	}
	if err != nil {
		return false, err
	}
	r.holds(t, fd)
	return false, errors.Join(link.Prepare(fd), setOptions(fd))
}

// spareFiles are left to the rest of the process: connections to Central and Kafka, the disk, and
// those who ask how it does.
const spareFiles = 64

// spare closes a socket that takes one of the last files which the process may open. A file has
// the least number that is free.
func (r *raw) spare(fd int) error {
	if r.openFiles == 0 || fd < r.openFiles-min(spareFiles, r.openFiles/4) {
		return nil
	}
	return errors.Join(unix.EMFILE, unix.Close(fd))
}

// setOptions lets a socket send at once, and has the kernel say when bytes arrived.
func setOptions(fd int) error {
	return errors.Join(
		link.SetOption(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		link.SetOption(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
}

// holds makes fd the socket of a target; close closes it.
func (r *raw) holds(t *rawTarget, fd int) {
	t.fd = int32(fd)
	r.open++
}

// watch adds the socket to epoll. After connect(2): before it a socket counts as hung up.
func (r *raw) watch(t *rawTarget, slot int) error {
	event := unix.EpollEvent{Events: allEvents, Fd: int32(slot), Pad: int32(t.generation)}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(r.epoll), unix.EPOLL_CTL_ADD, uintptr(t.fd), uintptr(unsafe.Pointer(&event)), 0, 0)
	switch errno {
	case 0:
		return nil
	case unix.ENOSPC: // of max_user_watches
		return unix.ENOBUFS
	}
	return errno
}

// connected ends the dial of an address.
func (r *raw) connected(t *rawTarget, slot int, ended bool) {
	t.connecting = false
	r.connecting--
	err := r.dialError(t, ended)
	in := exchange.Input{Kind: exchange.Connected, Now: r.clock.now}
	if err != nil {
		in = r.failure(err)
	}
	r.step(t, slot, in)
}

// dialError is why the dial failed, if it did. A socket that has not ended has no error.
func (r *raw) dialError(t *rawTarget, ended bool) error {
	if ended {
		errno, err := unix.GetsockoptInt(int(t.fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && errno != 0 {
			err = unix.Errno(errno)
		}
		if link.CauseOf(err) == evcp.Timeout {
			err = cmp.Or(r.routes.Error(t.address), err)
		}
		if err != nil {
			return err
		}
	}
	if r.metItself(t) {
		return unix.ECONNREFUSED
	}
	return nil
}

// firstLocalPort is the least port that Linux takes for a dial, by its default.
const firstLocalPort = 32768

// metItself reports whether a dial within this machine found nobody but itself: its local
// port is the one that it dials.
func (r *raw) metItself(t *rawTarget) bool {
	if t.address.Port() < firstLocalPort {
		return false
	}
	local, err := unix.Getsockname(int(t.fd))
	if err != nil {
		return false
	}
	return addressOf(local) == t.address
}

func addressOf(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// route asks whether this machine sends packets to a target.
func (r *raw) route(t *rawTarget) exchange.Input {
	if t.connecting {
		r.close(t)
	}
	if refused := r.routes.Error(t.address); refused != nil {
		return r.failure(refused)
	}
	return exchange.Input{Kind: exchange.Quiet, Now: r.clock.now}
}

// namedDial is what a goroutine has to tell of the dial of a name.
type namedDial struct {
	slot       int
	generation uint32
	kind       exchange.InputKind // Resolved, Connected or Failed
	at         time.Duration      // Resolved
	fd         int
	address    netip.AddrPort
	err        error
}

// dialName dials a name in a goroutine.
func (r *raw) dialName(t *rawTarget, slot int) {
	ctx, cancel := context.WithCancel(context.Background())
	t.name.cancel = cancel
	base, tcp, hostPort, limit, generation := r.clock.base, t.name.tcp, t.name.hostPort, t.flight.Limit(), t.generation
	tell := func(d namedDial) {
		d.slot, d.generation = slot, generation
		r.mu.Lock()
		r.dialled = append(r.dialled, d)
		r.mu.Unlock()
		r.other.signal()
	}
	limits := link.Limits{Lookup: limit / 2, Connect: limit, Connecting: func() { tell(namedDial{kind: exchange.Resolved, at: time.Since(base)}) }}
	r.named.Go(func() {
		defer cancel()
		conn, err := tcp.DialContext(limits.With(ctx), "tcp", hostPort)
		d := namedDial{kind: exchange.Connected}
		if err == nil {
			d.fd, d.address, err = takeSocket(conn)
		}
		if err == nil {
			err = r.spare(d.fd)
		}
		if err != nil {
			d.kind, d.err = exchange.Failed, err
		}
		tell(d)
	})
}

// takeSocket takes the socket out of a connection of package net.
func takeSocket(conn net.Conn) (fd int, peer netip.AddrPort, err error) {
	defer conn.Close()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0, peer, errors.ErrUnsupported
	}
	sock, err := tcp.SyscallConn()
	if err != nil {
		return 0, peer, err
	}
	if to, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		peer = netip.AddrPortFrom(to.AddrPort().Addr().Unmap(), to.AddrPort().Port())
	}
	gone := sock.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, peer, errors.Join(gone, err)
}

// endNamed tells the exchanges what their named dials have come to.
func (r *raw) endNamed() {
	r.mu.Lock()
	dialled := r.dialled
	r.dialled = nil
	r.mu.Unlock()
	if len(dialled) == 0 {
		return
	}
	r.clock.read()
	for _, d := range dialled {
		t := r.target(d.slot)
		if t.generation != d.generation {
			if d.kind == exchange.Connected {
				_ = unix.Close(d.fd) // nothing was sent
			}
			continue
		}
		r.active = true
		r.endName(t, d)
	}
	r.flush()
}

func (r *raw) endName(t *rawTarget, d namedDial) {
	if d.kind == exchange.Resolved {
		if !t.flight.routing {
			r.step(t, d.slot, exchange.Input{Kind: exchange.Resolved, Now: d.at})
		}
		return
	}
	t.connecting, t.name.cancel = false, nil
	r.connecting--
	if d.kind == exchange.Connected {
		r.holds(t, d.fd)
		t.address, t.keepAlive = d.address, true
		d.err = errors.Join(setOptions(d.fd), r.watch(t, d.slot))
	}
	in := exchange.Input{Kind: exchange.Connected, Now: r.clock.now}
	switch {
	case t.flight.routing:
		r.close(t)
		in.Kind = exchange.Quiet
		if link.CauseOf(d.err).IsLocal() {
			in = r.failure(d.err)
		}
	case d.err != nil:
		in = r.failure(d.err)
	}
	r.step(t, d.slot, in)
}

// awaitsCancelled cancels a named dial in flight. Its end is told by endNamed.
func (r *raw) awaitsCancelled(t *rawTarget) bool {
	if t.name == nil || !t.connecting {
		return false
	}
	t.name.cancel()
	t.flight.routing = true
	return true
}
