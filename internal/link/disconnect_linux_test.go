package link_test

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"evcp/internal/link"
)

// TestDisconnect: a socket that was reset connects again, and knows nothing of the reset.
func TestDisconnect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	connect := func() *net.TCPConn {
		t.Helper()
		if err := link.Connect(fd, netip.MustParseAddrPort(l.Addr().String())); err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c.(*net.TCPConn)
	}
	c := connect()
	c.SetLinger(0)
	c.Close()
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); err != nil {
		t.Fatal(err)
	}
	if err := link.Disconnect(fd); err != nil {
		t.Fatal(err)
	}
	c = connect()
	defer c.Close()
	if _, err := unix.Read(fd, nil); err != nil {
		t.Error(err)
	}
	if errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); errno != 0 || err != nil {
		t.Error(unix.Errno(errno), err)
	}
}
