package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is how long a test waits for what must happen; never how long it lasts.
const soon = 20 * time.Second

const (
	greeting = "EV_CP_M CP_001 monitor connection"
	question = "EV_CP_M CP_001 health_check"
)

// rig is a running Engine and what its observer was told.
type rig struct {
	*Engine
	port *Binding

	mu        sync.Mutex
	exchanges []ServedRequest
}

func start(t *testing.T, behaviour string, set func(*Options)) *rig {
	t.Helper()
	port, err := Bind(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{port: port}
	o := Options{Listen: port.Listen, Behaviour: parse(t, behaviour), Observe: r.observe}
	if set != nil {
		set(&o)
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

func (r *rig) observe(x ServedRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges = append(r.exchanges, x)
}

// observed waits for n exchanges.
func (r *rig) observed(t *testing.T, n int) []ServedRequest {
	t.Helper()
	var seen []ServedRequest
	eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		seen = append([]ServedRequest(nil), r.exchanges...)
		return len(seen) >= n
	})
	return seen
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen")
		}
	}
}

// line is one connection of a Monitor.
type line struct{ *net.TCPConn }

func (r *rig) dial(t *testing.T) line {
	t.Helper()
	c, err := net.Dial("tcp", r.port.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(soon))
	return line{c.(*net.TCPConn)}
}

// send is one send without a terminator, as the first Monitors do.
func (l line) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(l, text); err != nil {
		t.Fatal(err)
	}
}

// hear reads exactly as much as is expected.
func (l line) hear(t *testing.T, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(l, got)
	if string(got[:n]) != want {
		t.Fatalf("the Engine said %q, %v; want %q", got[:n], err, want)
	}
}

// hearEnd expects that nothing more comes but a FIN.
func (l line) hearEnd(t *testing.T) {
	t.Helper()
	if n, err := l.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("read %d bytes, %v; want the end", n, err)
	}
}

// hearNothing expects silence for a while, and the connection open.
func (l line) hearNothing(t *testing.T, d time.Duration) {
	t.Helper()
	l.SetReadDeadline(time.Now().Add(d))
	defer l.SetReadDeadline(time.Now().Add(soon))
	var timeout net.Error
	if n, err := l.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("read %d bytes, %v; want silence", n, err)
	}
}

// ask asks once on a fresh connection and returns all that comes until d of
// silence or the end.
func (r *rig) ask(t *testing.T, text string) string {
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
