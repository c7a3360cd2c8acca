//go:build unix

package link

import "golang.org/x/sys/unix"

// receiveNow reads from a socket without waiting.
func receiveNow(fd int, into []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, into, unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}
