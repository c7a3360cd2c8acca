package wire

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"evcp"
)

// statusCause is an Outcome without its text.
type statusCause struct {
	status evcp.Status
	cause  evcp.Cause
}

var (
	repliedOK = statusCause{evcp.OK, evcp.NoCause}
	repliedKO = statusCause{evcp.KO, evcp.SaidKO}
	garbage   = statusCause{evcp.KO, evcp.Protocol}
	noReply   = statusCause{evcp.ConnectionError, evcp.Timeout}
)

// engineReplies are replies of every kind. at is the byte after which the reply is
// decided without a newline or close; 0: only these decide it.
var engineReplies = []struct {
	reply    string
	want     statusCause
	response string
	at       int
}{
	{"OK", repliedOK, "OK", 2},
	{"ok", repliedOK, "ok", 2},
	{"Ok\r\n", repliedOK, "Ok", 2},
	{"OK\n", repliedOK, "OK", 2},
	{"OK\x00", repliedOK, "", 2}, // a C string; how its end is shown doesn't matter
	{" \r\n OK", repliedOK, "OK", 6},
	{"OK 23.5C", repliedOK, "OK 23.5C", 2},
	{"OK\tcharging\n", repliedOK, `OK\x09charging`, 2},
	{"OK 23\xc2\xb0C", repliedOK, "OK 23°C", 2},
	{"OK 23\xb0C", repliedOK, `OK 23\xb0C`, 2}, // Latin-1 after the word is still OK

	{"KO", repliedKO, "KO", 2},
	{"ko\n", repliedKO, "ko", 2},
	{"KO\r\n", repliedKO, "KO", 2},
	{"KO overheated", repliedKO, "KO overheated", 2},
	{"KO: TOKEN EXPIRED", repliedKO, "KO: TOKEN EXPIRED", 2},
	{"KO;", repliedKO, "KO;", 2},
	{"KO \xff", repliedKO, `KO \xff`, 2},

	{"BROKEN", garbage, "BROKEN", 1},
	{"NOT OK", garbage, "NOT OK", 1},
	{"NOK", garbage, "NOK", 1},
	{"NOTOK", garbage, "NOTOK", 1},
	{"FAULT", garbage, "FAULT", 1},
	{"OKAY", garbage, "OKAY", 0},     // compared whole
	{"OK, really", garbage, "", 0},   // compared whole
	{"OVERLOAD", garbage, "", 2},     // begins like OK
	{"KAPUTT", garbage, "KAPUTT", 2}, // begins like KO
	{"K", garbage, "K", 0},
	{"O", garbage, "O", 0},
	{"K\n", garbage, "K", 2},
	{"OO", garbage, "OO", 2},
	{"O\u212a", garbage, "O\u212a", 2}, // the sign of kelvin folds to k in Unicode
	{"\x06", garbage, `\x06`, 1},       // acknowledges a frame that nobody sent
	{"\xff\xfe\x80OK\xc0", garbage, `\xff\xfe\x80OK\xc0`, 1},
	{"\xef\xbb\xbfOK", garbage, `\ufeffOK`, 1},
	{"HTTP/1.1 200 OK\r\n", garbage, "HTTP/1.1 200 OK", 1},
	{"\x1b[32mOK", garbage, `\x1b[32mOK`, 1},
	{"EV_CP_M CP_001 health_check", garbage, "EV_CP_M CP_001 health_check", 1}, // an echo server

	{"", noReply, "", 0},
	{" ", noReply, "", 0},
	{"\r\n\t \x00\n", noReply, "", 0},
	{strings.Repeat(" ", 900), noReply, "", 0},
}

func TestEngineReplies(t *testing.T) {
	for _, c := range engineReplies {
		var r EngineReply
		if !r.Feed([]byte(c.reply), true) {
			t.Errorf("%q: not decided at close", c.reply)
		}
		a := r.Result(evcp.Timeout)
		if got := (statusCause{a.Status, a.Cause}); got != c.want || c.response != "" && a.Response != c.response {
			t.Errorf("%q is %v %v %q, want %v %v %q", c.reply, got.status, got.cause, a.Response, c.want.status, c.want.cause, c.response)
		}
	}
}

// TestEngineReplyIsDecidedInTime feeds one byte at a time: a reply is decided as early as
// it can be, never earlier.
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
		want := repliedOK
		if strings.ContainsAny(parts[len(parts)-1], "Oo") {
			want = repliedKO
		}
		if a := r.Result(evcp.Timeout); a.Status != want.status || a.Cause != want.cause {
			t.Errorf("%q is %+v", parts, a)
		}
	}
}

// TestEngineReplyDrip: blanks decide nothing, and no more than a message is held.
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
			t.Errorf("%.9q: %d bytes held, and the connection counts as reusable", drop, len(r.held))
		}
	}
}

func TestEngineReplyLong(t *testing.T) {
	for reply, want := range map[string]statusCause{
		"OK " + strings.Repeat("é", MaxMessage):    repliedOK, // cut in the middle of a character
		"OK " + strings.Repeat("é", MaxMessage/2):  repliedOK,
		"OK  " + strings.Repeat("é", MaxMessage/2): repliedOK,
		"KO " + strings.Repeat("x", MaxMessage):    repliedKO,
		strings.Repeat("x", 100*MaxMessage):        garbage,
		strings.Repeat(" ", 1022) + "KO":           repliedKO,
	} {
		var r EngineReply
		if !r.Feed([]byte(reply), false) {
			t.Errorf("%.20q… of %d bytes is not decided", reply, len(reply))
		}
		if a := r.Result(evcp.Timeout); a.Status != want.status || a.Cause != want.cause {
			t.Errorf("%.20q… of %d bytes is %v %v", reply, len(reply), a.Status, a.Cause)
		}
		if len(reply) >= MaxMessage && r.Reusable() {
			t.Errorf("%.20q… of %d bytes: reusable, with more bytes to come", reply, len(reply))
		}
	}
}

// TestEngineReplyCutInACharacter: a segment may end in the middle of a character.
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
		t.Error("not reusable after a late newline")
	}
	late.Feed([]byte("K"), false)
	late.Feed([]byte("\n"), false)
	if late.Reusable() {
		t.Error("reusable after late bytes that are not blank")
	}
	late.Reset()
	if late.Feed(nil, false) || !late.Empty() {
		t.Error("Reset keeps something")
	}
}

// TestEngineReplyAnySplit: a reply that begins with a whole word has the same result
// however it is cut.
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
		checkResult(t, r.Result(evcp.Timeout), r.held)
	})
}

// checkResult compares with the shortest form of the rules.
func checkResult(t *testing.T, a evcp.Outcome, held []byte) {
	t.Helper()
	checkText(t, a.Response)
	line, _, _ := bytes.Cut(bytes.TrimLeft(held, blanks), []byte("\n"))
	word := line
	if i := bytes.IndexAny(line, blanks); i >= 0 {
		word = line[:i]
	}
	want := garbage
	switch strings.Map(asciiUpper, string(word)) {
	case "":
		want = noReply
	case "OK":
		want = repliedOK
	case "KO", "KO:", "KO;", "KO,", "KO.":
		want = repliedKO
	}
	got := statusCause{a.Status, a.Cause}
	if got == repliedKO && want == garbage && strings.TrimRight(strings.Map(asciiUpper, string(word)), ":;,.") == "KO" {
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
