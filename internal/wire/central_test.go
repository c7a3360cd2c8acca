package wire

import (
	"strings"
	"testing"
	"time"

	"evcp"
)

func TestJudgeRegistration(t *testing.T) {
	for text, want := range map[string]CentralVerdict{
		"Authentication successful":                Accepted,
		"Central: Monitor connection acknowledged": Accepted,
		"OK":                          Accepted,
		"ok":                          Accepted,
		"ACK":                         Accepted,
		"CP_001 accepted":             Accepted,
		"authenticated":               Accepted,
		"Authorized.":                 Accepted,
		`{"status":"OK"}`:             Accepted,
		"Authentication unsuccessful": Rejected,
		"Authentication denied: unknown charging point CP_001": Rejected,
		"Authentication failed":                                Rejected,
		"Not authenticated":                                    Rejected,
		"KO not registered":                                    Rejected,
		"KO":                                                   Rejected,
		"unauthorized":                                         Rejected,
		"UNAUTHORISED":                                         Rejected,
		"registration rejected":                                Rejected,
		"OK, refused":                                          Rejected, // a no anywhere wins
		"error: accepted nobody":                               Rejected,
		"invalid id":                                           Rejected,
		"KO unknown message":                                   Rejected,
		"":                                                     Unclear,
		"hello":                                                Unclear,
		"BROKEN":                                               Unclear, // no OK inside
		"NOK":                                                  Unclear,
		"HTTP/1.1 200 OK":                                      Unclear,
		"HTTP/1.1 400 Bad Request":                             Unclear,
		"HTTP/1.1 403 Forbidden":                               Unclear,
		`\x15\x03\x01\x00\x02\x02`:                             Unclear, // a TLS alert, through Text
		"SSH-2.0-OpenSSH_9.2p1":                                Unclear,
		"EV_CP_M CP_001 registration request":                  Unclear, // an echo server
		"220 mail.example.org ESMTP":                           Unclear,
		"Failure report received":                              Rejected, // for a report it is a receipt
		"Monitor notacknowledged":                              Unclear,
		strings.Repeat("x", 128):                               Unclear,
		"Authentication successful\\x00":                       Accepted,
		"Conexión aceptada: Authentication successful for CP ñandú": Accepted,
	} {
		if got := JudgeRegistration(text, "CP_001"); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

func TestJudgeReceipt(t *testing.T) {
	for text, want := range map[string]CentralVerdict{
		"Failure report received":  Accepted,
		"Recovery report received": Accepted,
		"OK":                       Accepted,
		"thanks":                   Accepted,
		"Central: Monitor connection acknowledged": Accepted, // some answer everything alike
		"Engine KO received":                       Accepted, // only the first word refuses
		"BROKEN":                                   Accepted,
		"KO":                                       Rejected,
		"ko.":                                      Rejected,
		"NACK":                                     Rejected,
		"ERROR: database":                          Rejected,
		"Denied":                                   Rejected,
		"KO unknown message":                       Rejected,
		"KO not registered":                        NotRegistered,
		"Not registered":                           NotRegistered,
		"ERROR: CP_001 is not registered":          NotRegistered,
		"unknown charging point CP_001":            NotRegistered,
		"Authentication denied: unknown charging point CP_001": NotRegistered,
		"":                         Unclear,
		"…":                        Unclear,
		"HTTP/1.1 400 Bad Request": Unclear,
	} {
		if got := JudgeReceipt(text, "CP_001"); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

// TestJudgeHeartbeat: only "not registered" matters.
func TestJudgeHeartbeat(t *testing.T) {
	for text, want := range map[string]CentralVerdict{
		"KO not registered": NotRegistered, "CP_001: Not registered.": NotRegistered,
		"OK": Accepted, "": Accepted, "KO unknown message": Accepted, "ERROR": Accepted, "notregistered": Accepted,
	} {
		if got := JudgeHeartbeat(text, "CP_001"); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

// centralReplies are bytes as they come, and the line that is judged.
var centralReplies = []struct {
	reply, text string
	complete    bool // without end and without waiting for Quiet
}{
	{"Authentication successful", "Authentication successful", false},
	{"Authentication successful\n", "Authentication successful", true},
	{"Authentication successful\r\nmore", "Authentication successful", true},
	{"\r\n OK\n", "OK", true},
	{"\n\n", "", false},
	{"", "", false},
	{"KO \x1b[31mred\n", `KO \x1b[31mred`, true},
	{"\xff\xfe", `\xff\xfe`, false},
	{"\x06", `\x06`, false}, // no frame was asked for, so it is a word like any other
	{"HTTP/1.1 403 Forbidden\r\nServer: AirTunes\r\n\r\n", "HTTP/1.1 403 Forbidden", true},
	{strings.Repeat("x", 2*MaxMessage), strings.Repeat("x", maxText-1) + "…", true},
	{"Central: Monitor connection acknowledged", "Central: Monitor connection acknowledged", false},
	{"Authentication denied: unknown charging point CP_X", "Authentication denied: unknown charging point CP_X", false},
}

func TestCentralReply(t *testing.T) {
	for _, c := range centralReplies {
		var r CentralReply
		if got := r.Feed([]byte(c.reply), false); got != c.complete {
			t.Errorf("%.40q: complete %v", c.reply, got)
		}
		if r.Started() != (c.text != "") {
			t.Errorf("%.40q: started %v", c.reply, r.Started())
		}
		if got := r.Text(); got != c.text {
			t.Errorf("%.40q reads %q, want %q", c.reply, got, c.text)
		}
		if !r.Feed(nil, true) || r.Text() != c.text {
			t.Errorf("%.40q: a close changes it", c.reply)
		}
	}
}

func TestCentralReplyInPieces(t *testing.T) {
	for _, c := range centralReplies {
		var r CentralReply
		for i := range len(c.reply) {
			if r.Feed([]byte{c.reply[i]}, false) {
				break
			}
		}
		if got := r.Text(); got != c.text {
			t.Errorf("%.40q in pieces reads %q, want %q", c.reply, got, c.text)
		}
	}
}

// TestCentralReplyWaitsByItsFraming: raw text has no end but a pause; a line and a frame have
// one, so a pause inside is no end.
func TestCentralReplyWaitsByItsFraming(t *testing.T) {
	for framing, want := range map[Framing]time.Duration{Raw: Quiet, Line: PartialTimeout, STX: 0} {
		r := CentralReply{Framing: framing}
		r.Feed([]byte("Authentication "), false)
		if got := r.Wait(); got != want {
			t.Errorf("framing %d: waits %v, want %v", framing, got, want)
		}
	}
}

func FuzzCentralReply(f *testing.F) {
	for _, c := range centralReplies {
		f.Add([]byte(c.reply), 3, false)
	}
	f.Add([]byte("KO not registered"), 5, true)
	f.Add([]byte("NACK\n"), 1, true)
	f.Fuzz(func(t *testing.T, b []byte, at int, lines bool) {
		at = max(0, min(at, len(b)))
		var r CentralReply
		if lines {
			r.Framing = Line
		}
		first := r.Feed(b[:at], false)
		if second := r.Feed(b[at:], false); first && !second {
			t.Error("what was complete is open again")
		}
		if len(r.held) > MaxMessage {
			t.Errorf("%d bytes are held", len(r.held))
		}
		text := r.Text()
		checkText(t, text)
		words := " " + strings.Join(wordsOf(text, "CP_001"), " ") + " "
		if v := JudgeRegistration(text, "CP_001"); v == Accepted && (strings.Contains(words, " not ") || strings.Contains(words, " ko ") || strings.Contains(words, " denied ")) {
			t.Errorf("%q is accepted", text)
		}
		if v := JudgeReceipt(text, "CP_001"); v == Accepted && (!r.Started() || strings.HasPrefix(words, " ko ")) {
			t.Errorf("%q is a receipt", text)
		}
	})
}

// TestAnEchoedIdIsNoWord judges replies that name the charge point: its own id neither
// accepts nor rejects. Other ids are words, and so is an id of letters alone.
func TestAnEchoedIdIsNoWord(t *testing.T) {
	for id, text := range map[evcp.CPID]string{"CP_001": "KO-17: overload", "KO": "KO", "Denied": "denied"} {
		if v := JudgeReceipt(text, id); v != Rejected {
			t.Errorf("%s: %q is %v", id, text, v)
		}
	}
	for _, id := range []evcp.CPID{"CP-KO-1", "UNKNOWN-7", "ERROR_9", "not.registered.1", "KO-1.", "KO1"} {
		if v := JudgeRegistration("Authentication successful for "+string(id)+".", id); v != Accepted {
			t.Errorf("%s: %v", id, v)
		}
		if v := JudgeReceipt(string(id)+": failure report received", id); v != Accepted {
			t.Errorf("%s: receipt %v", id, v)
		}
		if v := JudgeRegistration("Authentication denied: unknown charging point "+string(id), id); v != Rejected {
			t.Errorf("%s: %v", id, v)
		}
	}
}
