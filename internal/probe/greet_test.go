package probe_test

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/probe"
	"evcp/internal/wire"
)

// TestAGreetingSpoilsNoCheck has Engines whose answer to the greeting comes late, in
// halves, or with more than was asked: none of it is the answer to the check.
func TestAGreetingSpoilsNoCheck(t *testing.T) {
	for name, words := range map[string][]string{"late": {"", "KO"}, "in halves": {"K", "O"}, "too much": {"hi\nKO\n", ""}} {
		t.Run(name, func(t *testing.T) {
			var checked time.Time
			engine := func(c net.Conn) {
				for {
					m, ok := read(c)
					if !ok {
						return
					}
					if strings.HasSuffix(m, "health_check") {
						checked = time.Now()
						time.Sleep(100 * time.Millisecond)
						c.Write([]byte("OK"))
						continue
					}
					go func() {
						c.Write([]byte(words[0]))
						time.Sleep(250 * time.Millisecond)
						c.Write([]byte(words[1]))
					}()
				}
			}
			onStage(t, engine, func(s *stage) {
				began := time.Now()
				s.want(evcp.OK, evcp.NoCause, "OK")
				want := 200 * time.Millisecond
				if words[1] == "" {
					want = 0
				}
				if waited := checked.Sub(began).Round(time.Millisecond); waited != want {
					t.Errorf("the greeting kept the check waiting for %s, want %s", waited, want)
				}
			})
		})
	}
}

// TestWhoIsGreeted counts the greetings that three checks bring with them.
func TestWhoIsGreeted(t *testing.T) {
	for name, tt := range map[string]struct {
		greet     bool
		slow      time.Duration // to answer a check
		answers   bool          // to greetings
		greetings int
		dials     int
	}{
		"nobody":              {answers: true, dials: 1},
		"who answers, once":   {greet: true, answers: true, greetings: 1, dials: 1},
		"who does not, twice": {greet: true, greetings: 2, dials: 3}, // an unanswered one leaves no connection
		"who is slow and does not, once, for ever": {greet: true, slow: 300 * time.Millisecond, greetings: 1, dials: 2},
	} {
		t.Run(name, func(t *testing.T) {
			greetings, dials := 0, 0
			engine := func(c net.Conn) {
				dials++
				for {
					m, ok := read(c)
					switch {
					case !ok:
						return
					case strings.HasSuffix(m, "health_check"):
						time.Sleep(tt.slow)
						c.Write([]byte("OK"))
					default:
						greetings++
						if tt.answers {
							c.Write([]byte("hello"))
						}
					}
				}
			}
			onStageWith(t, func(o *probe.Options) { o.Greet = tt.greet }, engine, func(s *stage) {
				for n := range 3 {
					f := s.want(evcp.OK, evcp.NoCause, "OK")
					if want := n == 0 && tt.greet && tt.answers; f.Greeted != want {
						t.Errorf("greeted in check %d is %t", n, f.Greeted)
					}
				}
				synctest.Wait()
				if greetings != tt.greetings || dials != tt.dials {
					t.Errorf("%d greetings and %d connections, want %d and %d", greetings, dials, tt.greetings, tt.dials)
				}
			})
		})
	}
}

// TestALateEngineIsGreeted comes after the first check was refused.
func TestALateEngineIsGreeted(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		s.want(evcp.ConnectionError, evcp.Refused, "")
		defer s.engine(answers("OK"))()
		if f := s.want(evcp.OK, evcp.NoCause, "OK"); !f.Greeted {
			t.Error("not greeted")
		}
	})
}

// TestFramesAreAcknowledged speaks STX with an Engine whose every third answer is
// damaged on the way.
func TestFramesAreAcknowledged(t *testing.T) {
	var heard strings.Builder
	n := 0
	engine := func(c net.Conn) {
		for {
			m, ok := read(c)
			if !ok {
				return
			}
			heard.WriteString(m)
			if len(m) == 1 {
				continue
			}
			answer := wire.AppendFramed(nil, []byte("OK"), wire.STX)
			if n++; n == 3 {
				answer[len(answer)-1] ^= 1
			}
			c.Write(append([]byte("\x06"), answer...))
		}
	}
	onStageWith(t, func(o *probe.Options) { o.Framing = wire.STX }, engine, func(s *stage) {
		s.want(evcp.OK, evcp.NoCause, "OK")
		time.Sleep(time.Second)
		s.want(evcp.KO, evcp.Protocol, `\x06\x02OK\x03\x05`)
		time.Sleep(time.Second)
		s.want(evcp.OK, evcp.NoCause, "OK")
		time.Sleep(time.Second)
		frame := func(words string) string {
			return string(wire.AppendFramed(nil, []byte("EV_CP_M CP_001 "+words), wire.STX))
		}
		synctest.Wait() // the last acknowledgement has come
		check := frame("health_check")
		if want := frame("monitor connection") + "\x06" + check + "\x06" + check + "\x15" + check + "\x06"; heard.String() != want {
			t.Errorf("heard %q, want %q", heard.String(), want)
		}
	})
}
