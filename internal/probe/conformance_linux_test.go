package probe_test

import (
	"maps"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/faultproxy"
	"evcp/internal/probe"
	"evcp/internal/testbed"
	"evcp/internal/wire"
)

// The tests in this file hold both drivers to one behaviour, on real sockets. What needs
// many seconds of an Engine is tested on the network in memory, with the same exchange.

// listenAndServe is an Engine on loopback.
func listenAndServe(t *testing.T, serve func(*net.TCPConn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				serve(c.(*net.TCPConn))
				c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// realTarget makes the probe of one target with the usual rules.
func realTarget(t *testing.T, d probe.Driver, address string, change func(*probe.Target)) *fixture {
	t.Helper()
	fx := &fixture{t: t, stalls: testbed.MeasureStalls(t)}
	target := probe.Target{CP: "CP_001", Address: address, Rules: evcp.EvidenceRules{Timeout: tau, Grace: grace}}
	change(&target)
	fx.adoptBy(d, target)
	t.Cleanup(fx.probe.Close)
	return fx
}

func unchanged(*probe.Target) {}

// onTCP makes an Engine of one for any connection.
func onTCP(serve func(net.Conn)) func(*net.TCPConn) {
	return func(c *net.TCPConn) { serve(c) }
}

// bytewise replies byte by byte, with a pause between.
func bytewise(reply string) func(*net.TCPConn) {
	return onTCP(func(c net.Conn) {
		for {
			if _, ok := read(c); !ok {
				return
			}
			for i := range len(reply) {
				time.Sleep(5 * time.Millisecond)
				c.Write([]byte{reply[i]})
			}
		}
	})
}

func flood(piece string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		if _, ok := read(c); !ok {
			return
		}
		for range 1 << 12 {
			if _, err := c.Write([]byte(strings.Repeat(piece, 512))); err != nil {
				return
			}
		}
		mute(c)
	}
}

func TestConformanceOfReplies(t *testing.T) {
	tests := map[string]struct {
		engine   func(*net.TCPConn)
		status   evcp.Status
		cause    evcp.Cause
		response string
	}{
		"OK":                     {onTCP(replies("OK")), evcp.OK, evcp.NoCause, "OK"},
		"KO":                     {onTCP(replies("KO")), evcp.KO, evcp.SaidKO, "KO"},
		"OK by bytes":            {bytewise("OK"), evcp.OK, evcp.NoCause, "OK"},
		"KO by bytes":            {bytewise("KO\n"), evcp.KO, evcp.SaidKO, "KO"},
		"K and no more":          {onTCP(replies("K")), evcp.KO, evcp.Protocol, "K"},
		"garbage":                {onTCP(replies("\xff\x00\x1b[31m")), evcp.KO, evcp.Protocol, `\xff\x00\x1b[31m`},
		"blanks":                 {onTCP(replies(" \r\n")), evcp.ConnectionError, evcp.Timeout, ""},
		"mute":                   {onTCP(mute), evcp.ConnectionError, evcp.Timeout, ""},
		"flood":                  {flood("x"), evcp.KO, evcp.Protocol, strings.Repeat("x", 127) + "…"},
		"flood of blanks":        {flood(" "), evcp.ConnectionError, evcp.Timeout, ""},
		"OK and a flood":         {flood("OK\n"), evcp.OK, evcp.NoCause, "OK"},
		"closes":                 {func(c *net.TCPConn) { read(c) }, evcp.ConnectionError, evcp.Closed, ""},
		"closes at once":         {func(*net.TCPConn) {}, evcp.ConnectionError, evcp.Closed, ""},
		"resets":                 {func(c *net.TCPConn) { read(c); c.SetLinger(0) }, evcp.ConnectionError, evcp.Reset, ""},
		"OK and the end":         {func(c *net.TCPConn) { read(c); c.Write([]byte("OK")) }, evcp.OK, evcp.NoCause, "OK"},
		"O and the end":          {func(c *net.TCPConn) { read(c); c.Write([]byte("O")) }, evcp.KO, evcp.Protocol, "O"},
		"OK, half closed":        {func(c *net.TCPConn) { read(c); c.Write([]byte("OK")); c.CloseWrite(); mute(c) }, evcp.OK, evcp.NoCause, "OK"},
		"half closed":            {func(c *net.TCPConn) { read(c); c.CloseWrite(); mute(c) }, evcp.ConnectionError, evcp.Closed, ""},
		"speaks before it hears": {func(c *net.TCPConn) { c.Write([]byte("KO early")); read(c) }, evcp.KO, evcp.SaidKO, "KO early"},
	}
	withDrivers(t, func(t *testing.T, d probe.Driver) {
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				fx := realTarget(t, d, listenAndServe(t, tt.engine), unchanged)
				for range 3 {
					r, fits := fx.undisturbed(func(o evcp.Outcome) bool {
						gone := name == "closes at once" && o.Cause == evcp.Reset // the question came after the end
						return gone || o.Status == tt.status && o.Cause == tt.cause && o.Response == tt.response
					})
					if o := r.outcome; !fits {
						t.Errorf("%s %s %q, want %s %s %q", o.Status, o.Cause, o.Response, tt.status, tt.cause, tt.response)
					}
				}
			})
		}
	})
}

// TestConformanceOfTheGreeting: it comes first, its reply is no reply to the check, and
// without a reply it comes once more.
func TestConformanceOfTheGreeting(t *testing.T) {
	withDrivers(t, func(t *testing.T, d probe.Driver) {
		for name, silent := range map[string]int{"with a reply": 0, "without": 1} {
			t.Run(name, func(t *testing.T) {
				received := make(chan string, 16)
				var left atomic.Int32
				left.Store(int32(silent))
				fx := realTarget(t, d, listenAndServe(t, func(c *net.TCPConn) {
					for {
						m, ok := read(c)
						if !ok {
							return
						}
						received <- strings.TrimPrefix(m, "EV_CP_M CP_001 ")
						if strings.HasSuffix(m, "connection") && left.Add(-1) >= 0 {
							continue
						}
						c.Write([]byte("OK"))
					}
				}), func(t *probe.Target) { t.Greet = true })
				if r := fx.want(evcp.OK, evcp.NoCause, "OK"); !r.greeted || r.greeting != "OK" {
					t.Errorf("greeted %t by %q", r.greeted, r.greeting)
				}
				if r := fx.want(evcp.OK, evcp.NoCause, "OK"); r.greeted {
					t.Error("greeted twice")
				}
				want := "monitor connection, health_check, health_check"
				if silent > 0 {
					want = "monitor connection, health_check, monitor connection, health_check"
				}
				for _, m := range strings.Split(want, ", ") {
					if got := <-received; got != m {
						t.Errorf("received %s, want %s", got, m)
					}
				}
			})
		}
	})
}

// TestConformanceOfFrames acknowledges each reply.
func TestConformanceOfFrames(t *testing.T) {
	withDrivers(t, func(t *testing.T, d probe.Driver) {
		acks := make(chan string, 8)
		fx := realTarget(t, d, listenAndServe(t, func(c *net.TCPConn) {
			for n := 0; ; {
				m, ok := read(c)
				if !ok {
					return
				}
				if m[0] != '\x02' { // before a question, or by itself
					acks <- m[:1]
					m = m[1:]
				}
				if m == "" {
					continue
				}
				reply := wire.AppendFramed([]byte("\x06"), []byte("OK"), wire.STX)
				if n++; n == 2 {
					reply[len(reply)-1] ^= 1
				}
				c.Write(reply)
			}
		}), func(t *probe.Target) { t.Framing = wire.STX })
		fx.want(evcp.OK, evcp.NoCause, "OK")
		fx.want(evcp.KO, evcp.Protocol, `\x06\x02OK\x03\x05`)
		fx.want(evcp.OK, evcp.NoCause, "OK")
		if got := <-acks + <-acks + <-acks; got != "\x06\x15\x06" {
			t.Errorf("acknowledged by %q", got)
		}
	})
}

// TestConformanceOfALateOwner: a reply that arrived in time is OK although its owner takes
// it 300 ms after the time was over, and its latency is the Engine's.
func TestConformanceOfALateOwner(t *testing.T) {
	withDrivers(t, func(t *testing.T, d probe.Driver) {
		const delay = 50 * time.Millisecond
		mayReply := make(chan struct{}, 1)
		fx := realTarget(t, d, listenAndServe(t, func(c *net.TCPConn) {
			for {
				if _, ok := read(c); !ok {
					return
				}
				<-mayReply
				time.Sleep(delay)
				c.Write([]byte("OK"))
			}
		}), unchanged)
		for judged := 0; judged < 2; { // on a fresh connection and on a kept one
			stalled := fx.stalled()
			fx.probe.Ask(0, 0)
			for range 3 { // connects, and asks
				time.Sleep(time.Millisecond)
				if found := fx.probe.Take(nil); len(found) > 0 {
					t.Fatalf("found %+v before the reply", found)
				}
			}
			mayReply <- struct{}{}
			time.Sleep(tau + 300*time.Millisecond)
			found := fx.probe.Take(nil)
			if len(found) != 1 {
				t.Fatalf("found %+v", found)
			}
			o, gap := fx.probe.Judge(found[0], 0)
			if fx.stalled() > stalled {
				continue // not only its owner was late
			}
			judged++
			if o.Status != evcp.OK || gap != 0 || o.Latency < delay || o.Latency > tau {
				t.Errorf("%s %s after %s, a stall of %s", o.Status, o.Cause, o.Latency, gap)
			}
		}
	})
}

// TestConformanceOfALateReply: one that arrives after the time is never OK, whenever its
// owner takes it, and never read as the next one.
func TestConformanceOfALateReply(t *testing.T) {
	withDrivers(t, func(t *testing.T, d probe.Driver) {
		var late atomic.Bool
		fx := realTarget(t, d, listenAndServe(t, func(c *net.TCPConn) {
			for {
				if _, ok := read(c); !ok {
					return
				}
				if late.Load() {
					time.Sleep(tau + 150*time.Millisecond)
					c.Write([]byte("OK late"))
				} else {
					c.Write([]byte("OK"))
				}
			}
		}), unchanged)
		fx.want(evcp.OK, evcp.NoCause, "OK")
		late.Store(true)
		fx.want(evcp.ConnectionError, evcp.Timeout, "")
		fx.probe.Ask(0, 0)
		time.Sleep(2 * tau)
		found := fx.probe.Take(nil)
		for len(found) == 0 {
			fx.waits()
			found = fx.probe.Take(nil)
		}
		if o, _ := fx.probe.Judge(found[0], 0); o.Status == evcp.OK {
			t.Errorf("%+v", o)
		}
		late.Store(false)
		fx.want(evcp.OK, evcp.NoCause, "OK")
	})
}

// TestConformanceBehindABrokenLink checks through a proxy that impairs the link.
func TestConformanceBehindABrokenLink(t *testing.T) {
	withDrivers(t, func(t *testing.T, d probe.Driver) {
		for _, tt := range []struct {
			kind   faultproxy.ImpairmentKind
			cause  evcp.Cause
			well   bool
			others []evcp.Cause // as well, since the proxy breaks the link under the question or before it
		}{
			{kind: faultproxy.Slow, well: true},
			{kind: faultproxy.BlackHole, cause: evcp.Timeout},
			{kind: faultproxy.Hang, cause: evcp.Timeout},
			{kind: faultproxy.HalfOpenUp, cause: evcp.Timeout},
			{kind: faultproxy.HalfOpenDown, cause: evcp.Timeout},
			{kind: faultproxy.Reset, cause: evcp.Reset, others: []evcp.Cause{evcp.Closed}},
			{kind: faultproxy.Refuse, cause: evcp.Refused},
		} {
			t.Run(tt.kind.String(), func(t *testing.T) {
				t.Parallel()
				p, err := faultproxy.Open(testbed.FreeAddr(t), listenAndServe(t, onTCP(replies("OK"))))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(p.Close)
				fx := realTarget(t, d, p.Addr(), unchanged)
				fx.want(evcp.OK, evcp.NoCause, "OK")
				if err := p.Set(faultproxy.Impairment{Kind: tt.kind, Delay: 40 * time.Millisecond}); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					r, fits := fx.undisturbed(func(o evcp.Outcome) bool {
						if tt.well {
							return o.Status == evcp.OK
						}
						return o.Status == evcp.ConnectionError && (o.Cause == tt.cause || containsCause(tt.others, o.Cause))
					})
					o := r.outcome
					if !fits {
						t.Errorf("%s %s, want well: %t, or %s", o.Status, o.Cause, tt.well, tt.cause)
					}
					if tt.kind == faultproxy.Slow && o.Latency < 80*time.Millisecond {
						t.Errorf("a latency of %s", o.Latency)
					}
				}
				if err := p.Set(faultproxy.Impairment{}); err != nil {
					t.Fatal(err)
				}
				fx.want(evcp.OK, evcp.NoCause, "OK")
			})
		}
	})
}

// TestConformanceOfAdoption: targets come, change and go while others are asked. A released
// slot has no finding of its old target, and a changed timeout keeps the connection.
func TestConformanceOfAdoption(t *testing.T) {
	withDrivers(t, func(t *testing.T, d probe.Driver) {
		var dials atomic.Int32
		well := listenAndServe(t, func(c *net.TCPConn) { dials.Add(1); replies("OK")(c) })
		silent := listenAndServe(t, onTCP(mute))
		target := func(cp evcp.CPID, address string) probe.Target {
			return probe.Target{CP: cp, Address: address, Rules: evcp.EvidenceRules{Timeout: tau, Grace: grace}}
		}
		const slots = 1100 // more than one block of the raw driver
		fx := &fixture{t: t, stalls: testbed.MeasureStalls(t)}
		fx.adoptBy(d, target("A", silent))
		defer fx.probe.Close()
		var others []int
		for slot := 1; slot < slots; slot += 4 {
			fx.probe.Adopt(slot, target("B", well), 0)
			others = append(others, slot)
		}
		ask := func(want int, slots ...int) {
			t.Helper()
			for {
				stalled := fx.stalled()
				found := map[int]evcp.Status{}
				fx.probe.Ask(0, slots...)
				for len(found) < want {
					fx.waits()
					for _, f := range fx.probe.Take(nil) {
						o, _ := fx.probe.Judge(f, 0)
						found[f.Target] = o.Status
					}
				}
				maps.DeleteFunc(found, func(_ int, s evcp.Status) bool { return s == evcp.OK })
				if len(found) == 0 {
					return
				}
				if fx.stalled() == stalled {
					t.Fatalf("not OK: %v", found)
				}
			}
		}
		fx.probe.Ask(0, 0)
		ask(len(others), others...)
		fx.probe.Release(0)
		fx.probe.Adopt(0, target("A", well), 0)
		ask(1, 0)
		changed := target("B", well)
		changed.Rules.Timeout /= 2
		for _, slot := range others {
			fx.probe.Adopt(slot, changed, 0)
		}
		before, stalled := dials.Load(), fx.stalled()
		ask(len(others), others...)
		if n := dials.Load() - before; n != 0 && fx.stalled() == stalled { // a check without an answer costs its connection
			t.Errorf("a change of the timeout cost %d connections", n)
		}
		fx.probe.Ask(0, others...)
		for _, slot := range others {
			fx.probe.Release(slot)
		}
		if found := fx.probe.Take(nil); len(found) != 0 {
			t.Errorf("found %+v", found)
		}
		ask(1, 0)
	})
}

func containsCause(all []evcp.Cause, c evcp.Cause) bool {
	for _, a := range all {
		if a == c {
			return true
		}
	}
	return false
}

// TestConformanceOfADialThatMeetsItself: where nobody listens on a port that dials take
// their local ports from, a dial can connect to itself. That is a refusal.
func TestConformanceOfADialThatMeetsItself(t *testing.T) {
	withDrivers(t, func(t *testing.T, d probe.Driver) {
		if !testbed.InNamespace(t) {
			return
		}
		if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40001"), 0); err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"127.0.0.1:40000", "127.0.0.1:40001"} {
			fx := realTarget(t, d, address, unchanged)
			for range 5 {
				fx.want(evcp.ConnectionError, evcp.Refused, "")
			}
		}
		l, err := net.Listen("tcp", "127.0.0.1:40000") // no dial has left a TIME_WAIT there
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	})
}

// TestASlowReplyWakesTheOwner: while nothing happens, the owner of a raw Prober need not look
// before the deadline, and is woken by the reply.
func TestASlowReplyWakesTheOwner(t *testing.T) {
	asked, reply := make(chan struct{}, 2), make(chan struct{})
	address := listenAndServe(t, onTCP(func(c net.Conn) {
		for b := make([]byte, 100); ; {
			if _, err := c.Read(b); err != nil {
				return
			}
			asked <- struct{}{}
			<-reply
			c.Write([]byte("OK"))
		}
	}))
	rules := evcp.EvidenceRules{Timeout: time.Hour, Grace: grace}
	p, err := probe.New(probe.Raw, probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Adopt(0, probe.Target{CP: "CP_001", Address: address, Rules: rules}, 0)
	p.Ask(0, 0)
	take := func() []probe.Finding {
		select {
		case <-p.Ready():
		case <-time.After(time.Until(p.Next())):
		}
		return p.Take(nil)
	}
	for range 2 { // the second is on the kept connection
		if left := time.Until(p.Next()); left < rules.Timeout/2 {
			t.Fatalf("asked, it looks again after %s without a reply", left)
		}
		for waiting := true; waiting; {
			select {
			case <-asked:
				waiting = false
			case <-p.Ready():
				p.Take(nil)
			case <-time.After(time.Until(p.Next())):
				p.Take(nil)
			}
		}
		for time.Until(p.Next()) < rules.Timeout/2 {
			if found := take(); len(found) > 0 {
				t.Fatalf("before the reply: %+v", found)
			}
		}
		reply <- struct{}{}
		found := take()
		for len(found) == 0 {
			found = take()
		}
		if o, _ := p.Judge(found[0], 0); o.Status != evcp.OK {
			t.Fatalf("%+v: %+v", found, o)
		}
		p.Ask(0, 0)
	}
}

// TestWhatAskFindsIsTakenSoon: a refusal that Ask finds out at once does not wait for the
// reply of another Engine.
func TestWhatAskFindsIsTakenSoon(t *testing.T) {
	refusing := testbed.FreeAddr(t)
	rules := evcp.EvidenceRules{Timeout: time.Hour, Grace: grace}
	p, err := probe.New(probe.Raw, probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Adopt(0, probe.Target{CP: "CP_001", Address: listenAndServe(t, onTCP(mute)), Rules: rules}, 0)
	p.Adopt(1, probe.Target{CP: "CP_002", Address: refusing, Rules: rules}, 0)
	p.Ask(0, 0, 1)
	for found := []probe.Finding(nil); len(found) == 0; found = p.Take(nil) {
		if left := time.Until(p.Next()); left > rules.Timeout/2 {
			t.Fatalf("the refusal is taken only after %s", left)
		}
		select {
		case <-p.Ready():
		case <-time.After(time.Until(p.Next())):
		}
	}
}
