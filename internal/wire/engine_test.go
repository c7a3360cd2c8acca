package wire

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evcp"
)

// judged is an Engine's answer without its words.
type judged struct {
	status evcp.Status
	cause  evcp.Cause
}

var (
	well     = judged{evcp.OK, evcp.NoCause}
	saysSick = judged{evcp.KO, evcp.SaidKO}
	strange  = judged{evcp.KO, evcp.Protocol}
	silent   = judged{evcp.ConnectionError, evcp.Timeout}
)

// Every reply that the design and the lessons name. at is after which byte the
// reply is decided without its newline or end; 0: only these decide it.
var engineReplies = []struct {
	reply    string
	want     judged
	response string
	at       int
}{
	{"OK", well, "OK", 2},
	{"ok", well, "ok", 2},
	{"Ok\r\n", well, "Ok", 2},
	{"OK\n", well, "OK", 2},
	{"OK\x00", well, "", 2}, // a C string; how its end is shown doesn't matter
	{" \r\n OK", well, "OK", 6},
	{"OK 23.5C", well, "OK 23.5C", 2},
	{"OK\tcharging\n", well, `OK\x09charging`, 2},
	{"OK 23\xc2\xb0C", well, "OK 23°C", 2},
	{"OK 23\xb0C", well, `OK 23\xb0C`, 2}, // Latin-1 after the word is still OK

	{"KO", saysSick, "KO", 2},
	{"ko\n", saysSick, "ko", 2},
	{"KO\r\n", saysSick, "KO", 2},
	{"KO overheated", saysSick, "KO overheated", 2},
	{"KO: TOKEN EXPIRED", saysSick, "KO: TOKEN EXPIRED", 2},
	{"KO;", saysSick, "KO;", 2},
	{"KO \xff", saysSick, `KO \xff`, 2},

	{"BROKEN", strange, "BROKEN", 1},
	{"NOT OK", strange, "NOT OK", 1},
	{"NOK", strange, "NOK", 1},
	{"NOTOK", strange, "NOTOK", 1},
	{"FAULT", strange, "FAULT", 1},
	{"OKAY", strange, "OKAY", 0},     // in one piece it is no OK
	{"OK, really", strange, "", 0},   // compared whole
	{"OVERLOAD", strange, "", 2},     // begins like OK
	{"KAPUTT", strange, "KAPUTT", 2}, // begins like KO
	{"K", strange, "K", 0},
	{"O", strange, "O", 0},
	{"K\n", strange, "K", 2},
	{"OO", strange, "OO", 2},
	{"O\u212a", strange, "O\u212a", 2}, // the sign of kelvin folds to k in Unicode
	{"\x06", strange, `\x06`, 1},       // acknowledges a frame that nobody sent
	{"\xff\xfe\x80OK\xc0", strange, `\xff\xfe\x80OK\xc0`, 1},
	{"\xef\xbb\xbfOK", strange, `\ufeffOK`, 1},
	{"HTTP/1.1 200 OK\r\n", strange, "HTTP/1.1 200 OK", 1},
	{"\x1b[32mOK", strange, `\x1b[32mOK`, 1},
	{"EV_CP_M CP_001 health_check", strange, "EV_CP_M CP_001 health_check", 1}, // an echo server

	{"", silent, "", 0},
	{" ", silent, "", 0},
	{"\r\n\t \x00\n", silent, "", 0},
	{strings.Repeat(" ", 900), silent, "", 0},
}

func TestEngineReplies(t *testing.T) {
	for _, c := range engineReplies {
		var r EngineReply
		if !r.Feed([]byte(c.reply), true) {
			t.Errorf("%q: nothing can follow the end", c.reply)
		}
		a := r.Result(evcp.Timeout)
		if got := (judged{a.Status, a.Cause}); got != c.want || c.response != "" && a.Response != c.response {
			t.Errorf("%q is %v %v %q, want %v %v %q", c.reply, got.status, got.cause, a.Response, c.want.status, c.want.cause, c.response)
		}
	}
}

// A byte at a time: decided as early as it can be, never earlier.
func TestEngineReplyIsDecidedInTime(t *testing.T) {
	for _, c := range engineReplies {
		var r EngineReply
		at := 0
		for i := range len(c.reply) {
			if r.Feed([]byte{c.reply[i]}, false) {
				at = i + 1
				break
			}
		}
		if c.at > 0 && at != c.at {
			t.Errorf("%q was decided after %d bytes, want %d", c.reply, at, c.at)
		}
		if c.at == 0 && at > 0 && !strings.HasPrefix(strings.ToUpper(c.reply), "OK") {
			t.Errorf("%q was decided after %d bytes", c.reply, at)
		}
	}
}

func TestEngineReplySplit(t *testing.T) {
	for _, parts := range [][]string{{"K", "O"}, {"O", "K"}, {" ", "O", "K\n"}, {"", "k", "", "o"}, {"O", "K 23.5C"}} {
		var r EngineReply
		for i, p := range parts {
			if done := r.Feed([]byte(p), false); done != (i == len(parts)-1) {
				t.Errorf("%q: decided %v after part %d", parts, done, i)
			}
		}
		want := well
		if strings.ContainsAny(parts[len(parts)-1], "Oo") {
			want = saysSick
		}
		if a := r.Result(evcp.Timeout); a.Status != want.status || a.Cause != want.cause {
			t.Errorf("%q is %+v", parts, a)
		}
	}
}

// The drip: blanks decide nothing, and no drip is held longer than a message.
func TestEngineReplyDrip(t *testing.T) {
	for _, drop := range []string{" ", "\x00", "K", "O", "x", "\xff", strings.Repeat(" ", 600)} {
		var r EngineReply
		n := 1
		for ; !r.Feed([]byte(drop), false); n++ {
			if n > MaxMessage {
				t.Fatalf("%q: %d bytes and no end", drop, n)
			}
		}
		if len(r.held) > 1024 || r.Reusable() && len(r.held) == 1024 {
			t.Errorf("%.9q: %d bytes held; a connection in the middle of a drip is no good", drop, len(r.held))
		}
	}
}

func TestEngineReplyLong(t *testing.T) {
	for reply, want := range map[string]judged{
		"OK " + strings.Repeat("é", MaxMessage):    well, // cut in the middle of a character
		"OK " + strings.Repeat("é", MaxMessage/2):  well,
		"OK  " + strings.Repeat("é", MaxMessage/2): well,
		"KO " + strings.Repeat("x", MaxMessage):    saysSick,
		strings.Repeat("x", 100*MaxMessage):        strange,
		strings.Repeat(" ", 1022) + "KO":           saysSick,
	} {
		var r EngineReply
		if !r.Feed([]byte(reply), false) {
			t.Errorf("%.20q… of %d bytes is not decided", reply, len(reply))
		}
		if a := r.Result(evcp.Timeout); a.Status != want.status || a.Cause != want.cause {
			t.Errorf("%.20q… of %d bytes is %v %v", reply, len(reply), a.Status, a.Cause)
		}
		if len(reply) >= MaxMessage && r.Reusable() {
			t.Errorf("%.20q… of %d bytes: what follows is still on its way", reply, len(reply))
		}
	}
}

// A segment may end in the middle of a character.
func TestEngineReplyCutInACharacter(t *testing.T) {
	var r EngineReply
	r.Feed([]byte("OK 23\xc2"), false)
	if a := r.Result(evcp.Timeout); a.Status != evcp.OK {
		t.Errorf("a healthy Engine is %v %v", a.Status, a.Cause)
	}
}

func TestEngineReplyReusable(t *testing.T) {
	for reply, want := range map[string]bool{
		"OK": true, "OK\n": true, "OK\r\n": true, "OK 23.5C\n": true, "KO": true,
		"OK\nOK": false, "OK\nOK\n": false, "KO\r\nx": false,
		"O": false, "": false,
	} {
		var r EngineReply
		r.Feed([]byte(reply), false)
		if r.Reusable() != want {
			t.Errorf("after %q: reusable %v", reply, r.Reusable())
		}
	}
	var late EngineReply
	late.Feed([]byte("OK"), false)
	late.Feed([]byte("\r\n"), false)
	if !late.Reusable() {
		t.Error("a late newline spoils nothing")
	}
	late.Feed([]byte("K"), false)
	late.Feed([]byte("\n"), false)
	if late.Reusable() {
		t.Error("a late word does, whatever follows it")
	}
	late.Reset()
	if late.Feed(nil, false) || !late.Empty() {
		t.Error("Reset keeps something")
	}
}

// Whatever begins with a whole word means the same however it is cut; the oracle
// knows nothing of bytes that come one by one.
func TestEngineReplyAnySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"OK", "KO", "ok", "Ko", "KO:", "BROKEN", "NOT", "\xff", "oops", "kk"}).Draw(t, "word")
		before := rapid.StringOfN(rapid.SampledFrom([]rune(blanks)), 0, 4, -1).Draw(t, "before")
		after := rapid.SampledFrom([]string{"", "\n", "\r\n", " 23.5C", " 23°C\n", " \xff\n", "\x00"}).Draw(t, "after")
		text := before + word + after
		var whole, cut EngineReply
		whole.Feed([]byte(text), true)
		for _, part := range parts(t, []byte(text)) {
			cut.Feed(part, false)
		}
		cut.Feed(nil, true)
		a, b := whole.Result(evcp.Closed), cut.Result(evcp.Closed)
		if a.Status != b.Status || a.Cause != b.Cause && word != "KO:" {
			t.Fatalf("%q is %+v, and cut %+v", text, a, b)
		}
	})
}

// parts cuts b anywhere.
func parts(t *rapid.T, b []byte) [][]byte {
	var all [][]byte
	for len(b) > 0 {
		n := rapid.IntRange(1, len(b)).Draw(t, "cut")
		all = append(all, b[:n])
		b = b[n:]
	}
	return all
}

func FuzzEngineReply(f *testing.F) {
	for _, c := range engineReplies {
		f.Add([]byte(c.reply), len(c.reply)/2)
	}
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		at = max(0, min(at, len(b)))
		var r EngineReply
		first := r.Feed(b[:at], false)
		if second := r.Feed(b[at:], false); first && !second {
			t.Error("what was decided is open again")
		}
		if len(r.held) > MaxMessage {
			t.Errorf("%d bytes are held", len(r.held))
		}
		checkAnswer(t, r.Result(evcp.Timeout), r.held)
	})
}

// checkAnswer compares with the shortest reading of the rules.
func checkAnswer(t *testing.T, a EngineResult, held []byte) {
	t.Helper()
	checkText(t, a.Response)
	line, _, _ := bytes.Cut(bytes.TrimLeft(held, blanks), []byte("\n"))
	word := line
	if i := bytes.IndexAny(line, blanks); i >= 0 {
		word = line[:i]
	}
	want := strange
	switch strings.Map(asciiUpper, string(word)) {
	case "":
		want = silent
	case "OK":
		want = well
	case "KO", "KO:", "KO;", "KO,", "KO.":
		want = saysSick
	}
	got := judged{a.Status, a.Cause}
	if got == saysSick && want == strange && strings.TrimRight(strings.Map(asciiUpper, string(word)), ":;,.") == "KO" {
		return // KO... and the like
	}
	if got != want {
		t.Errorf("%q is %v %v, want %v %v", held, a.Status, a.Cause, want.status, want.cause)
	}
}

func asciiUpper(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r - 'a' + 'A'
	}
	return r
}
