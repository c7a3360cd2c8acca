//go:build unix

package link

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// readNow reads what the kernel has buffered for a connection, without waiting.
func readNow(conn net.Conn, into []byte) (n int, err error) {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return readBriefly(conn, into, time.Microsecond)
	}
	sock, err := raw.SyscallConn()
	if err != nil {
		return 0, err
	}
	// Control and not Read: Read would first return the error of a deadline in the past.
	gone := sock.Control(func(fd uintptr) { n, err = receiveNow(int(fd), into) })
	return n, errors.Join(gone, err)
}

// receiveNow reads from a socket without blocking.
func receiveNow(fd int, into []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, into, unix.MSG_DONTWAIT)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}
