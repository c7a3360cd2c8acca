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

// seedCentral replies as the Centrals in use do.
func seedCentral(message string) string {
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

// seldom gives an answer a second, so that a busy machine costs no connection, and reports at the
// first failed check.
func seldom(o *watch.Options) {
	o.Interval, o.Timeout, o.Policy.Fall = 1100*time.Millisecond, time.Second, 1
}

// TestMessagesByteForByte puts the Monitor between two peers that send raw text,
// once such that close after each answer and once such that keep the connection.
func TestMessagesByteForByte(t *testing.T) {
	for name, closes := range map[string]bool{"closing": true, "keeping": false} {
		t.Run(name, func(t *testing.T) {
			bed := testbed.New(t)
			var reply atomic.Value
			reply.Store("OK")
			c := testbed.NewTextPeer(t, bed.CentralAddr, closes, seedCentral)
			e := testbed.NewTextPeer(t, bed.EngineAddr, closes, func(string) string { return reply.Load().(string) })
			w := start(t, bed, "CP_001", t.TempDir(), seldom)
			received := func(message string) func() bool {
				return func() bool { return slices.Contains(c.Received(), message) }
			}
			bed.Until("a heartbeat", received("EV_CP_M CP_001 heartbeat OK"))
			reply.Store("KO")
			bed.Until("the failure", received("EV_CP_M CP_001 ENGINE_FAILURE"))
			bed.Until("a heartbeat of a sick Engine", received("EV_CP_M CP_001 heartbeat KO"))
			reply.Store("OK")
			bed.Until("the recovery", received("EV_CP_M CP_001 ENGINE_RECOVERED"))
			if err := w.stop(); err != nil {
				t.Fatal(err)
			}
			messages := slices.DeleteFunc(c.Received(), func(m string) bool { return strings.HasPrefix(m, "EV_CP_M CP_001 heartbeat ") })
			want := []string{
				"EV_CP_M CP_001 registration request", "EV_CP_M CP_001 ENGINE_FAILURE",
				"EV_CP_M CP_001 ENGINE_RECOVERED", "EV_CP_M CP_001 disconnect",
			}
			if !slices.Equal(messages, want) {
				t.Errorf("Central received %q, want %q", messages, want)
			}
			asked := e.Received()
			if asked[0] != "EV_CP_M CP_001 monitor connection" {
				t.Errorf("the Engine received %q first", asked[0])
			}
			for _, m := range asked[1:] {
				if m != "EV_CP_M CP_001 health_check" {
					t.Errorf("the Engine received %q", m)
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

// TestASilentCentralDelaysNoCheck looks at the times between questions to the Engine
// while Central takes every message and answers none. Waiting for one answer would
// make a gap of 3 s. Every gap must be far below that, the first included, unless this
// process itself was stopped for so long.
func TestASilentCentralDelaysNoCheck(t *testing.T) {
	bed := testbed.New(t)
	bed.CentralAddr = testbed.SilentServer(t)
	bed.StartEngine("ok")
	stalls := testbed.MeasureStalls(t)
	opened := make(chan time.Time, 1)
	start(t, bed, "CP_001", t.TempDir(), func(o *watch.Options) {
		o.Opened = func(func() watch.Figures) { opened <- time.Now() }
	})
	last := <-opened
	bed.Until("checks for longer than two answers may take", func() bool {
		return len(bed.Exchanges()) >= 20 && time.Since(last) > 2*uplink.AnswerLimit
	})
	for i, x := range bed.Exchanges() {
		if gap := x.Asked.Sub(last); gap > uplink.AnswerLimit/2+stalls.Total() {
			t.Errorf("%s before question %d, every %s was asked for", gap, i, interval)
		}
		last = x.Asked
	}
}

// inLines asks for a newline behind each message of both links.
func inLines(o *watch.Options) { o.Framing = wire.Line }

// TestLinesByteForByte sends and reads lines on both links, with peers that answer nothing
// but lines.
func TestLinesByteForByte(t *testing.T) {
	bed := testbed.New(t)
	var reply atomic.Value
	reply.Store("OK")
	line := func(say func(message string) string) func(string) string {
		return func(m string) string {
			if !strings.HasSuffix(m, "\n") || strings.Count(m, "\n") > 1 {
				return "KO unknown message\n"
			}
			return say(strings.TrimSuffix(m, "\n")) + "\n"
		}
	}
	c := testbed.NewTextPeer(t, bed.CentralAddr, false, line(seedCentral))
	e := testbed.NewTextPeer(t, bed.EngineAddr, false, line(func(string) string { return reply.Load().(string) }))
	w := start(t, bed, "CP_001", t.TempDir(), inLines, seldom)
	received := func(message string) func() bool {
		return func() bool { return slices.Contains(c.Received(), "EV_CP_M CP_001 "+message+"\n") }
	}
	bed.Until("a heartbeat", received("heartbeat OK"))
	reply.Store("KO")
	bed.Until("the failure", received("ENGINE_FAILURE"))
	reply.Store("OK")
	bed.Until("the recovery", received("ENGINE_RECOVERED"))
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if first := c.Received()[0]; first != "EV_CP_M CP_001 registration request\n" {
		t.Errorf("Central received %q first", first)
	}
	for i, m := range e.Received() {
		if want := "EV_CP_M CP_001 " + []string{"monitor connection", "health_check"}[min(i, 1)] + "\n"; m != want {
			t.Errorf("the Engine received %q, want %q", m, want)
		}
	}
	if c.Dials() != 1 || e.Dials() != 1 {
		t.Errorf("%d connections to Central, %d to the Engine", c.Dials(), e.Dials())
	}
}

// inFrames asks for STX framing on both links.
func inFrames(o *watch.Options) { o.Framing = wire.STX }

// TestFramesByteForByte speaks <STX>DATA<ETX><LRC> on both links, with peers that
// acknowledge and answer in frames, and wants each answer acknowledged.
func TestFramesByteForByte(t *testing.T) {
	bed := testbed.New(t)
	var reply atomic.Value
	reply.Store("OK")
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
	c := testbed.NewTextPeer(t, bed.CentralAddr, false, framed(seedCentral))
	e := testbed.NewTextPeer(t, bed.EngineAddr, false, framed(func(string) string { return reply.Load().(string) }))
	w := start(t, bed, "CP_001", t.TempDir(), inFrames, seldom)
	received := func(message string) func() bool {
		return func() bool { return strings.Contains(strings.Join(c.Received(), ""), frame("EV_CP_M CP_001 "+message)) }
	}
	bed.Until("a heartbeat", received("heartbeat OK"))
	reply.Store("KO")
	bed.Until("the failure", received("ENGINE_FAILURE"))
	reply.Store("OK")
	bed.Until("the recovery", received("ENGINE_RECOVERED"))
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if first := c.Received()[0]; first != frame("EV_CP_M CP_001 registration request") {
		t.Errorf("Central received %q first", first)
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

// TestFramingWithOurOwn speaks STX and lines with our Central and our Engine, which answer
// in the form of the question.
func TestFramingWithOurOwn(t *testing.T) {
	for name, tt := range map[string]struct {
		framing func(*watch.Options)
		is      func(answer string) bool
	}{
		"stx":  {inFrames, func(answer string) bool { return strings.HasPrefix(answer, "\x06\x02") }},
		"line": {inLines, func(answer string) bool { return strings.HasSuffix(answer, "\n") }},
	} {
		t.Run(name, func(t *testing.T) {
			bed := testbed.Start(t)
			r := bed.ReadTopic()
			start(t, bed, "CP_001", t.TempDir(), tt.framing)
			bed.Until("an OK", func() bool { return r.Count(evcp.HealthCheck) > 0 })
			bed.SetBehaviour("split")
			bed.UntilCentralState("CP_001", "faulted")
			bed.SetBehaviour("ok")
			bed.UntilCentralState("CP_001", "activated")
			for _, x := range bed.Exchanges() {
				if !tt.is(string(x.Answer)) {
					t.Fatalf("the Engine answered %q", x.Answer)
				}
			}
		})
	}
}
