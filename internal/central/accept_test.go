package central

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"evcp/internal/bubble"
)

// scarceListener has no descriptor for a connection until enough is closed, but for now and
// then one.
type scarceListener struct {
	conns  chan net.Conn
	enough chan struct{}
}

var errNoFile = &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}

func (l scarceListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	default:
	}
	select {
	case <-l.enough:
	default:
		return nil, errNoFile
	}
	if c := <-l.conns; c != nil {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (scarceListener) Close() error   { return nil }
func (scarceListener) Addr() net.Addr { return &net.TCPAddr{} }

// TestAcceptTroubleIsLoggedOnce: without a descriptor Central tries each second, for an hour,
// and now and then one is free.
func TestAcceptTroubleIsLoggedOnce(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var log bytes.Buffer
		c, err := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ln := scarceListener{make(chan net.Conn, 1), make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		var accepting, conns sync.WaitGroup
		accepting.Go(func() {
			if err := c.accept(ctx, ln, &conns); err != nil {
				t.Error(err)
			}
		})
		connect := func() {
			near, far := net.Pipe()
			ln.conns <- far
			near.Close()
		}
		for range 60 {
			time.Sleep(time.Minute)
			connect()
		}
		time.Sleep(time.Minute)
		if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "too many open files") {
			t.Errorf("an hour without descriptors is\n%s", log.String())
		}
		close(ln.enough)
		for range 5 {
			time.Sleep(time.Minute)
			connect()
		}
		stop()
		close(ln.conns)
		accepting.Wait()
		conns.Wait()
		if lines := strings.Count(log.String(), "\n"); lines != 2 || !strings.Contains(log.String(), `"accepts connections again" after=1h`) {
			t.Errorf("then enough of them is\n%s", log.String())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestConnsForOpenFiles(t *testing.T) {
	for files, want := range map[int]int{0: 16384, -1: 16384, 1: 1, 40: 20, 1024: 512, 4096: 3008, 20000: 16384, 65536: 16384} {
		if got := connsFor(files); got != want {
			t.Errorf("%d files: %d connections, want %d", files, got, want)
		}
	}
}
