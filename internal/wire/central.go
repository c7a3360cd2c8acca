package wire

import (
	"bytes"
	"strings"
	"unicode"

	"evcp"
)

// CentralReply collects Central's answer to one message: complete at a newline,
// when the peer closes, after Quiet without a byte, or at MaxMessage. The zero
// value is ready.
type CentralReply struct {
	Framing Framing // in which Central was spoken to: Raw, which takes lines too, or STX
	held    []byte
}

// Reset forgets the last reply and keeps its memory.
func (r *CentralReply) Reset() { r.held = r.held[:0] }

// Feed takes what was read and reports whether the reply is complete. When it is
// not, the caller waits for Quiet once Begun, and takes what is there.
func (r *CentralReply) Feed(b []byte, closed bool) bool {
	room := MaxMessage - len(r.held)
	r.held = append(r.held, b[:min(room, len(b))]...)
	if r.Framing == STX {
		return closed || len(r.held) == MaxMessage || readFrame(r.held).decided
	}
	text := bytes.TrimLeft(r.held, blanks)
	return closed || len(r.held) == MaxMessage || bytes.IndexByte(text, '\n') >= 0
}

// Started reports whether a first word has come. Before a frame an acknowledgement is
// none; from a Central that is spoken to without frames any byte is an answer.
func (r *CentralReply) Started() bool {
	none := blanks
	if r.Framing == STX {
		none += string(Ack)
	}
	return len(bytes.Trim(r.held, none)) > 0
}

// Valid reports whether the answer came as it should. Where frames are spoken, half a
// frame, a damaged one, <NACK>, and words without a frame say nothing that counts.
func (r *CentralReply) Valid() bool {
	f := readFrame(r.held)
	return r.Framing != STX || f.decided && !f.bad
}

// Acknowledgement is what the answer is acknowledged with; nil for nothing.
func (r *CentralReply) Acknowledgement() []byte { return receipt(r.Framing, r.held) }

// Text is the answer's first line, safe to print; "" when there was none.
func (r *CentralReply) Text() string {
	if r.Framing == STX && r.Valid() {
		return Text(readFrame(r.held).data)
	}
	line, _, _ := bytes.Cut(bytes.TrimLeft(r.held, blanks), []byte("\n"))
	return Text(line)
}

// CentralVerdict is what an answer of Central means for the message it answers.
type CentralVerdict uint8

const (
	// Unclear is the zero Verdict: an answer, but none that Central would give.
	Unclear CentralVerdict = iota
	// Accepted: registered, or the report has its receipt.
	Accepted
	// Rejected: Central will not have it.
	Rejected
	// NotRegistered: Central does not know this Monitor; register, then say it again.
	NotRegistered
)

var (
	noes = words("denied deny rejected refused unauthorized unauthorised unsuccessful failed failure invalid unknown not ko nack error forbidden")
	yeas = words("ok authenticated authorized authorised successful success accepted acknowledged ack registered")
	// no first word of these is a receipt; x15 is the byte <NACK> as Text shows it
	refusals = words("ko nack x15 error denied")
)

// JudgeRegistration reads the answer to a registration request of cp, whose own id
// counts for nothing in it. A no anywhere wins: "Authentication unsuccessful" and "Authentication successful" differ by
// less than a substring search can see.
func JudgeRegistration(text string, cp evcp.CPID) CentralVerdict {
	if strings.HasPrefix(text, "HTTP/") {
		return Unclear // a web server; its "200 OK" accepts nobody
	}
	said := wordsOf(text, cp)
	switch {
	case anyIn(said, noes):
		return Rejected
	case anyIn(said, yeas):
		return Accepted
	default:
		return Unclear
	}
}

// JudgeHeartbeat reads the answer to a sign of life. Only "not registered" asks
// for anything: an older Central that does not know the message is left in peace.
func JudgeHeartbeat(text string, cp evcp.CPID) CentralVerdict {
	if strings.Contains(spaced(wordsOf(text, cp)), " not registered ") {
		return NotRegistered
	}
	return Accepted
}

// JudgeReceipt reads the answer to a report: anything but a no in its first word
// is a receipt. "unknown message" is no question of registration.
func JudgeReceipt(text string, cp evcp.CPID) CentralVerdict {
	said := wordsOf(text, cp)
	joined := spaced(said)
	switch {
	case len(said) == 0 || strings.HasPrefix(text, "HTTP/"):
		return Unclear
	case strings.Contains(joined, " not registered "):
		return NotRegistered
	case strings.Contains(joined, " unknown ") && !strings.Contains(joined, " unknown message "):
		return NotRegistered
	case refusals[said[0]]:
		return Rejected
	default:
		return Accepted
	}
}

// wordsOf are the words of an answer without the id that it may echo: a charge
// point called CP-KO-1 is no reason for a no.
func wordsOf(text string, cp evcp.CPID) []string {
	var said []string
	for _, token := range strings.FieldsFunc(text, func(r rune) bool { return !idRune(r) }) {
		if echoes(token, cp) {
			continue
		}
		for _, w := range strings.FieldsFunc(token, func(r rune) bool { return strings.ContainsRune("._-", r) }) {
			said = append(said, strings.ToLower(w))
		}
	}
	return said
}

// echoes reports whether token is the id of cp, perhaps at the end of a sentence. An
// id of letters alone, such as OK, can't be told from a word and is one.
func echoes(token string, cp evcp.CPID) bool {
	bare := strings.TrimRight(token, ".")
	return bare == strings.TrimRight(string(cp), ".") && strings.ContainsAny(bare, "._-0123456789")
}

// idRune reports whether r can be part of a word or of a charge point's id.
func idRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-", r)
}

// spaced joins words so that a phrase can be looked for between blanks.
func spaced(said []string) string { return " " + strings.Join(said, " ") + " " }

func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

func anyIn(said []string, set map[string]bool) bool {
	for _, w := range said {
		if set[w] {
			return true
		}
	}
	return false
}
