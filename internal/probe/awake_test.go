package probe_test

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/probe"
)

// TestAMachineThatSlept accuses nobody for ten seconds after each time, be it between
// checks or in the middle of one, or until the first OK.
func TestAMachineThatSlept(t *testing.T) {
	var well atomic.Bool
	engine := func(c net.Conn) {
		for {
			if _, ok := read(c); !ok {
				return
			}
			if well.Load() {
				c.Write([]byte("OK"))
			}
		}
	}
	onStage(t, engine, func(s *stage) {
		nap := func() { s.slept.Add(int64(time.Hour)) }
		accusesNobody := func() {
			for woke := time.Now(); time.Since(woke) < drowsy-time.Second; {
				if f := s.want(evcp.Unknown, evcp.Slept, ""); f.Gap != 0 {
					t.Errorf("a stall of %s, but the machine was awake", f.Gap)
				}
			}
			time.Sleep(time.Second)
		}
		s.want(evcp.ConnectionError, evcp.Timeout, "")
		nap()
		accusesNobody()
		s.want(evcp.ConnectionError, evcp.Timeout, "")
		for range 2 { // in the middle of a check, the second time while still drowsy
			time.AfterFunc(tau/2, nap)
			if f := s.want(evcp.Unknown, evcp.Slept, ""); f.Gap != time.Hour {
				t.Errorf("slept %s", f.Gap)
			}
			time.Sleep(drowsy / 2)
		}
		well.Store(true)
		s.want(evcp.OK, evcp.NoCause, "OK")
		well.Store(false)
		s.want(evcp.ConnectionError, evcp.Timeout, "")
		for range 2 {
			time.AfterFunc(tau/2, nap)
			s.want(evcp.Unknown, evcp.Slept, "")
		}
		accusesNobody()
		s.want(evcp.ConnectionError, evcp.Timeout, "")
		time.AfterFunc(tau/2, nap)
		s.want(evcp.Unknown, evcp.Slept, "")
		accusesNobody()
	})
}

// TestASlowLink takes 400 ms for the connection and as much each way: the answer's time
// counts from the question.
func TestASlowLink(t *testing.T) {
	onStageWith(t, func(o *probe.Options) { o.Greet = false }, answers("OK"), func(s *stage) {
		s.net.Delay(400 * time.Millisecond)
		if f := s.want(evcp.OK, evcp.NoCause, "OK"); f.Outcome.Latency.Round(time.Millisecond) != 1200*time.Millisecond {
			t.Errorf("latency %s", f.Outcome.Latency)
		}
	})
}

// leaky is a connection that breaks at its third message, and is the first to know.
type leaky struct {
	net.Conn
	asked *int
}

func (c leaky) Write(b []byte) (int, error) {
	if *c.asked++; *c.asked == 3 {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(b)
}

type leakyNet struct {
	link.Dialer
	asked int
}

func (n *leakyNet) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := n.Dialer.DialContext(ctx, network, address)
	return leaky{c, &n.asked}, err
}

// TestAQuestionThatDidNotLeave is asked on a fresh connection.
func TestAQuestionThatDidNotLeave(t *testing.T) {
	broken := func(o *probe.Options) { o.Dialer = &leakyNet{Dialer: o.Dialer} }
	onStageWith(t, broken, answers("OK"), func(s *stage) {
		for range 3 {
			if f := s.want(evcp.OK, evcp.NoCause, "OK"); f.Outcome.Latency > time.Millisecond {
				t.Errorf("after %s", f.Outcome.Latency)
			}
		}
	})
}

// TestNothingIsHeardTwice has an Engine that answers, hangs up, and then can't be
// reached: what it said before is no part of the next check.
func TestNothingIsHeardTwice(t *testing.T) {
	onStage(t, func(c net.Conn) { read(c); c.Write([]byte("KO")) }, func(s *stage) {
		s.want(evcp.KO, evcp.SaidKO, "KO")
		s.net.Blackhole(true)
		s.want(evcp.ConnectionError, evcp.Timeout, "")
	})
}

// TestTheOwnerMayBeLate finds what was seen, however late it looks.
func TestTheOwnerMayBeLate(t *testing.T) {
	onStage(t, answers("OK"), func(s *stage) {
		s.probe.Ask(0)
		time.Sleep(time.Minute)
		select {
		case <-s.probe.Ready():
		default:
			t.Error("nobody told")
		}
		if found := s.probe.Take(nil); len(found) != 2 || !found[0].Greeted || !found[1].Checked || !found[1].Last {
			t.Errorf("found %+v", found)
		}
	})
}

// TestCloseBreaksOff ends an exchange in flight without a finding, in the greeting and
// in the check.
func TestCloseBreaksOff(t *testing.T) {
	for _, after := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond} {
		onStage(t, mute, func(s *stage) {
			s.probe.Ask(0)
			time.Sleep(after)
			began := time.Now()
			s.probe.Close()
			if took := time.Since(began); took > 2*grace {
				t.Errorf("took %s after %s", took, after)
			}
			if found := s.probe.Take(nil); len(found) != 0 {
				t.Errorf("found %v", found)
			}
		})
	}
}
