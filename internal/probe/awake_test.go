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

// TestAMachineThatSlept: for WakeGrace after each sleep, between checks or during one, or
// until the first OK, no silence counts.
func TestAMachineThatSlept(t *testing.T) {
	var replies atomic.Bool
	engine := func(c net.Conn) {
		for {
			if _, ok := read(c); !ok {
				return
			}
			if replies.Load() {
				c.Write([]byte("OK"))
			}
		}
	}
	withEngine(t, engine, func(fx *fixture) {
		sleep := func() { fx.slept.Add(int64(time.Hour)) }
		unknownForWakeGrace := func() {
			for woke := time.Now(); time.Since(woke) < wakeGrace-time.Second; {
				if f := fx.want(evcp.Unknown, evcp.Slept, ""); f.gap != 0 {
					t.Errorf("a stall of %s while the machine was awake", f.gap)
				}
			}
			time.Sleep(time.Second)
		}
		fx.want(evcp.ConnectionError, evcp.Timeout, "")
		sleep()
		unknownForWakeGrace()
		fx.want(evcp.ConnectionError, evcp.Timeout, "")
		for range 2 { // during a check, the second time within the WakeGrace of the first
			time.AfterFunc(tau/2, sleep)
			if f := fx.want(evcp.Unknown, evcp.Slept, ""); f.gap != time.Hour {
				t.Errorf("slept %s", f.gap)
			}
			time.Sleep(wakeGrace / 2)
		}
		replies.Store(true)
		fx.want(evcp.OK, evcp.NoCause, "OK")
		replies.Store(false)
		fx.want(evcp.ConnectionError, evcp.Timeout, "")
		for range 2 {
			time.AfterFunc(tau/2, sleep)
			fx.want(evcp.Unknown, evcp.Slept, "")
		}
		unknownForWakeGrace()
		fx.want(evcp.ConnectionError, evcp.Timeout, "")
		time.AfterFunc(tau/2, sleep)
		fx.want(evcp.Unknown, evcp.Slept, "")
		unknownForWakeGrace()
	})
}

// TestASleepBeforeTheJudgement takes one verdict from the check before it and none after
// it: a KO counts again at once, silence once WakeGrace is over.
func TestASleepBeforeTheJudgement(t *testing.T) {
	var silent atomic.Bool
	engine := func(c net.Conn) {
		for {
			if _, ok := read(c); !ok {
				return
			}
			if !silent.Load() {
				c.Write([]byte("KO"))
			}
		}
	}
	withEngine(t, engine, func(fx *fixture) {
		checkAndSleep := func() {
			t.Helper()
			found := fx.ask()
			fx.slept.Add(int64(time.Hour))
			f := found[len(found)-1]
			if o, gap := fx.probe.Judge(f, fx.sleptNow()); o.Status != evcp.Unknown || o.Cause != evcp.Slept || gap != time.Hour {
				t.Errorf("%s %s, slept %s", o.Status, o.Cause, gap)
			}
		}
		fx.want(evcp.KO, evcp.SaidKO, "KO")
		checkAndSleep()
		fx.want(evcp.KO, evcp.SaidKO, "KO")
		silent.Store(true)
		checkAndSleep()
		for woke := time.Now(); time.Since(woke) < wakeGrace; {
			fx.want(evcp.Unknown, evcp.Slept, "")
		}
		fx.want(evcp.ConnectionError, evcp.Timeout, "")
	})
}

// TestASlowLink delays the connection and each way by 400 ms: the time for the reply
// counts from the question.
func TestASlowLink(t *testing.T) {
	withEngineAndOptions(t, func(o *probe.Target) { o.Greet = false }, replies("OK"), func(fx *fixture) {
		fx.net.Delay(400 * time.Millisecond)
		if f := fx.want(evcp.OK, evcp.NoCause, "OK"); f.outcome.Latency.Round(time.Millisecond) != 1200*time.Millisecond {
			t.Errorf("latency %s", f.outcome.Latency)
		}
	})
}

// breakingConn is a connection whose third write fails.
type breakingConn struct {
	net.Conn
	asked *int
}

func (c breakingConn) Write(b []byte) (int, error) {
	if *c.asked++; *c.asked == 3 {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(b)
}

type breakingDialer struct {
	link.Dialer
	asked int
}

func (n *breakingDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := n.Dialer.DialContext(ctx, network, address)
	return breakingConn{c, &n.asked}, err
}

// TestAFailedWrite is repeated on a fresh connection.
func TestAFailedWrite(t *testing.T) {
	broken := func(o *probe.Target) { o.Dialer = &breakingDialer{Dialer: o.Dialer} }
	withEngineAndOptions(t, broken, replies("OK"), func(fx *fixture) {
		for range 3 {
			if f := fx.want(evcp.OK, evcp.NoCause, "OK"); f.outcome.Latency > time.Millisecond {
				t.Errorf("after %s", f.outcome.Latency)
			}
		}
	})
}

// TestAReplyIsUsedOnce has an Engine that replies, closes the connection, and then can't
// be reached: its last reply has no part in the next check.
func TestAReplyIsUsedOnce(t *testing.T) {
	withEngine(t, func(c net.Conn) { read(c); c.Write([]byte("KO")) }, func(fx *fixture) {
		fx.want(evcp.KO, evcp.SaidKO, "KO")
		fx.net.Blackhole(true)
		fx.want(evcp.ConnectionError, evcp.Timeout, "")
	})
}

// TestTheOwnerMayBeLate: findings wait for Take.
func TestTheOwnerMayBeLate(t *testing.T) {
	withEngine(t, replies("OK"), func(fx *fixture) {
		fx.probe.Ask(fx.sleptNow(), 0)
		time.Sleep(time.Minute)
		select {
		case <-fx.probe.Ready():
		default:
			t.Error("not ready")
		}
		if found := fx.probe.Take(nil); len(found) != 2 || !found[0].Greeted || !found[1].Checked || !found[1].Last {
			t.Errorf("found %+v", found)
		}
	})
}

// TestCloseBreaksOff ends an exchange in flight without a finding, during the greeting
// and during the check.
func TestCloseBreaksOff(t *testing.T) {
	for _, after := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond} {
		withEngine(t, mute, func(fx *fixture) {
			fx.probe.Ask(fx.sleptNow(), 0)
			time.Sleep(after)
			began := time.Now()
			fx.probe.Close()
			if took := time.Since(began); took > 2*grace {
				t.Errorf("took %s after %s", took, after)
			}
			if found := fx.probe.Take(nil); len(found) != 0 {
				t.Errorf("found %v", found)
			}
		})
	}
}

// TestASleepNextToACheck: one between Take and Judge counts as a sleep during the check,
// since the owner reads the time slept only then.
func TestASleepNextToACheck(t *testing.T) {
	withEngine(t, replies("KO"), func(fx *fixture) {
		found := fx.ask()
		fx.slept.Add(int64(time.Hour))
		o, gap := fx.probe.Judge(found[len(found)-1], fx.sleptNow())
		if o.Status != evcp.Unknown || o.Cause != evcp.Slept || gap != time.Hour {
			t.Errorf("%s %s, a stall of %s", o.Status, o.Cause, gap)
		}
		fx.want(evcp.KO, evcp.SaidKO, "KO")
	})
}
