package demo

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// tries is how many ports from the wanted one on are looked at.
const tries = 100

// openPort listens on the wanted port of this machine, or on the next free one;
// 0 takes any. Only this machine reaches it: the demo has no passwords.
func openPort(wanted uint16) (net.Listener, error) {
	for port := int(wanted); ; port++ {
		l, err := listen(port)
		switch {
		case err == nil:
			return l, nil
		case !errors.Is(err, syscall.EADDRINUSE), port-int(wanted) == tries, port == 65535:
			return nil, fmt.Errorf("listen on port %d: %w", port, err)
		}
	}
}

// listen takes a port of 127.0.0.1. Whoever holds the same port of ::1 would be
// found first by a browser that is told "localhost", so that is looked at too.
func listen(port int) (net.Listener, error) {
	six, err := net.Listen("tcp6", address("::1", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, err
	}
	if err == nil { // else this machine has no ::1
		defer six.Close()
	}
	return net.Listen("tcp4", address("127.0.0.1", port))
}

func address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

func portOf(l net.Listener) int {
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}
