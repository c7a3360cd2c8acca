//go:build !linux

package status

import (
	"fmt"
	"syscall"
)

// throughDescriptor is not possible here.
func throughDescriptor(string) (path string, done func() error, err error) {
	return "", nil, fmt.Errorf("the path is longer than the %d bytes that a socket's address holds; choose a shorter --state-dir", maxPath)
}

// private does nothing: Listen sets the mode once the socket has a name, and until then
// the state folder keeps other users out.
func private(_, _ string, _ syscall.RawConn) error { return nil }
