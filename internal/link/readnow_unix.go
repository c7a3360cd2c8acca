//go:build unix

package link

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// instantReader reads what the kernel has buffered for one connection, without waiting. It
// costs one system call and no memory but at the first time.
type instantReader struct {
	sock syscall.RawConn
	read func(fd uintptr) // is bound once: a function made at each read would be on the heap
	into []byte
	n    int
	err  error
}

// readNow reads from the connection that it was first called with.
func (r *instantReader) readNow(conn net.Conn, into []byte) (int, error) {
	if r.read == nil {
		raw, ok := conn.(syscall.Conn)
		if !ok {
			return readBriefly(conn, into, time.Microsecond)
		}
		sock, err := raw.SyscallConn()
		if err != nil {
			return 0, err
		}
		r.sock, r.read = sock, r.receive
	}
	r.into = into
	// Control and not Read: Read would first return the error of a deadline in the past.
	if gone := r.sock.Control(r.read); gone != nil {
		return 0, gone
	}
	return r.n, r.err
}

// receive reads from a socket of Go's, which never blocks.
func (r *instantReader) receive(fd uintptr) {
	for {
		n, err := unix.Read(int(fd), r.into)
		if !errors.Is(err, unix.EINTR) {
			r.n, r.err = max(n, 0), err
			return
		}
	}
}
