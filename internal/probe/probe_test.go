package probe_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/probe"
	"evcp/internal/simnet"
)

const (
	tau   = 900 * time.Millisecond
	grace = evcp.DefaultGrace

	drowsy = 10 * time.Second
)

// stage is one Engine in a network in memory, and the probe that asks it.
type stage struct {
	t     *testing.T
	net   *simnet.Net
	probe *probe.Probe
	slept atomic.Int64 // of this machine, a Duration
}

// onStage runs a test in a bubble of its own, where time is free.
func onStage(t *testing.T, engine func(net.Conn), play func(s *stage)) {
	t.Helper()
	onStageWith(t, func(*probe.Options) {}, engine, play)
}

func onStageWith(t *testing.T, change func(*probe.Options), engine func(net.Conn), play func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, net: &simnet.Net{}}
		defer time.Sleep(time.Minute) // what still runs sees that nobody listens any more
		if engine != nil {
			stop := s.engine(engine)
			defer stop()
		}
		o := probe.Options{
			Targets: []probe.Target{{CP: "CP_001", Address: "engine"}},
			Rules:   evcp.EvidenceRules{Timeout: tau, Grace: grace},
			Dialer:  s.net,
			Greet:   true,
			Slept:   func() time.Duration { return time.Duration(s.slept.Load()) },
		}
		change(&o)
		s.probe = probe.New(o)
		defer s.probe.Close()
		play(s)
	})
}

// engine serves every connection with serve until stop is called.
func (s *stage) engine(serve func(net.Conn)) (stop func()) {
	l, err := s.net.Listen("engine")
	if err != nil {
		s.t.Fatal(err)
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

// ask has one exchange and returns all it came to.
func (s *stage) ask() (found []probe.Finding) {
	s.probe.Ask(0)
	for len(found) == 0 || !found[len(found)-1].Last {
		<-s.probe.Ready()
		found = s.probe.Take(found)
	}
	return found
}

// check asks once and returns all findings as one.
func (s *stage) check() probe.Finding {
	s.t.Helper()
	var all probe.Finding
	for _, f := range s.ask() {
		switch {
		case f.Checked && !all.Checked:
			all.At, all.Outcome, all.Gap, all.Checked = f.At, f.Outcome, f.Gap, true
		case f.Checked:
			s.t.Error("two outcomes of one check")
		}
		if f.Greeted {
			all.Greeted, all.Greeting = true, f.Greeting
		}
	}
	return all
}

func (s *stage) want(status evcp.Status, cause evcp.Cause, response string) probe.Finding {
	s.t.Helper()
	f := s.check()
	if o := f.Outcome; o.Status != status || o.Cause != cause || o.Response != response {
		s.t.Errorf("%s %s %q, want %s %s %q", o.Status, o.Cause, o.Response, status, cause, response)
	}
	return f
}

// read takes one message; a closed connection ends the goroutine's work.
func read(c net.Conn) (string, bool) {
	b := make([]byte, 1024)
	n, err := c.Read(b)
	return string(b[:n]), err == nil
}

// answers gives a fixed answer to every message, on a connection that is kept.
func answers(words ...string) func(net.Conn) {
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
		{"OK", answers("OK"), evcp.OK, evcp.NoCause, "OK"},
		{"OK with newline", answers("OK\r\n"), evcp.OK, evcp.NoCause, "OK"},
		{"ok", answers("ok"), evcp.OK, evcp.NoCause, "ok"},
		{"OK and more", answers("OK 23.5C"), evcp.OK, evcp.NoCause, "OK 23.5C"},
		{"O, K", answers("O", "K"), evcp.OK, evcp.NoCause, "OK"},
		{"KO", answers("KO"), evcp.KO, evcp.SaidKO, "KO"},
		{"K, O", answers("K", "O"), evcp.KO, evcp.SaidKO, "KO"},
		{"KO with a reason", answers("KO: TOKEN EXPIRED"), evcp.KO, evcp.SaidKO, "KO: TOKEN EXPIRED"},
		{"BROKEN", answers("BROKEN"), evcp.KO, evcp.Protocol, "BROKEN"},
		{"NOT OK", answers("NOT OK"), evcp.KO, evcp.Protocol, "NOT OK"},
		{"NOK", answers("NOK"), evcp.KO, evcp.Protocol, "NOK"},
		{"garbage", answers("\xff\x00\x1b[31m"), evcp.KO, evcp.Protocol, `\xff\x00\x1b[31m`},
		{"K and no more", answers("K"), evcp.KO, evcp.Protocol, "K"},
		{"blanks", answers(" \n\r\n "), evcp.ConnectionError, evcp.Timeout, ""},
		{"mute", mute, evcp.ConnectionError, evcp.Timeout, ""},
		{"closes", func(c net.Conn) { read(c) }, evcp.ConnectionError, evcp.Closed, ""},
		{"resets", func(c net.Conn) { read(c); c.(*simnet.Conn).Reset() }, evcp.ConnectionError, evcp.Reset, ""},
		{"nobody there", nil, evcp.ConnectionError, evcp.Refused, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onStage(t, tt.engine, func(s *stage) {
				for range 3 {
					s.want(tt.status, tt.cause, tt.response)
					time.Sleep(100 * time.Millisecond)
				}
			})
		})
	}
}

// TestSilenceHasABound pronounces a mute Engine after the timeout and one grace,
// and an endless drip no later.
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
			onStage(t, engine, func(s *stage) {
				s.check() // with the greeting
				began := time.Now()
				s.want(evcp.ConnectionError, evcp.Timeout, "")
				if took := time.Since(began); took > tau+2*grace {
					t.Errorf("took %s", took)
				}
			})
		})
	}
	t.Run("black hole", func(t *testing.T) {
		onStage(t, nil, func(s *stage) {
			s.net.Blackhole(true)
			s.check()
			began := time.Now()
			s.want(evcp.ConnectionError, evcp.Timeout, "")
			if took := time.Since(began); took > tau+2*grace {
				t.Errorf("took %s", took)
			}
		})
	})
}

// TestALateAnswerIsNotTheNext has an Engine that answers each question 1.5 s
// late: every check fails, and one answered in time again is OK at once.
func TestALateAnswerIsNotTheNext(t *testing.T) {
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
	onStage(t, engine, func(s *stage) {
		for range 4 {
			s.want(evcp.ConnectionError, evcp.Timeout, "")
			time.Sleep(75 * time.Millisecond)
		}
		late.Store(0)
		s.want(evcp.OK, evcp.NoCause, "OK")
	})
}

// TestALateHalfIsNotTheNext sends OK in time and the word KO after it, unasked:
// the connection is not used again.
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
	onStage(t, engine, func(s *stage) {
		for range 5 {
			s.want(evcp.OK, evcp.NoCause, "OK")
			time.Sleep(time.Second)
		}
	})
}

// TestConnectionsAreKept counts dials: one for an Engine that keeps its
// connections, one for each question to one that closes.
func TestConnectionsAreKept(t *testing.T) {
	for name, tt := range map[string]struct {
		closes bool
		dials  int32
		answer string
	}{
		"kept": {false, 1, "OK"}, "closing": {true, 6, "OK"},
		"saying more than was asked": {false, 6, "OK\nOK\n"},
		"closing without a word":     {true, 6, ""},
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
			onStage(t, engine, func(s *stage) {
				for range 5 {
					if tt.answer != "" {
						s.want(evcp.OK, evcp.NoCause, "OK")
					} else { // a fresh connection needs no second opinion
						s.want(evcp.ConnectionError, evcp.Closed, "")
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

// TestABreakIsConfirmed breaks a kept connection under the question: a complete
// answer on a fresh one wins, otherwise the break was the failure.
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
	onStage(t, engine, func(s *stage) {
		for range 6 {
			s.want(evcp.OK, evcp.NoCause, "OK")
			time.Sleep(time.Second)
		}
		if n := connections.Load(); n < 3 {
			t.Errorf("%d connections: none broke", n)
		}
	})
}

func TestABreakThatIsNotConfirmedFails(t *testing.T) {
	var stop func()
	onStage(t, nil, func(s *stage) {
		stop = s.engine(func(c net.Conn) {
			for range 2 {
				read(c)
				c.Write([]byte("OK"))
			}
			read(c)
			stop()
		})
		s.want(evcp.OK, evcp.NoCause, "OK")
		s.want(evcp.ConnectionError, evcp.Closed, "")
		s.want(evcp.ConnectionError, evcp.Refused, "")
	})
}

// TestGreeting is said before the first check; if unanswered, once more after
// the first answered check, and never again.
func TestGreeting(t *testing.T) {
	var heard []string
	deaf := 2 // messages that get no answer
	engine := func(c net.Conn) {
		for {
			m, ok := read(c)
			if !ok {
				return
			}
			heard = append(heard, m)
			if deaf--; deaf < 0 {
				c.Write([]byte("OK"))
			}
		}
	}
	onStage(t, engine, func(s *stage) {
		if f := s.want(evcp.ConnectionError, evcp.Timeout, ""); f.Greeted {
			t.Error("greeted by nobody")
		}
		if f := s.want(evcp.OK, evcp.NoCause, "OK"); !f.Greeted || f.Greeting != "OK" {
			t.Errorf("greeting %t %q", f.Greeted, f.Greeting)
		}
		s.want(evcp.OK, evcp.NoCause, "OK")
	})
	want := []string{
		"EV_CP_M CP_001 monitor connection", "EV_CP_M CP_001 health_check",
		"EV_CP_M CP_001 health_check", "EV_CP_M CP_001 monitor connection", "EV_CP_M CP_001 health_check",
	}
	if len(heard) != len(want) {
		t.Fatalf("heard %q", heard)
	}
	for i := range want {
		if heard[i] != want[i] {
			t.Errorf("message %d is %q, want %q", i, heard[i], want[i])
		}
	}
}

// TestAGreetingKeepsNothingBack has an Engine that takes 150 ms for the second
// greeting: what the check came to is told at once, and the greeting after it.
func TestAGreetingKeepsNothingBack(t *testing.T) {
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
	onStage(t, engine, func(s *stage) {
		found := s.ask()
		if len(found) != 2 || !found[0].Checked || found[0].Last || !found[1].Greeted || !found[1].Last {
			t.Fatalf("findings %+v, want the check and then the greeting", found)
		}
		if between := found[1].At.Sub(found[0].At); between < slow || between > slow+time.Millisecond {
			t.Errorf("the check was told %s before the greeting's answer, want %s", between, slow)
		}
		if found[1].Greeting != "hello" {
			t.Errorf("greeting %q", found[1].Greeting)
		}
	})
}

// TestABreakIsDatedByItsVerdict breaks a kept connection and then swallows every
// dial: the break counts when the check's time is over, not before.
func TestABreakIsDatedByItsVerdict(t *testing.T) {
	var s *stage
	asked := 0
	engine := func(c net.Conn) {
		for {
			if _, ok := read(c); !ok {
				return
			}
			if asked++; asked > 2 {
				time.Sleep(tau / 2)
				c.(*simnet.Conn).Reset()
				s.net.Blackhole(true)
				return
			}
			c.Write([]byte("OK"))
		}
	}
	onStage(t, engine, func(stage *stage) {
		s = stage
		s.want(evcp.OK, evcp.NoCause, "OK")
		began := time.Now()
		f := s.want(evcp.ConnectionError, evcp.Reset, "")
		if took := f.At.Sub(began); took < tau || took > tau+2*grace || f.Outcome.Latency != took {
			t.Errorf("found after %s, latency %s; want both between %s and %s", took, f.Outcome.Latency, tau, tau+2*grace)
		}
	})
}
