package wire

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evcp"
)

func TestFrameByteForByte(t *testing.T) {
	got := string(AppendFramed(nil, []byte("OK"), STX))
	if want := "\x02OK\x03\x04"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFramedRequests cuts frames out of any segments, back to back, with
// acknowledgements of our replies between them; a damaged one is answered with
// <NACK> alone.
func TestFramedRequests(t *testing.T) {
	one := AppendFramed(nil, Message{CP: "CP_001", Verb: HealthCheck}.Append(nil), STX)
	two := AppendFramed(nil, Message{CP: "CP-2", Verb: Heartbeat, Status: evcp.KO}.Append(nil), STX)
	bad := append([]byte(nil), one...)
	bad[3] ^= 1
	all := append(append(append(append(append([]byte{}, one...), ack), bad...), two...), ack)
	rapid.Check(t, func(t *rapid.T) {
		var r RequestDecoder
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
			t.Fatalf("reply %q", a)
		}
		if a := string(AppendReply(nil, "OK", got[1])); a != "\x15" {
			t.Fatalf("reply to a damaged frame %q", a)
		}
		if r.Wait() != 0 {
			t.Fatalf("still holds %q", r.held)
		}
	})
}

func TestFramedEngineReplies(t *testing.T) {
	frame := func(s string) string { return string(AppendFramed(nil, []byte(s), STX)) }
	tests := map[string]struct {
		status   evcp.Status
		cause    evcp.Cause
		done     bool
		response string
		reusable bool // for the next question
		receipt  string
	}{
		"\x06" + frame("OK"):         {evcp.OK, evcp.NoCause, true, "OK", true, "\x06"},
		frame("OK"):                  {evcp.OK, evcp.NoCause, true, "OK", true, "\x06"},
		"\x06" + frame("ok 23.5C"):   {evcp.OK, evcp.NoCause, true, "ok 23.5C", true, "\x06"},
		"\x06" + frame("KO: BROKEN"): {evcp.KO, evcp.SaidKO, true, "KO: BROKEN", true, "\x06"},
		"\x06" + frame("BROKEN"):     {evcp.KO, evcp.Protocol, true, "BROKEN", true, "\x06"},
		"\x06" + frame(""):           {evcp.KO, evcp.Protocol, true, "", true, "\x06"},
		frame("OK") + frame("OK"):    {evcp.OK, evcp.NoCause, true, "OK", false, "\x06"},
		"\x06\x02OK\x03\x05":         {evcp.KO, evcp.Protocol, true, `\x06\x02OK\x03\x05`, true, "\x15"},
		"\x06\x02\x03\x01":           {evcp.KO, evcp.Protocol, true, `\x06\x02\x03\x01`, true, "\x15"},
		"\x15":                       {evcp.KO, evcp.Protocol, true, `\x15`, true, ""},
		"OK":                         {evcp.KO, evcp.Protocol, true, "O", false, ""}, // its first byte decides
		"\x06\x02OK":                 {evcp.KO, evcp.Protocol, false, `\x06\x02OK`, false, ""},
		"\x06":                       {evcp.ConnectionError, evcp.Timeout, false, "", false, ""},
	}
	for text, want := range tests {
		r := EngineReply{Framing: STX}
		done := false
		for i := range len(text) {
			done = r.Feed([]byte{text[i]}, false)
		}
		if a := r.Result(evcp.Timeout); done != want.done || a != (evcp.Outcome{Status: want.status, Cause: want.cause, Response: want.response}) || r.Reusable() != want.reusable || string(r.Acknowledgement()) != want.receipt {
			t.Errorf("%q: done %t, %+v, reusable %t, acknowledgement %q, want %+v", text, done, a, r.Reusable(), r.Acknowledgement(), want)
		}
		if !r.Feed(nil, true) {
			t.Errorf("%q: not complete at close", text)
		}
	}
}

func TestFramedCentralReplies(t *testing.T) {
	frame := string(AppendFramed(nil, []byte("Authentication successful"), STX))
	for text, want := range map[string]struct {
		complete, begun, sound bool
		text, receipt          string
	}{
		"":                                 {false, false, false, "", ""},
		"\x06":                             {false, false, false, `\x06`, ""}, // its answer is still on the way
		"\x06" + frame:                     {true, true, true, "Authentication successful", "\x06"},
		frame[:9]:                          {false, true, false, `\x02Authenti`, ""},
		frame[:len(frame)-1] + "?":         {true, true, false, `\x02Authentication successful\x03?`, "\x15"},
		"OK\n":                             {true, true, false, "OK", ""},
		"\x15":                             {true, true, false, `\x15`, ""},
		"\x02" + strings.Repeat("x", 1024): {true, true, false, `\x02` + strings.Repeat("x", 123) + "…", ""},
	} {
		c := CentralReply{Framing: STX}
		complete := c.Feed([]byte(text), false)
		if complete != want.complete || c.Started() != want.begun || c.Valid() != want.sound || c.Text() != want.text || string(c.Acknowledgement()) != want.receipt {
			t.Errorf("%.40q: complete %t, started %t, valid %t, %q, acknowledgement %q, want %+v", text, complete, c.Started(), c.Valid(), c.Text(), c.Acknowledgement(), want)
		}
		if !c.Feed(nil, true) {
			t.Errorf("%.40q: not complete at close", text)
		}
	}
	raw := CentralReply{}
	raw.Feed([]byte("\x15"), true)
	if v := JudgeReceipt(raw.Text(), "CP_001"); !raw.Valid() || raw.Acknowledgement() != nil || v != Rejected {
		t.Errorf("<NACK> without frames is %d", v)
	}
	raw = CentralReply{}
	if raw.Feed([]byte("\x06"+frame), true); raw.Acknowledgement() != nil {
		t.Error("a frame is acknowledged under raw framing")
	}
	for _, more := range []string{frame, "x"} {
		e := EngineReply{Framing: STX}
		if e.Feed([]byte(frame+more), false); e.Reusable() {
			t.Errorf("%.9q follows the reply, and the connection counts as reusable", more)
		}
	}
	e := EngineReply{Framing: STX}
	if !e.Feed([]byte("\x02"+strings.Repeat("x", 1024)), false) || e.Result(evcp.Timeout).Cause != evcp.Protocol {
		t.Error("a frame without end is not decided")
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
		e, c := EngineReply{Framing: STX}, CentralReply{Framing: STX}
		var r RequestDecoder
		for i, part := range [][]byte{b[:cut], b[cut:]} {
			e.Feed(part, i == 1)
			c.Feed(part, i == 1)
			r.Feed(part)
			for q, ok := r.Next(); ok; q, ok = r.Next() {
				AppendReply(nil, "OK", q)
			}
		}
		if a := e.Result(evcp.Closed); a.Status == evcp.OK && a.Cause != evcp.NoCause {
			t.Fatalf("%+v", a)
		}
		_ = c.Text()
		r.Flush()
	})
}
