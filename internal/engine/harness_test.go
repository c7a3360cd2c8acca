package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"evcp/internal/wait"

	"go.uber.org/goleak"
)

// portable makes every Engine serve by goroutines, as on other systems.
var portable bool

// TestMain runs all tests twice: with the raw server, where there is one, and without.
func TestMain(m *testing.M) {
	code := m.Run()
	portable = true
	code = max(code, m.Run())
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// goroutineListener is no *tcp.ListeningSocket, so its connections get a goroutine each.
type goroutineListener struct{ net.Listener }

// soon bounds how long a test waits for what must happen.
const soon = 60 * time.Second

const (
	connection = "EV_CP_M CP_001 monitor connection"
	check      = "EV_CP_M CP_001 health_check"
)

// engineHarness is a running Engine and what it observed.
type engineHarness struct {
	*Engine
	binding *Binding

	mu     sync.Mutex
	served []ServedRequest
}

// bind takes a port below the ephemeral range, and above those of package testbed: an Engine that
// refuses gives its port up, and the kernel could give one of that range to a connection.
func bind(t *testing.T) *Binding {
	t.Helper()
	const first, all = 32001, 767
	for range all {
		port := first + int(nextPort.Add(1))%all
		if binding, err := Bind(t.Context(), net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return binding
		}
	}
	t.Fatalf("no free port from %d to %d", first, first+all-1)
	return nil
}

// nextPort is where bind looks next: another Engine may have given its port up for a while.
var nextPort atomic.Int64

func start(t *testing.T, behaviour string, set func(*Options)) *engineHarness {
	t.Helper()
	binding := bind(t)
	r := &engineHarness{binding: binding}
	o := Options{Listen: binding.Listen, Behaviour: parse(t, behaviour), Observe: r.observe}
	if set != nil {
		set(&o)
	}
	if listen := o.Listen; portable {
		o.Listen = func() (net.Listener, error) {
			l, err := listen()
			if err != nil {
				return nil, err
			}
			return goroutineListener{l}, nil
		}
	}
	r.Engine = New(o)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

func parse(t *testing.T, behaviour string) Behaviour {
	t.Helper()
	b, err := ParseBehaviour(behaviour)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (r *engineHarness) observe(x ServedRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.served = append(r.served, x)
}

// observed waits for n messages.
func (r *engineHarness) observed(t *testing.T, n int) []ServedRequest {
	t.Helper()
	var seen []ServedRequest
	eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		seen = append([]ServedRequest(nil), r.served...)
		return len(seen) >= n
	})
	return seen
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	limit, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if !wait.Until(limit, 2*time.Millisecond, ok) {
		t.Fatal("it did not happen")
	}
}

// engineClient is one connection of a Monitor.
type engineClient struct{ *net.TCPConn }

func (r *engineHarness) dial(t testing.TB) engineClient {
	t.Helper()
	c, err := net.Dial("tcp", r.binding.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(soon))
	return engineClient{c.(*net.TCPConn)}
}

// send is one write without a delimiter, as the first Monitors do.
func (c engineClient) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly as much as is expected.
func (c engineClient) expect(t *testing.T, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if string(got[:n]) != want {
		t.Fatalf("the Engine replied %q, %v; want %q", got[:n], err, want)
	}
}

// expectClose expects that nothing more comes but a FIN.
func (c engineClient) expectClose(t *testing.T) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("read %d bytes, %v; want the end", n, err)
	}
}

// expectNothing expects no byte for d, and the connection open.
func (c engineClient) expectNothing(t *testing.T, d time.Duration) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(d))
	defer c.SetReadDeadline(time.Now().Add(soon))
	var timeout net.Error
	if n, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("read %d bytes, %v; want silence", n, err)
	}
}

// ask sends one message on a new connection and returns the first read.
func (r *engineHarness) ask(t *testing.T, text string) string {
	t.Helper()
	l := r.dial(t)
	defer l.Close()
	l.send(t, text)
	b := make([]byte, 1024)
	n, err := l.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}
