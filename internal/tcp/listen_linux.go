package tcp

import (
	"net"

	"golang.org/x/sys/unix"
)

// stopListening is shutdown(2), which acts on a socket and so on all its copies. A listener
// with SO_REUSEADDR, which net sets, keeps a port from others only while it listens.
func stopListening(l *net.TCPListener) {
	if raw, err := l.SyscallConn(); err == nil { // else it is closed already
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
}
