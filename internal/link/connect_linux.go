package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"evcp"
)

// Prepare sets the options of a socket that is about to connect. Without SO_REUSEADDR a
// dial to a port from which the kernel also takes local ports could meet itself, and leave
// a TIME_WAIT that keeps the peer from listening there.
func Prepare(fd int) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledgedLimit.Milliseconds())))
}

// KeepAlive makes a connection fail when the other machine is gone and nothing is sent.
func KeepAlive(fd int) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAlive.Idle.Seconds())),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAlive.Interval.Seconds())),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAlive.Count))
}

// Connect begins to connect a socket that does not block. An error of which CauseOf is
// local is a refusal of this machine: no packet left it.
func Connect(fd int, to netip.AddrPort) error {
	sa, err := sockaddr(to)
	if err == nil {
		err = unix.Connect(fd, sa)
	}
	if err == nil || errors.Is(err, unix.EINPROGRESS) {
		return nil
	}
	return refusal(err, to)
}

// control prepares a socket that is about to connect to an address, and makes the first
// connect(2) itself.
func control(to netip.AddrPort) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, _ string, sock syscall.RawConn) error {
		var failed error
		gone := sock.Control(func(fd uintptr) {
			failed = Prepare(int(fd))
			if failed == nil {
				failed = connectNow(int(fd), to)
			}
		})
		return errors.Join(gone, failed)
	}
}

// connectNow starts to connect a socket that does not block, and returns what the kernel
// refuses before a packet leaves. net.Dialer returns the same errno for that and for an ICMP
// message that a router sent later. Its own connect(2) follows, and finds the connection in
// progress (EALREADY), made (EISCONN), or failed for another reason than those here.
func connectNow(fd int, to netip.AddrPort) error {
	err := Connect(fd, to)
	if CauseOf(err).IsLocal() {
		return err
	}
	return nil
}

// refusal makes an error of connect(2) one of this machine, if it is.
func refusal(err error, to netip.AddrPort) error {
	switch {
	case isAny(err, unix.ENETUNREACH, unix.ENETDOWN, unix.EHOSTUNREACH, unix.ENODEV),
		errors.Is(err, unix.EINVAL): // a blackhole route, or a link-local address that a name has without its interface
		return &localError{evcp.NoNetwork, os.NewSyscallError("connect", err)}
	case errors.Is(err, unix.EADDRNOTAVAIL): // no local port, or in IPv6 no local address
		if refused := routeError(to); refused != nil {
			return refused
		}
		return &localError{evcp.NoSocket, os.NewSyscallError("connect", err)}
	}
	return err
}

// sockaddr is an address as the kernel has it; ENODEV when the interface of its zone is gone,
// as that of a modem that was pulled out.
func sockaddr(to netip.AddrPort) (unix.Sockaddr, error) {
	if to.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}, nil
	}
	sa := &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	if zone := to.Addr().Zone(); zone != "" {
		i, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", unix.ENODEV, err)
		}
		sa.ZoneId = uint32(i.Index)
	}
	return sa, nil
}

// routeError asks a RouteChecker once.
func routeError(to netip.AddrPort) error {
	var r RouteChecker
	defer r.Close()
	return r.Error(to)
}

// RouteChecker asks the kernel for routes. It keeps its sockets, so that asking costs little.
type RouteChecker struct{ v4, v6 routeSocket }

// Error is the error with which this machine refuses packets to an address now; nil when it
// sends them, or when no socket was to be had. CauseOf the error is evcp.NoNetwork.
func (r *RouteChecker) Error(to netip.AddrPort) error {
	var err error
	if to.Addr().Is4() {
		err = r.v4.connect(unix.AF_INET, to)
	} else {
		err = r.v6.connect(unix.AF_INET6, to)
	}
	if isAny(err, unix.ENETUNREACH, unix.ENETDOWN, unix.EHOSTUNREACH, unix.EADDRNOTAVAIL) {
		return &localError{evcp.NoNetwork, os.NewSyscallError("connect", err)}
	}
	return nil
}

// Close closes its sockets. They have sent nothing.
func (r *RouteChecker) Close() {
	for _, s := range []*routeSocket{&r.v4, &r.v6} {
		if s.open {
			_ = unix.Close(s.fd)
		}
	}
}

// routeSocket is a UDP socket. Connecting it asks for a route and sends nothing.
type routeSocket struct {
	fd   int
	open bool
}

func (s *routeSocket) connect(family int, to netip.AddrPort) (err error) {
	if !s.open {
		if s.fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		s.open = true
	}
	sa, err := sockaddr(to)
	if err != nil {
		return err
	}
	return errors.Join(unix.Connect(s.fd, sa), Disconnect(s.fd))
}

// Disconnect makes a socket one that can connect. It sends nothing if the socket is UDP, or TCP and
// its connection is over; else it may send a reset.
func Disconnect(fd int) error {
	none := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	if _, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none)); errno != 0 {
		return errno
	}
	return nil
}
