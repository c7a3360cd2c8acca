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

// TestAGreetingHasNoPartInTheCheck has Engines whose reply to the greeting comes late, in
// halves, or is too long: none of it is read as the reply to the check.
func TestAGreetingHasNoPartInTheCheck(t *testing.T) {
	for name, parts := range map[string][]string{"late": {"", "KO"}, "in halves": {"K", "O"}, "too much": {"hi\nKO\n", ""}} {
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
						c.Write([]byte(parts[0]))
						time.Sleep(250 * time.Millisecond)
						c.Write([]byte(parts[1]))
					}()
				}
			}
			withEngine(t, engine, func(fx *fixture) {
				began := time.Now()
				fx.want(evcp.OK, evcp.NoCause, "OK")
				want := 200 * time.Millisecond
				if parts[1] == "" {
					want = 0
				}
				if waited := checked.Sub(began).Round(time.Millisecond); waited != want {
					t.Errorf("the greeting delayed the check by %s, want %s", waited, want)
				}
			})
		})
	}
}

// TestGreetingCounts counts the greetings sent with three checks.
func TestGreetingCounts(t *testing.T) {
	for name, tt := range map[string]struct {
		greet     bool
		slow      time.Duration // to answer a check
		answers   bool          // to greetings
		greetings int
		dials     int
	}{
		"not wanted":                     {answers: true, dials: 1},
		"with a reply, once":             {greet: true, answers: true, greetings: 1, dials: 1},
		"without, twice":                 {greet: true, greetings: 2, dials: 3}, // one without a reply leaves no connection
		"without, and slow checks, once": {greet: true, slow: 300 * time.Millisecond, greetings: 1, dials: 2},
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
			withEngineAndOptions(t, func(o *probe.Target) { o.Greet = tt.greet }, engine, func(fx *fixture) {
				for n := range 3 {
					f := fx.want(evcp.OK, evcp.NoCause, "OK")
					if want := n == 0 && tt.greet && tt.answers; f.greeted != want {
						t.Errorf("greeted in check %d is %t", n, f.greeted)
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

// TestALateEngineIsGreeted starts the Engine after the first check was refused.
func TestALateEngineIsGreeted(t *testing.T) {
	withEngine(t, nil, func(fx *fixture) {
		fx.want(evcp.ConnectionError, evcp.Refused, "")
		defer fx.engine(replies("OK"))()
		if f := fx.want(evcp.OK, evcp.NoCause, "OK"); !f.greeted {
			t.Error("not greeted")
		}
	})
}

// TestFramesAreAcknowledged uses STX framing with an Engine whose third reply has a wrong
// checksum.
func TestFramesAreAcknowledged(t *testing.T) {
	var received strings.Builder
	n := 0
	engine := func(c net.Conn) {
		for {
			m, ok := read(c)
			if !ok {
				return
			}
			received.WriteString(m)
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
	withEngineAndOptions(t, func(o *probe.Target) { o.Framing = wire.STX }, engine, func(fx *fixture) {
		fx.want(evcp.OK, evcp.NoCause, "OK")
		time.Sleep(time.Second)
		fx.want(evcp.KO, evcp.Protocol, `\x06\x02OK\x03\x05`)
		time.Sleep(time.Second)
		fx.want(evcp.OK, evcp.NoCause, "OK")
		time.Sleep(time.Second)
		frame := func(text string) string {
			return string(wire.AppendFramed(nil, []byte("EV_CP_M CP_001 "+text), wire.STX))
		}
		synctest.Wait() // the last acknowledgement has come
		check := frame("health_check")
		if want := frame("monitor connection") + "\x06" + check + "\x06" + check + "\x15" + check + "\x06"; received.String() != want {
			t.Errorf("received %q, want %q", received.String(), want)
		}
	})
}
