//go:build !linux

package status

import (
	"fmt"
	"syscall"
)

// throughDescriptor has no way here.
func throughDescriptor(string) (path string, done func() error, err error) {
	return "", nil, fmt.Errorf("the path is longer than the %d bytes that a socket's address holds; choose a shorter --state-dir", longestPath)
}

// private has nothing to do before the socket has a name: the state folder keeps
// other users out until Listen has set its mode.
func private(_, _ string, _ syscall.RawConn) error { return nil }
