package faultproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp/internal/testbed"
	"evcp/internal/wait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = testbed.Patience       // for what must happen, on a machine of any speed
	moment   = 150 * time.Millisecond // for what must not happen
)

// echo starts a server that sends back what it reads, until the test ends.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				io.Copy(c, c)
			})
		}
	})
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func open(t *testing.T) *Proxy {
	t.Helper()
	target := echo(t)
	p, err := Open(testbed.FreeAddr(t), target) // given up and taken again, so nobody else may get it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func set(t *testing.T, p *Proxy, m Impairment) {
	t.Helper()
	if err := p.Set(m); err != nil {
		t.Fatal(err)
	}
}

// client is one connection through the proxy.
type client struct {
	t *testing.T
	net.Conn
}

func dial(t *testing.T, p *Proxy) client {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.Addr(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return client{t, c}
}

func (c client) send(text string) {
	c.t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads once and returns why nothing came.
func (c client) receive(within time.Duration) (string, error) {
	c.SetReadDeadline(time.Now().Add(within))
	b := make([]byte, 64)
	n, err := c.Read(b)
	return string(b[:n]), err
}

func (c client) expect(text string) {
	c.t.Helper()
	if got, err := c.receive(patience); got != text {
		c.t.Fatalf("received %q (%v), want %q", got, err, text)
	}
}

func (c client) expectNothing() {
	c.t.Helper()
	var timeout net.Error
	if got, err := c.receive(moment); !errors.As(err, &timeout) || !timeout.Timeout() {
		c.t.Fatalf("received %q (%v), want nothing", got, err)
	}
}

// expectBrokenDial dials and expects a reset, which may come so early that the dial fails.
func expectBrokenDial(t *testing.T, p *Proxy) {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.Addr(), patience)
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client{t, c}.expectReset()
}

func (c client) expectReset() {
	c.t.Helper()
	for { // what was on its way may come first
		if _, err := c.receive(patience); err != nil {
			if !errors.Is(err, syscall.ECONNRESET) {
				c.t.Fatalf("%v, want a reset", err)
			}
			return
		}
	}
}

func TestPassAndRecord(t *testing.T) {
	p := open(t)
	c := dial(t, p)
	c.send("one")
	c.expect("one")
	c.send("two")
	c.expect("two")
	c.Close()
	until(t, func() bool { chunks, _ := p.Traffic(); return !chunks[0].Closed.IsZero() })
	chunks, missed := p.Traffic()
	want := []struct {
		up   bool
		data string
	}{{true, "one"}, {false, "one"}, {true, "two"}, {false, "two"}}
	if len(chunks) != len(want) || missed != 0 {
		t.Fatalf("%d chunks, %d missed", len(chunks), missed)
	}
	for i, w := range want {
		x := chunks[i]
		if x.Conn != 1 || x.Up != w.up || string(x.Data) != w.data || x.Forwarded.Before(x.Received) {
			t.Errorf("chunk %d is %+v, want %v", i, x, w)
		}
	}
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if !wait.Until(ctx, time.Millisecond, ok) {
		t.Fatal("did not happen")
	}
}

func TestRecordIsBounded(t *testing.T) {
	p := open(t)
	p.traffic.mu.Lock()
	p.traffic.limit = 3
	p.traffic.mu.Unlock()
	c := dial(t, p)
	for range 4 {
		c.send("x")
		c.expect("x")
	}
	if chunks, missed := p.Traffic(); len(chunks) != 3 || missed != 5 {
		t.Errorf("%d chunks, %d missed", len(chunks), missed)
	}
}

func TestSlowDelaysBothDirections(t *testing.T) {
	p := open(t)
	set(t, p, Impairment{Kind: Slow, Delay: 50 * time.Millisecond})
	c := dial(t, p)
	began := time.Now()
	c.send("one")
	c.expect("one")
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("took %s", took)
	}
	set(t, p, Impairment{Kind: Slow, Delay: time.Hour})
	c.send("two")
	c.expectNothing()
	set(t, p, Impairment{})
	c.expect("two")
}

// TestHeldBackDataArrives: the proxy holds what was sent, and its end, until the mode is over.
func TestHeldBackDataArrives(t *testing.T) {
	for _, kind := range []ImpairmentKind{BlackHole, Hang, HalfOpenUp, HalfOpenDown} {
		t.Run(kind.String(), func(t *testing.T) {
			p := open(t)
			c := dial(t, p)
			c.send("before")
			c.expect("before")
			set(t, p, Impairment{Kind: kind})
			c.send("meanwhile")
			c.expectNothing()
			until(t, func() bool { chunks, _ := p.Traffic(); return len(chunks) >= 3 })
			chunks, _ := p.Traffic()
			arrived := !chunks[2].Forwarded.IsZero()
			if arrived != (kind == HalfOpenDown) {
				t.Errorf("arrived at the target: %t", arrived)
			}
			set(t, p, Impairment{})
			c.expect("meanwhile")
		})
	}
}

func TestBlackHoleAcceptsAndHangDoesNot(t *testing.T) {
	p := open(t)
	set(t, p, Impairment{Kind: BlackHole})
	held := dial(t, p)
	held.send("one")
	held.expectNothing()
	set(t, p, Impairment{Kind: Hang})
	if c, err := net.DialTimeout("tcp", p.Addr(), moment); err == nil {
		c.Close()
		t.Fatal("a link that hangs accepted a connection")
	}
	set(t, p, Impairment{})
	held.expect("one")
	for range 3 {
		c := dial(t, p)
		c.send("two")
		c.expect("two")
	}
	set(t, p, Impairment{Kind: Hang}) // and again
	set(t, p, Impairment{Kind: Refuse})
	set(t, p, Impairment{})
	c := dial(t, p)
	c.send("three")
	c.expect("three")
}

func TestResetAndRefuse(t *testing.T) {
	p := open(t)
	for range 3 {
		before := dial(t, p)
		before.send("one")
		before.expect("one")
		set(t, p, Impairment{Kind: Reset})
		before.expectReset()
		expectBrokenDial(t, p)
		set(t, p, Impairment{Kind: Refuse})
		if c, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			if err == nil {
				c.Close()
			}
			t.Fatalf("%v, want a refusal", err)
		}
		set(t, p, Impairment{})
		after := dial(t, p)
		after.send("two")
		after.expect("two")
	}
}

func TestEndIsForwarded(t *testing.T) {
	p := open(t)
	c := dial(t, p)
	c.send("one")
	c.expect("one")
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.receive(patience); !errors.Is(err, io.EOF) {
		t.Errorf("received %q (%v), want the end", got, err)
	}
}

func TestTargetDown(t *testing.T) {
	p, err := Open("127.0.0.1:0", testbed.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	expectBrokenDial(t, p)
}

func TestCloseEndsHeldConnections(t *testing.T) {
	for _, kind := range []ImpairmentKind{Pass, Slow, BlackHole, Hang, Reset, Refuse} {
		p := open(t)
		c := dial(t, p)
		c.send("one")
		set(t, p, Impairment{Kind: kind, Delay: time.Hour})
		p.Close()
		if err := p.Set(Impairment{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v after Close", kind, err)
		}
	}
}

// TestAddrWhileItChanges: the address may be asked for while the port is given up and taken again.
func TestAddrWhileItChanges(t *testing.T) {
	p := open(t)
	want := p.Addr()
	var asking sync.WaitGroup
	asking.Go(func() {
		for range 50 {
			if got := p.Addr(); got != want {
				t.Errorf("at %s, then at %s", want, got)
			}
		}
	})
	for range 10 {
		set(t, p, Impairment{Kind: Refuse})
		set(t, p, Impairment{})
	}
	asking.Wait()
}
