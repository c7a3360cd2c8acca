package link

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged sets TCP_USER_TIMEOUT on a socket that is about to connect.
func limitUnacknowledged(_, _ string, sock syscall.RawConn) error {
	var failed error
	gone := sock.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledgedLimit.Milliseconds()))
	})
	return errors.Join(gone, failed)
}
