package central

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/wait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a Central on a loopback port until the test ends.
func start(t *testing.T, o Options) (c *Central, addr string, stop func()) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	addr, stop = serve(t, c)
	return c, addr, stop
}

// serve runs a Central that New has made.
func serve(t *testing.T, c *Central) (addr string, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(ctx, ln) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err := errors.Join(err, c.Close()); err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("Serve did not return")
		}
	})
	t.Cleanup(stop)
	return ln.Addr().String(), stop
}

// testClient sends raw text.
type testClient struct {
	t    *testing.T
	conn net.Conn
}

func dial(t *testing.T, addr string) *testClient {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &testClient{t: t, conn: conn}
}

// ask sends bytes and reads one answer, which is as long as the one wanted.
func (p *testClient) ask(send, want string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, send); err != nil {
		p.t.Fatal(err)
	}
	p.expect(want)
}

func (p *testClient) expect(want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(p.conn, got); err != nil || string(got) != want {
		p.t.Fatalf("received %q (%v), want %q", got[:n], err, want)
	}
}

func (p *testClient) expectClosed() {
	p.t.Helper()
	if n, err := p.conn.Read(make([]byte, 100)); err == nil {
		p.t.Fatalf("read %d bytes from a connection that should be closed", n)
	}
}

// patience bounds what must come, however slow the machine. It is longer than what Central gives a
// Monitor whose connection ended while Central itself stood still: the usual time between heartbeats.
const patience = 2 * time.Minute

// waitFor polls with a deadline that no slow machine reaches.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if !wait.Until(ctx, 5*time.Millisecond, ok) {
		t.Fatal("did not happen: " + what)
	}
}

func (c *Central) isState(id evcp.CPID, s cpstate.Availability, why cpstate.Reason) func() bool {
	return func() bool {
		v, _ := c.CP(id)
		return v.State == s && v.Reason == why
	}
}

func TestConversationInRawText(t *testing.T) {
	c, addr, _ := start(t, Options{})
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 ENGINE_FAILURE", "KO not registered")
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	p.ask("EV_CP_M CP_001 ENGINE_FAILURE", "Failure report received")
	if !c.isState("CP_001", cpstate.Faulted, cpstate.EngineFailure)() {
		t.Error("not faulted when the report was answered")
	}
	p.ask("EV_CP_M CP_001 heartbeat KO", "OK")
	p.ask("EV_CP_M CP_001 ENGINE_RECOVERED", "Recovery report received")
	p.ask("EV_CP_M CP_001 health_check", "KO unknown message")
	p.ask("GET / HTTP/1.1\r\n", "KO unknown message\n")
	p.ask("EV_CP_M CP_001 disconnect", "OK")
	if v, _ := c.CP("CP_001"); v.Reason != cpstate.SaidGoodbye || v.RecentHeartbeats != "OK" || v.Peer != p.conn.LocalAddr().String() {
		t.Errorf("%v (%v), heartbeats %q, peer %q", v.State, v.Reason, v.RecentHeartbeats, v.Peer)
	}
}

func TestLinesAreAnsweredWithLines(t *testing.T) {
	_, addr, _ := start(t, Options{})
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request\r\n", "Authentication successful\n")
	p.ask("EV_CP_M CP_001 heartbeat OK\nEV_CP_M CP_001 ENGINE_FAILURE\n", "OK\nFailure report received\n")
	p.ask("nonsense\n", "KO unknown message\n")
}

func TestHalfClosedPeerGetsItsAnswer(t *testing.T) {
	_, addr, _ := start(t, Options{})
	p := dial(t, addr)
	if _, err := io.WriteString(p.conn, "EV_CP_M CP_001 registr"); err != nil {
		t.Fatal(err)
	}
	if err := p.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	p.expect("KO unknown message")
	p.expectClosed()
}

func TestMessagesWithoutEnd(t *testing.T) {
	_, addr, _ := start(t, Options{})
	tests := map[string]string{
		"1 MiB without end":         strings.Repeat("A", 1<<20),
		"a message that never ends": "EV_CP_M CP_001 heartbeat " + strings.Repeat("O", 5000),
		"bytes":                     strings.Repeat("\x00\xff\x1b[31m", 400),
	}
	for name, send := range tests {
		t.Run(name, func(t *testing.T) {
			p := dial(t, addr)
			go io.WriteString(p.conn, send) // Central may close before all is sent
			p.expect("KO unknown message")
			p.expectClosed()
		})
	}
}

func TestManyConnections(t *testing.T) {
	c, addr, _ := start(t, Options{})
	for range 20 {
		dial(t, addr) // stays idle
	}
	var wg sync.WaitGroup
	for n := range 200 {
		wg.Go(func() {
			if err := registerAndReport(addr, n); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := c.Counts(); n.Faulted != 200 {
		t.Errorf("%+v, want 200 faulted", n)
	}
}

// registerAndReport is one of many clients: half of them keep the connection.
func registerAndReport(addr string, n int) error {
	send := func(conn net.Conn, text, want string) error {
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := fmt.Fprintf(conn, "EV_CP_M CP_%03d %s\n", n, text); err != nil {
			return err
		}
		got, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || got != want+"\n" {
			return fmt.Errorf("CP_%03d: %s: received %q: %w", n, text, got, err)
		}
		return nil
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	if err := send(conn, "registration request", "Authentication successful"); err != nil {
		return err
	}
	if n%2 == 0 {
		conn.Close()
		if conn, err = net.Dial("tcp", addr); err != nil {
			return err
		}
	}
	defer conn.Close()
	return send(conn, "ENGINE_FAILURE", "Failure report received")
}

func TestSlowReaderDelaysNobody(t *testing.T) {
	_, addr, _ := start(t, Options{})
	slow := dial(t, addr)
	slow.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	go func() { // asks, and never reads
		for {
			if _, err := io.WriteString(slow.conn, "EV_CP_M CP_001 heartbeat OK\n"); err != nil {
				return
			}
		}
	}()
	p := dial(t, addr)
	for range 100 {
		p.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	}
	slow.conn.Close()
}

func TestFull(t *testing.T) {
	_, addr, _ := start(t, Options{MaxConns: 2, MaxCPs: 1})
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_002 registration request", "Authentication denied: Central has no room for another charging point")
	q := dial(t, addr)
	q.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	dial(t, addr).expectClosed()
	q.conn.Close()
	waitFor(t, "a place", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, "EV_CP_M CP_001 heartbeat OK") // if it fails, so does the Read
		n, _ := conn.Read(make([]byte, 2))
		return n == 2
	})
}

func TestPanicInOneConnection(t *testing.T) {
	c, addr, _ := start(t, Options{})
	dial(t, addr).ask("EV_CP_M CP_001 registration request", "Authentication successful")
	a, b := net.Pipe()
	defer b.Close()
	c.serveConn(panickingConn{a}, nil)
	dial(t, addr).ask("EV_CP_M CP_001 heartbeat OK", "OK")
}

// panickingConn is a connection that panics when it is read.
type panickingConn struct{ net.Conn }

func (panickingConn) Read([]byte) (int, error) { panic("broken") }
