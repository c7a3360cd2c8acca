//go:build unix

package link

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// peek takes what the kernel holds, without waiting for more.
func (l *Link) peek() (n int, err error) {
	raw, ok := l.conn.(syscall.Conn)
	if !ok {
		return l.peekBriefly(time.Microsecond)
	}
	sock, err := raw.SyscallConn()
	if err != nil {
		return 0, err
	}
	// Control and not Read: Read would first answer with a deadline long past.
	gone := sock.Control(func(fd uintptr) { n, err = receiveNow(int(fd), l.buf[:]) })
	return n, errors.Join(gone, err)
}

// receiveNow reads from a socket without waiting.
func receiveNow(fd int, into []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, into, unix.MSG_DONTWAIT)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}
