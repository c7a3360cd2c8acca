package status

import (
	"fmt"
	"os"
	"syscall"
)

// throughDescriptor names the socket by a descriptor of its folder, as a short path
// under /proc.
func throughDescriptor(dir string) (path string, done func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), SocketName), f.Close, nil
}

// private sets the mode of the socket before it has a name, so that no other user can
// connect at any moment.
func private(_, _ string, c syscall.RawConn) error {
	var failed error
	if err := c.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), 0o600) }); err != nil {
		return err
	}
	return failed
}
