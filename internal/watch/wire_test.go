package watch_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/testbed"
	"evcp/internal/uplink"
	"evcp/internal/watch"
	"evcp/internal/wire"
)

// firstCentral answers as the Centrals in use do.
func firstCentral(message string) string {
	switch {
	case strings.HasSuffix(message, "registration request"):
		return "Central: Monitor connection acknowledged"
	case strings.HasSuffix(message, "ENGINE_FAILURE"):
		return "Failure report received"
	case strings.HasSuffix(message, "ENGINE_RECOVERED"):
		return "Recovery report received"
	default:
		return "OK"
	}
}

// TestMessagesByteForByte puts the Monitor between two peers that send raw text,
// once such that close after each answer and once such that keep the connection.
func TestMessagesByteForByte(t *testing.T) {
	for name, closes := range map[string]bool{"closing": true, "keeping": false} {
		t.Run(name, func(t *testing.T) {
			g := testbed.New(t)
			var word atomic.Value
			word.Store("OK")
			c := testbed.NewTextPeer(t, g.CentralAddr, closes, firstCentral)
			e := testbed.NewTextPeer(t, g.EngineAddr, closes, func(string) string { return word.Load().(string) })
			w := start(t, g, "CP_001", t.TempDir())
			heard := func(message string) func() bool {
				return func() bool { return slices.Contains(c.Received(), message) }
			}
			g.Until("a heartbeat", heard("EV_CP_M CP_001 heartbeat OK"))
			word.Store("KO")
			g.Until("the failure", heard("EV_CP_M CP_001 ENGINE_FAILURE"))
			g.Until("a heartbeat of a sick Engine", heard("EV_CP_M CP_001 heartbeat KO"))
			word.Store("OK")
			g.Until("the recovery", heard("EV_CP_M CP_001 ENGINE_RECOVERED"))
			if err := w.stop(); err != nil {
				t.Fatal(err)
			}
			told := slices.DeleteFunc(c.Received(), func(m string) bool { return strings.HasPrefix(m, "EV_CP_M CP_001 heartbeat ") })
			want := []string{
				"EV_CP_M CP_001 registration request", "EV_CP_M CP_001 ENGINE_FAILURE",
				"EV_CP_M CP_001 ENGINE_RECOVERED", "EV_CP_M CP_001 disconnect",
			}
			if !slices.Equal(told, want) {
				t.Errorf("Central heard %q, want %q", told, want)
			}
			asked := e.Received()
			if asked[0] != "EV_CP_M CP_001 monitor connection" {
				t.Errorf("the Engine heard %q first", asked[0])
			}
			for _, m := range asked[1:] {
				if m != "EV_CP_M CP_001 health_check" {
					t.Errorf("the Engine heard %q", m)
				}
			}
			if dials := c.Dials(); closes && dials < len(c.Received()) || !closes && dials != 1 {
				t.Errorf("%d connections for %d messages to Central", dials, len(c.Received()))
			}
			if dials := e.Dials(); closes && dials < len(asked) || !closes && dials != 1 {
				t.Errorf("%d connections for %d messages to the Engine", dials, len(asked))
			}
		})
	}
}

// TestASilentCentralDelaysNoCheck looks at the time between questions to the Engine
// while Central takes every message and answers none. Waiting for it would make 3 s of
// every gap; a slow machine makes some long, and never all.
func TestASilentCentralDelaysNoCheck(t *testing.T) {
	g := testbed.New(t)
	g.CentralAddr = testbed.SilentServer(t)
	g.StartEngine("ok")
	start(t, g, "CP_001", t.TempDir())
	g.Until("twenty checks", func() bool { return len(g.Exchanges()) >= 20 })
	var gaps []time.Duration
	for i, x := range g.Exchanges()[1:] {
		gaps = append(gaps, x.Asked.Sub(g.Exchanges()[i].Asked))
	}
	slices.Sort(gaps)
	if usual := gaps[len(gaps)/4]; usual > uplink.AnswerLimit/2 {
		t.Errorf("from question to question %s, every %s was asked for", usual, interval)
	}
}

// inFrames asks for STX framing on both links.
func inFrames(o *watch.Options) { o.Framing = wire.STX }

// TestFramesByteForByte speaks <STX>DATA<ETX><LRC> on both links, with peers that
// acknowledge and answer in frames, and wants each answer acknowledged.
func TestFramesByteForByte(t *testing.T) {
	g := testbed.New(t)
	var word atomic.Value
	word.Store("OK")
	frame := func(words string) string { return string(wire.AppendFramed(nil, []byte(words), wire.STX)) }
	framed := func(say func(message string) string) func(string) string {
		return func(m string) string {
			m = strings.TrimPrefix(m, "\x06") // it may ride in front of the next question
			if m == "" {
				return ""
			}
			return "\x06" + frame(say(strings.Trim(m[:len(m)-1], "\x02\x03")))
		}
	}
	c := testbed.NewTextPeer(t, g.CentralAddr, false, framed(firstCentral))
	e := testbed.NewTextPeer(t, g.EngineAddr, false, framed(func(string) string { return word.Load().(string) }))
	w := start(t, g, "CP_001", t.TempDir(), inFrames)
	heard := func(message string) func() bool {
		return func() bool { return strings.Contains(strings.Join(c.Received(), ""), frame("EV_CP_M CP_001 "+message)) }
	}
	g.Until("a heartbeat", heard("heartbeat OK"))
	word.Store("KO")
	g.Until("the failure", heard("ENGINE_FAILURE"))
	word.Store("OK")
	g.Until("the recovery", heard("ENGINE_RECOVERED"))
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if first := c.Received()[0]; first != frame("EV_CP_M CP_001 registration request") {
		t.Errorf("Central heard %q first", first)
	}
	asked := strings.Join(e.Received(), "")
	questions := strings.Count(asked, frame("EV_CP_M CP_001 health_check")) + strings.Count(asked, frame("EV_CP_M CP_001 monitor connection"))
	if acks := strings.Count(asked, "\x06"); acks < questions-1 {
		t.Errorf("%d answers of the Engine, %d acknowledged", questions, acks)
	}
	if c.Dials() != 1 || e.Dials() != 1 {
		t.Errorf("%d connections to Central, %d to the Engine", c.Dials(), e.Dials())
	}
}

// TestFramesWithOurOwn speaks STX with our Central and our Engine, which answer in
// the form of the question.
func TestFramesWithOurOwn(t *testing.T) {
	g := testbed.Start(t)
	r := g.ReadTopic()
	start(t, g, "CP_001", t.TempDir(), inFrames)
	g.Until("an OK", func() bool { return r.Count(evcp.HealthCheck) > 0 })
	g.SetBehaviour("split")
	g.UntilCentralState("CP_001", "faulted")
	g.SetBehaviour("ok")
	g.UntilCentralState("CP_001", "activated")
	for _, x := range g.Exchanges() {
		if !strings.HasPrefix(string(x.Answer), "\x06\x02") {
			t.Fatalf("the Engine answered %q", x.Answer)
		}
	}
}
