package link

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"evcp"
)

// Prepare sets the options of a socket that is about to connect. Without SO_REUSEADDR a
// dial to a port from which the kernel also takes local ports could meet itself, and leave
// a TIME_WAIT that keeps the peer from listening there.
func Prepare(fd int) error {
	return errors.Join(
		SetOption(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		SetOption(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledgedLimit.Milliseconds())))
}

// KeepAlive makes a connection fail when the other machine is gone and nothing is sent.
func KeepAlive(fd int) error {
	return errors.Join(
		SetOption(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
		SetOption(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAlive.Idle.Seconds())),
		SetOption(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAlive.Interval.Seconds())),
		SetOption(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAlive.Count))
}

// Connect begins to connect a socket that does not block. An error of which CauseOf is
// local is a refusal of this machine: no packet left it.
func Connect(fd int, to netip.AddrPort) error {
	err := connect(fd, to)
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
	return errors.Join(connect(s.fd, to), Disconnect(s.fd))
}
