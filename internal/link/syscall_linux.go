package link

import (
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls here never block, so they skip the scheduler's bookkeeping: unix.RawSyscall
// instead of unix.Syscall. A fleet makes thousands a second while its Engines are down.

// Socket makes a TCP socket that does not block.
func Socket(family int) (fd int, err error) {
	n, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	return int(n), errnoOf(n, 0, errno)
}

// SetOption sets an option of a socket that is an int.
func SetOption(fd, level, option, value int) error {
	v := int32(value) //nolint:gosec // options are small
	return errnoOf(unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&v)), unsafe.Sizeof(v), 0))
}

// connect is connect(2) of a socket that does not block.
func connect(fd int, to netip.AddrPort) error {
	port := [2]byte{byte(to.Port() >> 8), byte(to.Port())} // in the order of the network
	if to.Addr().Is4() {
		sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: *(*uint16)(unsafe.Pointer(&port)), Addr: to.Addr().As4()}
		return errnoOf(unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa)))
	}
	sa := unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: *(*uint16)(unsafe.Pointer(&port)), Addr: to.Addr().As16()}
	if zone := to.Addr().Zone(); zone != "" {
		i, err := net.InterfaceByName(zone)
		if err != nil { // the interface is gone, as that of a modem that was pulled out
			return fmt.Errorf("%w: %w", unix.ENODEV, err)
		}
		sa.Scope_id = uint32(i.Index) //nolint:gosec // the kernel's own number
	}
	return errnoOf(unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa)))
}

// Disconnect makes a socket one that can connect. It sends nothing if the socket is UDP, or TCP and
// its connection is over; else it may send a reset.
func Disconnect(fd int) error {
	none := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	return errnoOf(unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none)))
}

// Shutdown ends one side of a connection, or both: unix.SHUT_WR and the others.
func Shutdown(fd, how int) error {
	return errnoOf(unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), uintptr(how), 0))
}

func errnoOf(_, _ uintptr, errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}
