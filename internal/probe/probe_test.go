package probe_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/probe"
	"evcp/internal/simnet"
	"evcp/internal/testbed"
)

const (
	tau   = 900 * time.Millisecond
	grace = evcp.DefaultGrace

	wakeGrace = 10 * time.Second
)

// fixture is one Engine on a network in memory, and the probe that checks it.
type fixture struct {
	t     *testing.T
	net   *simnet.Net
	probe probe.Prober
	slept atomic.Int64 // how long the machine has slept, a Duration

	stalls   *testbed.Stalls // of this process; nil where the network and the time are not real
	repeated int             // checks, for a stall
}

// withEngine runs a test under synctest.
func withEngine(t *testing.T, engine func(net.Conn), test func(fx *fixture)) {
	t.Helper()
	withEngineAndOptions(t, func(*probe.Target) {}, engine, test)
}

func withEngineAndOptions(t *testing.T, change func(*probe.Target), engine func(net.Conn), test func(fx *fixture)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		fx := &fixture{t: t, net: &simnet.Net{}}
		defer time.Sleep(time.Minute) // goroutines of the Engine end meanwhile
		if engine != nil {
			stop := fx.engine(engine)
			defer stop()
		}
		target := probe.Target{
			CP: "CP_001", Address: "engine:1", Dialer: fx.net, Greet: true,
			Rules: evcp.EvidenceRules{Timeout: tau, Grace: grace},
		}
		change(&target)
		fx.adopt(target)
		defer fx.probe.Close()
		test(fx)
	})
}

// engine serves every connection with serve until stop is called.
func (fx *fixture) engine(serve func(net.Conn)) (stop func()) {
	l, err := fx.net.Listen("engine:1")
	if err != nil {
		fx.t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				serve(c)
				c.Close()
			}()
		}
	}()
	return func() { l.Close() }
}

// adopt makes the portable probe of one target.
func (fx *fixture) adopt(t probe.Target) { fx.adoptBy(probe.Portable, t) }

func (fx *fixture) adoptBy(d probe.Driver, t probe.Target) {
	fx.t.Helper()
	p, err := probe.New(d, probe.Options{})
	if err != nil {
		fx.t.Fatal(err)
	}
	fx.probe = p
	p.Adopt(0, t, fx.sleptNow())
}

func (fx *fixture) sleptNow() time.Duration { return time.Duration(fx.slept.Load()) }

// ask makes one exchange and returns all findings.
func (fx *fixture) ask() (found []probe.Finding) {
	fx.probe.Ask(fx.sleptNow(), 0)
	for len(found) == 0 || !found[len(found)-1].Last {
		fx.waits()
		found = fx.probe.Take(found)
	}
	return found
}

// waits waits until the probe is to be looked at.
func (fx *fixture) waits() {
	var due <-chan time.Time
	if next := fx.probe.Next(); !next.IsZero() {
		due = time.After(time.Until(next))
	}
	select {
	case <-fx.probe.Ready():
	case <-due:
	}
}

// result is what one exchange came to.
type result struct {
	at       time.Time // of the check's end
	outcome  evcp.Outcome
	gap      time.Duration
	greeted  bool
	greeting string
}

// check makes one exchange and judges it.
func (fx *fixture) check() result {
	fx.t.Helper()
	var r result
	checks := 0
	for _, f := range fx.ask() {
		if f.Checked {
			checks++
			r.at = f.At
			r.outcome, r.gap = fx.probe.Judge(f, fx.sleptNow())
		}
		if f.Greeted {
			r.greeted, r.greeting = true, f.Greeting
		}
	}
	if checks != 1 {
		fx.t.Errorf("%d findings of one check", checks)
	}
	return r
}

func (fx *fixture) want(status evcp.Status, cause evcp.Cause, response string) result {
	fx.t.Helper()
	r, fits := fx.undisturbed(func(o evcp.Outcome) bool { return o.Status == status && o.Cause == cause && o.Response == response })
	if o := r.outcome; !fits {
		fx.t.Errorf("%s %s %q, want %s %s %q", o.Status, o.Cause, o.Response, status, cause, response)
	}
	return r
}

// undisturbed checks until the outcome fits. One that does not fit counts only if this process did
// not stand still during the check: else the Engine, which is in it, was late as well.
func (fx *fixture) undisturbed(fits func(evcp.Outcome) bool) (r result, fit bool) {
	fx.t.Helper()
	for {
		stalled := fx.stalled()
		if r = fx.check(); fits(r.outcome) {
			return r, true
		}
		if fx.stalled() == stalled {
			return r, false
		}
		fx.repeated++
	}
}

// stalled is for how long this process has stood still since the test began.
func (fx *fixture) stalled() time.Duration {
	if fx.stalls == nil {
		return 0
	}
	return fx.stalls.Total()
}

// read reads one message, and reports false at the end of the connection.
func read(c net.Conn) (string, bool) {
	b := make([]byte, 1024)
	n, err := c.Read(b)
	return string(b[:n]), err == nil
}

// replies sends a fixed reply to every message, on a connection that is kept.
func replies(words ...string) func(net.Conn) {
	return func(c net.Conn) {
		for {
			if _, ok := read(c); !ok {
				return
			}
			for i, w := range words {
				if i > 0 {
					time.Sleep(30 * time.Millisecond)
				}
				c.Write([]byte(w))
			}
		}
	}
}

func mute(c net.Conn) {
	for {
		if _, ok := read(c); !ok {
			return
		}
	}
}

func TestEveryReply(t *testing.T) {
	tests := []struct {
		name     string
		engine   func(net.Conn)
		status   evcp.Status
		cause    evcp.Cause
		response string
	}{
		{"OK", replies("OK"), evcp.OK, evcp.NoCause, "OK"},
		{"OK with newline", replies("OK\r\n"), evcp.OK, evcp.NoCause, "OK"},
		{"ok", replies("ok"), evcp.OK, evcp.NoCause, "ok"},
		{"OK and more", replies("OK 23.5C"), evcp.OK, evcp.NoCause, "OK 23.5C"},
		{"O, K", replies("O", "K"), evcp.OK, evcp.NoCause, "OK"},
		{"KO", replies("KO"), evcp.KO, evcp.SaidKO, "KO"},
		{"K, O", replies("K", "O"), evcp.KO, evcp.SaidKO, "KO"},
		{"KO with a reason", replies("KO: TOKEN EXPIRED"), evcp.KO, evcp.SaidKO, "KO: TOKEN EXPIRED"},
		{"BROKEN", replies("BROKEN"), evcp.KO, evcp.Protocol, "BROKEN"},
		{"NOT OK", replies("NOT OK"), evcp.KO, evcp.Protocol, "NOT OK"},
		{"NOK", replies("NOK"), evcp.KO, evcp.Protocol, "NOK"},
		{"garbage", replies("\xff\x00\x1b[31m"), evcp.KO, evcp.Protocol, `\xff\x00\x1b[31m`},
		{"K and no more", replies("K"), evcp.KO, evcp.Protocol, "K"},
		{"blanks", replies(" \n\r\n "), evcp.ConnectionError, evcp.Timeout, ""},
		{"mute", mute, evcp.ConnectionError, evcp.Timeout, ""},
		{"closes", func(c net.Conn) { read(c) }, evcp.ConnectionError, evcp.Closed, ""},
		{"resets", func(c net.Conn) { read(c); reset(c) }, evcp.ConnectionError, evcp.Reset, ""},
		{"nobody there", nil, evcp.ConnectionError, evcp.Refused, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			thrice := func(fx *fixture) {
				for range 3 {
					fx.want(tt.status, tt.cause, tt.response)
					time.Sleep(100 * time.Millisecond)
				}
			}
			withEngine(t, tt.engine, thrice)
			overTLS, change := secured(t, tt.engine)
			withEngineAndOptions(t, change, overTLS, thrice)
		})
	}
}

// TestSilenceHasABound: an Engine that never replies fails after the timeout and one
// grace, and so does one that sends blanks for ever.
func TestSilenceHasABound(t *testing.T) {
	drip := func(c net.Conn) {
		for range 1000 {
			if _, err := c.Write([]byte(" ")); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	for name, engine := range map[string]func(net.Conn){"mute": mute, "drip of blanks": drip} {
		t.Run(name, func(t *testing.T) {
			withEngine(t, engine, func(fx *fixture) {
				fx.check() // with the greeting
				began := time.Now()
				fx.want(evcp.ConnectionError, evcp.Timeout, "")
				if took := time.Since(began); took > tau+2*grace {
					t.Errorf("took %s", took)
				}
			})
		})
	}
	t.Run("black hole", func(t *testing.T) {
		withEngine(t, nil, func(fx *fixture) {
			fx.net.Blackhole(true)
			fx.check()
			began := time.Now()
			fx.want(evcp.ConnectionError, evcp.Timeout, "")
			if took := time.Since(began); took > tau+2*grace {
				t.Errorf("took %s", took)
			}
		})
	})
}

// TestALateReplyIsNotTheNext has an Engine that replies 1.5 s late each time: every check
// fails, and the first with a reply in time is OK.
func TestALateReplyIsNotTheNext(t *testing.T) {
	var late atomic.Int64
	late.Store(int64(1500 * time.Millisecond))
	engine := func(c net.Conn) {
		for {
			if _, ok := read(c); !ok {
				return
			}
			time.Sleep(time.Duration(late.Load()))
			c.Write([]byte("OK"))
		}
	}
	withEngine(t, engine, func(fx *fixture) {
		for range 4 {
			fx.want(evcp.ConnectionError, evcp.Timeout, "")
			time.Sleep(75 * time.Millisecond)
		}
		late.Store(0)
		fx.want(evcp.OK, evcp.NoCause, "OK")
	})
}

// TestALateHalfIsNotTheNext sends OK in time and an unasked KO after it: the connection
// is not used again.
func TestALateHalfIsNotTheNext(t *testing.T) {
	engine := func(c net.Conn) {
		for {
			m, ok := read(c)
			if !ok {
				return
			}
			c.Write([]byte("OK"))
			if strings.HasSuffix(m, "health_check") {
				time.Sleep(50 * time.Millisecond)
				c.Write([]byte("KO"))
			}
		}
	}
	withEngine(t, engine, func(fx *fixture) {
		for range 5 {
			fx.want(evcp.OK, evcp.NoCause, "OK")
			time.Sleep(time.Second)
		}
	})
}

// TestConnectionsAreKept counts dials: one for an Engine that keeps its connections,
// one for each message to an Engine that closes.
func TestConnectionsAreKept(t *testing.T) {
	for name, tt := range map[string]struct {
		closes bool
		dials  int32
		answer string
	}{
		"kept": {false, 1, "OK"}, "closing": {true, 6, "OK"},
		"replying more than asked": {false, 6, "OK\nOK\n"},
		"closing without a reply":  {true, 6, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var dials atomic.Int32
			engine := func(c net.Conn) {
				dials.Add(1)
				for {
					if _, ok := read(c); !ok {
						return
					}
					c.Write([]byte(tt.answer))
					if tt.closes {
						return
					}
				}
			}
			withEngine(t, engine, func(fx *fixture) {
				for range 5 {
					if tt.answer != "" {
						fx.want(evcp.OK, evcp.NoCause, "OK")
					} else { // a break of a fresh connection is not confirmed
						fx.want(evcp.ConnectionError, evcp.Closed, "")
					}
					time.Sleep(time.Second)
				}
				if n := dials.Load(); n != tt.dials {
					t.Errorf("%d connections for a greeting and 5 checks, want %d", n, tt.dials)
				}
			})
		})
	}
}

// TestABreakIsConfirmed breaks a kept connection after the question: a complete reply on
// a fresh connection counts.
func TestABreakIsConfirmed(t *testing.T) {
	var connections atomic.Int32
	engine := func(c net.Conn) {
		connections.Add(1)
		asked := 0
		for {
			if _, ok := read(c); !ok {
				return
			}
			if asked++; asked > 2 {
				return
			}
			c.Write([]byte("OK"))
		}
	}
	withEngine(t, engine, func(fx *fixture) {
		for range 6 {
			fx.want(evcp.OK, evcp.NoCause, "OK")
			time.Sleep(time.Second)
		}
		if n := connections.Load(); n < 3 {
			t.Errorf("%d connections: none broke", n)
		}
	})
}

func TestABreakThatIsNotConfirmedFails(t *testing.T) {
	var stop func()
	withEngine(t, nil, func(fx *fixture) {
		stop = fx.engine(func(c net.Conn) {
			for range 2 {
				read(c)
				c.Write([]byte("OK"))
			}
			read(c)
			stop()
		})
		fx.want(evcp.OK, evcp.NoCause, "OK")
		fx.want(evcp.ConnectionError, evcp.Closed, "")
		fx.want(evcp.ConnectionError, evcp.Refused, "")
	})
}

// TestGreeting: sent before the first check; without a reply, once more after the first
// check with a reply; then never again.
func TestGreeting(t *testing.T) {
	var received []string
	ignored := 2 // messages without a reply
	engine := func(c net.Conn) {
		for {
			m, ok := read(c)
			if !ok {
				return
			}
			received = append(received, m)
			if ignored--; ignored < 0 {
				c.Write([]byte("OK"))
			}
		}
	}
	withEngine(t, engine, func(fx *fixture) {
		if f := fx.want(evcp.ConnectionError, evcp.Timeout, ""); f.greeted {
			t.Error("greeted without a reply")
		}
		if f := fx.want(evcp.OK, evcp.NoCause, "OK"); !f.greeted || f.greeting != "OK" {
			t.Errorf("greeting %t %q", f.greeted, f.greeting)
		}
		fx.want(evcp.OK, evcp.NoCause, "OK")
	})
	want := []string{
		"EV_CP_M CP_001 monitor connection", "EV_CP_M CP_001 health_check",
		"EV_CP_M CP_001 health_check", "EV_CP_M CP_001 monitor connection", "EV_CP_M CP_001 health_check",
	}
	if len(received) != len(want) {
		t.Fatalf("received %q", received)
	}
	for i := range want {
		if received[i] != want[i] {
			t.Errorf("message %d is %q, want %q", i, received[i], want[i])
		}
	}
}

// TestAGreetingDelaysNoFinding has an Engine that takes 150 ms for the second greeting:
// the check's finding comes at once, and the greeting's after it.
func TestAGreetingDelaysNoFinding(t *testing.T) {
	const slow = 150 * time.Millisecond
	greetings := 0
	engine := func(c net.Conn) {
		for {
			m, ok := read(c)
			if !ok {
				return
			}
			if strings.HasSuffix(m, "health_check") {
				c.Write([]byte("OK"))
				continue
			}
			if greetings++; greetings > 1 {
				time.Sleep(slow)
				c.Write([]byte("hello"))
			}
		}
	}
	withEngine(t, engine, func(fx *fixture) {
		found := fx.ask()
		if len(found) != 2 || !found[0].Checked || found[0].Last || !found[1].Greeted || !found[1].Last {
			t.Fatalf("findings %+v, want the check and then the greeting", found)
		}
		if between := found[1].At.Sub(found[0].At); between < slow || between > slow+time.Millisecond {
			t.Errorf("the check's finding came %s before the greeting's, want %s", between, slow)
		}
		if found[1].Greeting != "hello" {
			t.Errorf("greeting %q", found[1].Greeting)
		}
	})
}

// TestABreakIsDatedAtTheDeadline resets a kept connection, and no dial succeeds after it:
// the check ends at its deadline, not at the reset.
func TestABreakIsDatedAtTheDeadline(t *testing.T) {
	var fx *fixture
	asked := 0
	engine := func(c net.Conn) {
		for {
			if _, ok := read(c); !ok {
				return
			}
			if asked++; asked > 2 {
				time.Sleep(tau / 2)
				c.(*simnet.Conn).Reset()
				fx.net.Blackhole(true)
				return
			}
			c.Write([]byte("OK"))
		}
	}
	withEngine(t, engine, func(f *fixture) {
		fx = f
		fx.want(evcp.OK, evcp.NoCause, "OK")
		began := time.Now()
		r := fx.want(evcp.ConnectionError, evcp.Reset, "")
		if took := r.at.Sub(began); took < tau || took > tau+2*grace || r.outcome.Latency != took {
			t.Errorf("found after %s, latency %s; want both between %s and %s", took, r.outcome.Latency, tau, tau+2*grace)
		}
	})
}
