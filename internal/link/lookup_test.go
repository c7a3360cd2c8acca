package link_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/link"
	"evcp/internal/testbed"
)

// TestSilentNameServerIsAskedAgain: charge points whose Engines have one name ask for it one after
// the other, so that somebody always waits. A name server that is silent is asked again all the
// same, so that it is noticed when it answers.
func TestSilentNameServerIsAskedAgain(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const (
			callers = 20
			limit   = 400 * time.Millisecond // of each lookup
			silent  = 4 * time.Second        // less than package net waits for an answer
		)
		var asked atomic.Int32
		d := &link.TCPDialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			asked.Add(1)
			here, there := net.Pipe() // nobody reads
			t.Cleanup(func() { there.Close() })
			return here, nil
		}}}
		ctx, stop := context.WithTimeout(t.Context(), silent)
		defer stop()
		var running sync.WaitGroup
		for n := range callers {
			running.Go(func() {
				time.Sleep(time.Duration(n) * time.Second / callers)
				for ctx.Err() == nil {
					l := link.Limits{Lookup: limit, Connect: limit, Connecting: func() {}}
					_, err := d.DialContext(l.With(ctx), "tcp", "engine.test.:5001")
					if cause := link.CauseOf(err); ctx.Err() == nil && cause != evcp.NameServer {
						t.Errorf("%v, %v", cause, err)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		running.Wait()
		time.Sleep(time.Minute) // package net gives up
		if n, least := int(asked.Load()), int(silent/limit)-1; n < least {
			t.Errorf("asked %d times in %s, want at least %d", n, silent, least)
		}
	})
}

// TestMovedWhileNotAsked: a name server did not answer once, and is not asked for a while; meanwhile
// the peer gets another address. When the old one can't be connected to, it is asked all the same.
func TestMovedWhileNotAsked(t *testing.T) {
	first, err := net.Listen("tcp", testbed.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(first.Addr().String())
	names := testbed.NewNameServer(t, testbed.Addresses("127.0.0.1"))
	d := &link.TCPDialer{Resolver: names.Resolver}
	lookup := testbed.Patience
	dial := func() (address string, err error) {
		limits := link.Limits{Lookup: lookup, Connect: testbed.Patience, Connecting: func() {}}
		c, err := d.DialContext(limits.With(t.Context()), "tcp", "engine.test.:"+port)
		if err != nil {
			return "", err
		}
		defer c.Close()
		return c.RemoteAddr().String(), nil
	}
	if _, err := dial(); err != nil {
		t.Fatal(err)
	}
	names.Set(testbed.NameAnswer{Silent: true})
	lookup = 200 * time.Millisecond
	if _, err := dial(); err != nil {
		t.Fatal(err)
	}
	first.Close()
	second, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skipf("no second address of loopback here: %v", err)
	}
	defer second.Close()
	names.Set(testbed.Addresses("127.0.0.2"))
	asked := names.Asked()
	if address, err := dial(); err == nil && address != second.Addr().String() {
		t.Fatalf("%s still answers", address)
	}
	testbed.Until(t, "a question", func() bool { return names.Asked() > asked })
	testbed.Until(t, "the new address", func() bool { _, err := dial(); return err == nil })
}
