package status

import (
	"fmt"
	"os"
	"syscall"
)

// throughDescriptor names the socket by a descriptor of its folder: /proc makes a
// short path of any.
func throughDescriptor(dir string) (path string, done func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), SocketName), f.Close, nil
}

// private gives the socket its mode before it has a name, so that there is no
// moment at which another user could connect.
func private(_, _ string, c syscall.RawConn) error {
	var failed error
	if err := c.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), 0o600) }); err != nil {
		return err
	}
	return failed
}
