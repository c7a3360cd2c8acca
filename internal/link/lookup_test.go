package link_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/link"
)

// TestSilentNameServerIsAskedAgain: charge points whose Engines have one name ask for it one after
// the other, so that somebody always waits. A name server that is silent is asked again all the
// same, so that it is noticed when it answers.
func TestSilentNameServerIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
