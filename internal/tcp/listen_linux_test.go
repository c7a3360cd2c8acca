package tcp_test

import (
	"errors"
	"net"
	"os/exec"
	"testing"

	"evcp/internal/tcp"
)

// TestListenAgainWhileProcessesStart: a port is free when Close returns, although each process
// that is being started has copies of the sockets.
func TestListenAgainWhileProcessesStart(t *testing.T) {
	t.Parallel()
	l, err := tcp.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error, 1)
	go func() {
		var err error
		for range 200 {
			err = errors.Join(err, exec.Command("true").Run())
		}
		started <- err
	}()
	again := 0
	for starting := true; starting; again++ {
		select {
		case err = <-started:
			if err != nil {
				t.Error(err)
			}
			starting = false
		default:
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if l, err = tcp.Listen(t.Context(), "tcp", l.Addr().String()); err != nil {
			t.Fatalf("after %d times: %v", again, err)
		}
	}
	t.Logf("listened %d times", again)
	l.Close()
}

// TestAcceptEnds: whoever waits in Accept while the listener is closed gets net.ErrClosed.
func TestAcceptEnds(t *testing.T) {
	t.Parallel()
	for range 200 {
		l, err := tcp.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := l.Accept()
			ended <- err
		}()
		l.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	}
}
