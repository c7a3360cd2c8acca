package wire

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"evcp"
)

func TestFrameByteForByte(t *testing.T) {
	got := string(AppendForm(nil, []byte("OK"), STX))
	if want := "\x02OK\x03\x04"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFramedRequests cuts frames out of any segments, back to back, with
// acknowledgements of our answers between them; a damaged one is answered with
// <NACK> alone.
func TestFramedRequests(t *testing.T) {
	one := AppendForm(nil, Message{CP: "CP_001", Verb: HealthCheck}.Append(nil), STX)
	two := AppendForm(nil, Message{CP: "CP-2", Verb: Heartbeat, Status: evcp.KO}.Append(nil), STX)
	bad := append([]byte(nil), one...)
	bad[3] ^= 1
	all := append(append(append(append(append([]byte{}, one...), ack), bad...), two...), ack)
	rapid.Check(t, func(t *rapid.T) {
		var r Requests
		var got []Request
		for rest := all; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "segment")
			if !r.Feed(rest[:n]) {
				t.Fatal("too long")
			}
			rest = rest[n:]
			for q, ok := r.Next(); ok; q, ok = r.Next() {
				got = append(got, q)
			}
		}
		if len(got) != 3 || got[0].CP != "CP_001" || got[2].CP != "CP-2" || got[2].Status != evcp.KO || !errors.Is(got[1].Err, ErrDamaged) {
			t.Fatalf("%+v", got)
		}
		if a := string(AppendReply(nil, "OK", got[0])); a != "\x06\x02OK\x03\x04" {
			t.Fatalf("answer %q", a)
		}
		if a := string(AppendReply(nil, "OK", got[1])); a != "\x15" {
			t.Fatalf("answer to a damaged frame %q", a)
		}
		if r.Wait() != 0 {
			t.Fatalf("still holds %q", r.held)
		}
	})
}

func TestFramedAnswers(t *testing.T) {
	frame := func(s string) string { return string(AppendForm(nil, []byte(s), STX)) }
	tests := map[string]struct {
		status evcp.Status
		cause  evcp.Cause
		done   bool
	}{
		"\x06" + frame("OK"):         {evcp.OK, evcp.NoCause, true},
		frame("OK"):                  {evcp.OK, evcp.NoCause, true},
		"\x06" + frame("ok 23.5C"):   {evcp.OK, evcp.NoCause, true},
		"\x06" + frame("KO: BROKEN"): {evcp.KO, evcp.SaidKO, true},
		"\x06" + frame("BROKEN"):     {evcp.KO, evcp.Protocol, true},
		"\x06" + frame(""):           {evcp.KO, evcp.Protocol, true},
		"\x06\x02OK\x03\x05":         {evcp.KO, evcp.Protocol, true},
		"\x15":                       {evcp.KO, evcp.Protocol, true},
		"OK":                         {evcp.KO, evcp.Protocol, true},
		"\x06\x02OK":                 {evcp.KO, evcp.Protocol, false},
		"\x06":                       {evcp.ConnectionError, evcp.Timeout, false},
	}
	for said, want := range tests {
		r := EngineReply{Form: STX}
		done := false
		for i := range len(said) {
			done = r.Feed([]byte{said[i]}, false)
		}
		if a := r.Answer(evcp.Timeout); done != want.done || a.Status != want.status || a.Cause != want.cause {
			t.Errorf("%q: done %t, %s %s, want %+v", said, done, a.Status, a.Cause, want)
		}
	}
	c := CentralReply{Form: STX}
	if !c.Feed([]byte("\x06"+frame("Authentication successful")), false) || c.Text() != "Authentication successful" {
		t.Errorf("Central said %q", c.Text())
	}
}

// FuzzFrames feeds anything to everything that reads frames, in two segments.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x06\x02OK\x03\x04"), 3)
	f.Add([]byte("\x02EV_CP_M A health_check\x03\x00\x02"), 9)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		if cut < 0 || cut > len(b) {
			return
		}
		e, c := EngineReply{Form: STX}, CentralReply{Form: STX}
		var r Requests
		for i, part := range [][]byte{b[:cut], b[cut:]} {
			e.Feed(part, i == 1)
			c.Feed(part, i == 1)
			r.Feed(part)
			for q, ok := r.Next(); ok; q, ok = r.Next() {
				AppendReply(nil, "OK", q)
			}
		}
		if a := e.Answer(evcp.Closed); a.Status == evcp.OK && a.Cause != evcp.NoCause {
			t.Fatalf("%+v", a)
		}
		_ = c.Text()
		r.Flush()
	})
}
