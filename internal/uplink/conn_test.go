package uplink

import (
	"context"
	"go/parser"
	"go/token"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/link"
	"evcp/internal/simnet"
	"evcp/internal/wire"
)

const ms = time.Millisecond

// scriptedReply is a peer's reply to one message. Segments are separated by ~; the peer
// waits before each, and may close the connection after the last.
type scriptedReply struct {
	after time.Duration
	text  string
	close bool
}

// scriptedPeer sends one list of replies on each connection, one for each message, and
// nothing more after the last. It records all that it received.
type scriptedPeer struct {
	tlsSide
	dials    int
	received strings.Builder
}

func (p *scriptedPeer) serve(l net.Listener, scripts [][]scriptedReply) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		var script []scriptedReply
		if p.dials < len(scripts) {
			script = scripts[p.dials]
		}
		p.dials++
		p.answer(p.server(c), script)
	}
}

func (p *scriptedPeer) answer(c net.Conn, script []scriptedReply) {
	defer c.Close()
	b := make([]byte, 256)
	for {
		n, err := c.Read(b)
		p.received.Write(b[:n])
		if err != nil {
			return
		}
		if n == 1 || len(script) == 0 { // an acknowledgement, or the script is over
			continue
		}
		next := script[0]
		script = script[1:]
		for _, segment := range strings.Split(next.text, "~") {
			time.Sleep(next.after)
			io.WriteString(c, segment)
		}
		if next.close {
			return
		}
	}
}

// TestSend sends one or two messages in each framing, by TCP and by TLS.
func TestSend(t *testing.T) {
	frame := func(text string) string { return string(wire.AppendFramed(nil, []byte(text), wire.STX)) }
	answer := func(text string, v Verdict, took time.Duration) SendResult {
		return SendResult{Text: text, Verdict: v, Received: true, Connected: true, Latency: took}
	}
	none := func(connected bool, why evcp.Cause, took time.Duration) SendResult {
		return SendResult{Connected: connected, Cause: why, Latency: took}
	}
	for name, tt := range map[string]struct {
		framing wire.Framing
		scripts [][]scriptedReply // nil: no listener
		want    []SendResult      // one for each message
		takes   time.Duration
		dials   int
		acks    string // received besides the messages
	}{
		"a line":                       {scripts: [][]scriptedReply{{{5 * ms, "OK\n", false}}}, want: []SendResult{answer("OK", Accepted, 5*ms)}, takes: 5 * ms, dials: 1},
		"text, and then quiet":         {scripts: [][]scriptedReply{{{5 * ms, "OK", false}}}, want: []SendResult{answer("OK", Accepted, 5*ms)}, takes: 25 * ms, dials: 1},
		"text in two segments":         {scripts: [][]scriptedReply{{{15 * ms, "NO~T OK", false}}}, want: []SendResult{answer("NOT OK", Accepted, 30*ms)}, takes: 50 * ms, dials: 1},
		"text, and then closed":        {scripts: [][]scriptedReply{{{5 * ms, "OK", true}}}, want: []SendResult{answer("OK", Accepted, 5*ms)}, takes: 5 * ms, dials: 1},
		"no listener":                  {want: []SendResult{none(false, evcp.Refused, 0)}},
		"closed without a reply":       {scripts: [][]scriptedReply{{{0, "", true}}}, want: []SendResult{none(true, evcp.Closed, 0)}, dials: 1},
		"no reply":                     {scripts: [][]scriptedReply{{}}, want: []SendResult{none(true, evcp.Timeout, AnswerLimit)}, takes: AnswerLimit, dials: 1},
		"blanks are no reply":          {scripts: [][]scriptedReply{{{0, " \r\n", false}}}, want: []SendResult{none(true, evcp.Timeout, AnswerLimit)}, takes: AnswerLimit, dials: 1},
		"a connection that is kept":    {scripts: [][]scriptedReply{{{0, "a\n", false}, {0, "b\n", false}}}, want: []SendResult{answer("a", Accepted, 0), answer("b", Accepted, 0)}, dials: 1},
		"one closed as a habit":        {scripts: [][]scriptedReply{{{0, "a\n", true}}, {{0, "b\n", true}}}, want: []SendResult{answer("a", Accepted, 0), answer("b", Accepted, 0)}, dials: 2},
		"a kept one that breaks":       {scripts: [][]scriptedReply{{{0, "a\n", false}, {0, "", true}}, {{0, "b\n", false}}}, want: []SendResult{answer("a", Accepted, 0), answer("b", Accepted, 0)}, dials: 2},
		"both connections break":       {scripts: [][]scriptedReply{{{0, "a\n", false}, {0, "", true}}, {{0, "", true}}}, want: []SendResult{answer("a", Accepted, 0), none(true, evcp.Closed, 0)}, dials: 2},
		"a timeout is not retried":     {scripts: [][]scriptedReply{{{0, "a\n", false}}}, want: []SendResult{answer("a", Accepted, 0), none(true, evcp.Timeout, AnswerLimit)}, takes: AnswerLimit, dials: 1},
		"a late reply is not the next": {scripts: [][]scriptedReply{{{4 * time.Second, "late\n", true}}, {{0, "b\n", false}}}, want: []SendResult{none(true, evcp.Timeout, AnswerLimit), answer("b", Accepted, time.Second)}, takes: 4 * time.Second, dials: 2},

		"a line for a line":        {framing: wire.Line, scripts: [][]scriptedReply{{{15 * ms, "NO~T OK~\n", false}}}, want: []SendResult{answer("NOT OK", Accepted, 45*ms)}, takes: 45 * ms, dials: 1},
		"a line with a long pause": {framing: wire.Line, scripts: [][]scriptedReply{{{500 * ms, "NO~T OK\n", false}}}, want: []SendResult{answer("NOT OK", Accepted, time.Second)}, takes: time.Second, dials: 1},
		"text for a line":          {framing: wire.Line, scripts: [][]scriptedReply{{{5 * ms, "OK", false}}}, want: []SendResult{answer("OK", Accepted, 5*ms)}, takes: 1005 * ms, dials: 1},
		"text for a line, closed":  {framing: wire.Line, scripts: [][]scriptedReply{{{5 * ms, "OK", true}}}, want: []SendResult{answer("OK", Accepted, 5*ms)}, takes: 5 * ms, dials: 1},

		"a frame":                    {framing: wire.STX, scripts: [][]scriptedReply{{{5 * ms, "\x06" + frame("OK"), false}}}, want: []SendResult{answer("OK", Accepted, 5*ms)}, takes: 5 * ms, dials: 1, acks: "\x06"},
		"a damaged frame":            {framing: wire.STX, scripts: [][]scriptedReply{{{0, "\x02OK\x03?", false}}}, want: []SendResult{answer(`\x02OK\x03?`, Unclear, 0)}, dials: 1, acks: "\x15"},
		"<NACK>":                     {framing: wire.STX, scripts: [][]scriptedReply{{{0, "\x15", false}}}, want: []SendResult{answer(`\x15`, Unclear, 0)}, dials: 1},
		"<ACK>, and then nothing":    {framing: wire.STX, scripts: [][]scriptedReply{{{0, "\x06", false}}}, want: []SendResult{none(true, evcp.Timeout, AnswerLimit)}, takes: AnswerLimit, dials: 1},
		"half a frame":               {framing: wire.STX, scripts: [][]scriptedReply{{{0, "\x06\x02OK", false}}}, want: []SendResult{answer(`\x06\x02OK`, Unclear, 0)}, takes: AnswerLimit, dials: 1},
		"text where frames are used": {framing: wire.STX, scripts: [][]scriptedReply{{{0, "OK\n", false}}}, want: []SendResult{answer("OK", Unclear, 0)}, dials: 1},
	} {
		for _, link := range []struct {
			name   string
			secure func(*testing.T) tlsSide
		}{{"TCP", noTLS}, {"TLS", newTLSSide}} {
			t.Run(name+"/"+link.name, func(t *testing.T) {
				side := link.secure(t)
				bubble.Run(t, func(t *testing.T) {
					p := &scriptedPeer{tlsSide: side}
					c, end := p.start(t, tt.scripts, tt.framing)
					defer end()
					firsts := 0
					c.onFirstByte = func() { firsts++ }
					m := Outbound{Operation: ReportFailure, CP: "A"}
					message := string(wire.AppendFramed(nil, []byte("EV_CP_M A ENGINE_FAILURE"), tt.framing))
					began, replies := time.Now(), 0
					for i, want := range tt.want {
						got := c.send(context.Background(), m, AnswerLimit)
						took := got.Latency.Truncate(ms) // the look at a kept connection takes a microsecond here
						if got.Latency = took; got != want {
							t.Errorf("reply %d is %+v, want %+v", i, got, want)
						}
						if got.Received {
							replies++
						}
					}
					if took := time.Since(began).Truncate(ms); took != tt.takes {
						t.Errorf("took %s, want %s", took, tt.takes)
					}
					c.link.Close()
					synctest.Wait()
					if acks := strings.ReplaceAll(p.received.String(), message, ""); p.dials != tt.dials || acks != tt.acks || firsts < replies {
						t.Errorf("%d dials, want %d; received %q besides, want %q; %d first bytes of %d replies", p.dials, tt.dials, acks, tt.acks, firsts, replies)
					}
				})
			})
		}
	}
}

// start serves scripts, if there are any, and returns a connection to the peer.
func (p *scriptedPeer) start(t *testing.T, scripts [][]scriptedReply, framing wire.Framing) (c *centralConn, end func()) {
	t.Helper()
	n := &simnet.Net{}
	c = &centralConn{link: link.Link{Address: "central:1", Dialer: p.dialer(n)}, exchanger: newTextExchanger(framing), onFirstByte: func() {}, onDialled: func() {}}
	if scripts == nil {
		return c, func() {}
	}
	l, err := n.Listen("central:1")
	if err != nil {
		t.Fatal(err)
	}
	go p.serve(l, scripts)
	return c, func() { l.Close() }
}

// TestOneFileKnowsTheTextProtocol, so that another protocol is another codec.
func TestOneFileKnowsTheTextProtocol(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if name == "textcodec.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if i.Path.Value == `"evcp/internal/wire"` {
				t.Errorf("%s imports the text protocol", name)
			}
		}
	}
}
