package link_test

import (
	"context"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"evcp/internal/link"
)

// TestDialerLimitsWhatIsUnacknowledged reads the socket option back.
func TestDialerLimitsWhatIsUnacknowledged(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := link.NewDialer().DialContext(context.Background(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("a %T", c)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var limit int
	if gone := raw.Control(func(fd uintptr) { limit, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) }); gone != nil || err != nil {
		t.Fatal(gone, err)
	}
	if limit != 5000 {
		t.Errorf("TCP_USER_TIMEOUT is %d ms", limit)
	}
}
