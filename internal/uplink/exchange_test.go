package uplink

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/simnet"
	"evcp/internal/wire"
)

const ms = time.Millisecond

// says is what a peer does with one message: it waits, writes, and perhaps hangs up.
// Before each segment, ~ between them, it waits again.
type says struct {
	after time.Duration
	words string
	close bool
}

// peer plays one list of says on each connection, message by message, and then is
// mute. It notes what it heard in all, and how often it was dialled.
type peer struct {
	dials int
	heard strings.Builder
}

func (p *peer) serve(l net.Listener, scripts [][]says) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		var script []says
		if p.dials < len(scripts) {
			script = scripts[p.dials]
		}
		p.dials++
		p.talk(c, script)
	}
}

func (p *peer) talk(c net.Conn, script []says) {
	defer c.Close()
	b := make([]byte, 256)
	for {
		n, err := c.Read(b)
		p.heard.Write(b[:n])
		if err != nil {
			return
		}
		if n == 1 || len(script) == 0 { // an acknowledgement, or it has no more to say
			continue
		}
		next := script[0]
		script = script[1:]
		for _, segment := range strings.Split(next.words, "~") {
			time.Sleep(next.after)
			io.WriteString(c, segment)
		}
		if next.close {
			return
		}
	}
}

// TestAsk asks once or twice in each form, and wants what came of it.
func TestAsk(t *testing.T) {
	frame := func(words string) string { return string(wire.AppendFramed(nil, []byte(words), wire.STX)) }
	answer := func(text string, took time.Duration) Reply {
		return Reply{Text: text, Received: true, Connected: true, Latency: took}
	}
	none := func(dialled bool, why evcp.Cause, took time.Duration) Reply {
		return Reply{Connected: dialled, Cause: why, Latency: took}
	}
	unsound := func(text string, took time.Duration) Reply {
		a := answer(text, took)
		a.Malformed = true
		return a
	}
	for name, tt := range map[string]struct {
		form    wire.Framing
		scripts [][]says // nil: nobody listens
		want    []Reply  // one for each question
		takes   time.Duration
		dials   int
		acks    string // what was heard besides the questions
	}{
		"a line":                       {scripts: [][]says{{{5 * ms, "OK\n", false}}}, want: []Reply{answer("OK", 5*ms)}, takes: 5 * ms, dials: 1},
		"text, and then quiet":         {scripts: [][]says{{{5 * ms, "OK", false}}}, want: []Reply{answer("OK", 5*ms)}, takes: 25 * ms, dials: 1},
		"text in two segments":         {scripts: [][]says{{{15 * ms, "NO~T OK", false}}}, want: []Reply{answer("NOT OK", 30*ms)}, takes: 50 * ms, dials: 1},
		"text, and then the end":       {scripts: [][]says{{{5 * ms, "OK", true}}}, want: []Reply{answer("OK", 5*ms)}, takes: 5 * ms, dials: 1},
		"nobody there":                 {want: []Reply{none(false, evcp.Refused, 0)}},
		"the end without a word":       {scripts: [][]says{{{0, "", true}}}, want: []Reply{none(true, evcp.Closed, 0)}, dials: 1},
		"silence":                      {scripts: [][]says{{}}, want: []Reply{none(true, evcp.Timeout, AnswerLimit)}, takes: AnswerLimit, dials: 1},
		"blanks are silence":           {scripts: [][]says{{{0, " \r\n", false}}}, want: []Reply{none(true, evcp.Timeout, AnswerLimit)}, takes: AnswerLimit, dials: 1},
		"a connection that is kept":    {scripts: [][]says{{{0, "a\n", false}, {0, "b\n", false}}}, want: []Reply{answer("a", 0), answer("b", 0)}, dials: 1},
		"one closed as a habit":        {scripts: [][]says{{{0, "a\n", true}}, {{0, "b\n", true}}}, want: []Reply{answer("a", 0), answer("b", 0)}, dials: 2},
		"one that breaks when asked":   {scripts: [][]says{{{0, "a\n", false}, {0, "", true}}, {{0, "b\n", false}}}, want: []Reply{answer("a", 0), answer("b", 0)}, dials: 2},
		"a break on both":              {scripts: [][]says{{{0, "a\n", false}, {0, "", true}}, {{0, "", true}}}, want: []Reply{answer("a", 0), none(true, evcp.Closed, 0)}, dials: 2},
		"silence is not asked again":   {scripts: [][]says{{{0, "a\n", false}}}, want: []Reply{answer("a", 0), none(true, evcp.Timeout, AnswerLimit)}, takes: AnswerLimit, dials: 1},
		"a late answer is not another": {scripts: [][]says{{{4 * time.Second, "late\n", true}}, {{0, "b\n", false}}}, want: []Reply{none(true, evcp.Timeout, AnswerLimit), answer("b", time.Second)}, takes: 4 * time.Second, dials: 2},

		"a frame":                     {form: wire.STX, scripts: [][]says{{{5 * ms, "\x06" + frame("OK"), false}}}, want: []Reply{answer("OK", 5*ms)}, takes: 5 * ms, dials: 1, acks: "\x06"},
		"a damaged frame":             {form: wire.STX, scripts: [][]says{{{0, "\x02OK\x03?", false}}}, want: []Reply{unsound(`\x02OK\x03?`, 0)}, dials: 1, acks: "\x15"},
		"<NACK>":                      {form: wire.STX, scripts: [][]says{{{0, "\x15", false}}}, want: []Reply{unsound(`\x15`, 0)}, dials: 1},
		"<ACK>, and then nothing":     {form: wire.STX, scripts: [][]says{{{0, "\x06", false}}}, want: []Reply{none(true, evcp.Timeout, AnswerLimit)}, takes: AnswerLimit, dials: 1},
		"half a frame":                {form: wire.STX, scripts: [][]says{{{0, "\x06\x02OK", false}}}, want: []Reply{unsound(`\x06\x02OK`, 0)}, takes: AnswerLimit, dials: 1},
		"words where frames are used": {form: wire.STX, scripts: [][]says{{{0, "OK\n", false}}}, want: []Reply{unsound("OK", 0)}, dials: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, p := &simnet.Net{}, &peer{}
				if tt.scripts != nil {
					l, err := n.Listen("central")
					if err != nil {
						t.Fatal(err)
					}
					defer l.Close()
					go p.serve(l, tt.scripts)
				}
				firsts := 0
				c := call{link: link.Link{Address: "central", Dialer: n}, reply: wire.CentralReply{Framing: tt.form}, first: func() { firsts++ }}
				m := wire.Message{CP: "A", Verb: wire.EngineFailure}
				question := string(wire.AppendFramed(nil, m.Append(nil), tt.form))
				began, came := time.Now(), 0
				for i, want := range tt.want {
					got := c.ask(context.Background(), m, AnswerLimit)
					took := got.Latency.Truncate(ms) // looking takes a microsecond in this network
					if got.Latency = took; got != want {
						t.Errorf("answer %d is %+v, want %+v", i, got, want)
					}
					if got.Received {
						came++
					}
				}
				if took := time.Since(began).Truncate(ms); took != tt.takes {
					t.Errorf("took %s, want %s", took, tt.takes)
				}
				c.link.Close()
				synctest.Wait()
				if acks := strings.ReplaceAll(p.heard.String(), question, ""); p.dials != tt.dials || acks != tt.acks || firsts < came {
					t.Errorf("%d dials, want %d; heard %q besides, want %q; %d first bytes of %d answers", p.dials, tt.dials, acks, tt.acks, firsts, came)
				}
			})
		})
	}
}
