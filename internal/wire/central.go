package wire

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode"

	"evcp"
)

// CentralReply collects Central's reply to one message: complete at a newline,
// when the peer closes, after Wait without a byte, or at MaxMessage. The zero
// value is ready.
type CentralReply struct {
	Framing Framing // of the message; Raw also takes lines, and Line raw text
	held    []byte
}

// Feed takes what was read and reports whether the reply is complete. When it is
// not, the caller waits for Wait once it has Started, and takes what is there.
func (r *CentralReply) Feed(b []byte, closed bool) bool {
	r.held = hold(r.held, b)
	if closed || len(r.held) == MaxMessage {
		return true
	}
	if r.Framing == STX {
		return readFrame(r.held).decided
	}
	return r.Line()
}

// Line reports whether the reply has come to the end of a line.
func (r *CentralReply) Line() bool {
	return bytes.IndexByte(withoutBlanks(r.held), '\n') >= 0
}

// Reset drops what was collected, and keeps the memory.
func (r *CentralReply) Reset() { r.held = r.held[:0] }

// Equal reports whether two replies are the same bytes.
func (r *CentralReply) Equal(o *CentralReply) bool { return bytes.Equal(r.held, o.held) }

// Started reports whether more than blanks has come. Under STX framing an
// acknowledgement before the frame does not count.
func (r *CentralReply) Started() bool { return started(r.Framing, r.held) }

// Wait is how long a reply that has Started may pause until it counts as complete; 0: until
// the deadline. A reply to a line has its end: only a peer that does not speak lines, or has
// read the message without its newline, lets the second pass.
func (r *CentralReply) Wait() time.Duration {
	switch r.Framing {
	case Line:
		return PartialTimeout
	case STX:
		return 0
	default:
		return Quiet
	}
}

// Valid reports whether the reply is in the framing of the message. Under STX framing an
// incomplete or damaged frame, <NACK>, and text without a frame are not.
func (r *CentralReply) Valid() bool { return r.Framing != STX || readFrame(r.held).valid }

// TLSAlert reports whether what came is an alert of TLS, and no reply.
func (r *CentralReply) TLSAlert() bool { return isTLSAlert(r.held) }

// Acknowledgement is what the reply is acknowledged with; nil for nothing.
func (r *CentralReply) Acknowledgement() []byte { return acknowledgement(r.Framing, r.held) }

// Text is the reply's first line, safe to print; "" when there was none.
func (r *CentralReply) Text() string {
	if f := readFrame(r.held); r.Framing == STX && f.valid {
		return Text(f.data)
	}
	line, _, _ := bytes.Cut(withoutBlanks(r.held), []byte("\n"))
	return Text(line)
}

// CentralVerdict is what Central's reply means for the message that it answers.
type CentralVerdict uint8

const (
	// Unclear is the zero CentralVerdict: a reply, but none that Central would give.
	Unclear CentralVerdict = iota
	// Accepted: registered, or the report has its receipt.
	Accepted
	// Rejected: Central refuses the registration or the report.
	Rejected
	// NotRegistered: Central does not know this Monitor; register, then send again.
	NotRegistered
)

var (
	rejecting = strings.Fields("denied deny rejected refused unauthorized unauthorised unsuccessful failed failure invalid unknown not ko nack error forbidden")
	accepting = strings.Fields("ok authenticated authorized authorised successful success accepted acknowledged ack registered")
	// A reply to a report whose first word is one of these is no receipt. x15 is the
	// byte <NACK> as Text shows it.
	rejectingFirst = strings.Fields("ko nack x15 error denied")
)

// JudgeRegistration judges the reply to a registration request of cp, by whole words: a
// substring search can't tell "Authentication unsuccessful" from "Authentication
// successful". A rejecting word anywhere wins. The id of cp is left out.
func JudgeRegistration(text string, cp evcp.CPID) CentralVerdict {
	if strings.HasPrefix(text, "HTTP/") {
		return Unclear // a web server; its "200 OK" accepts nobody
	}
	words := wordsOf(text, cp)
	switch {
	case containsAny(words, rejecting):
		return Rejected
	case containsAny(words, accepting):
		return Accepted
	default:
		return Unclear
	}
}

// JudgeHeartbeat judges the reply to a heartbeat. Only "not registered" matters: an
// older Central may not know the message and reject it.
func JudgeHeartbeat(text string, cp evcp.CPID) CentralVerdict {
	if strings.Contains(spaced(wordsOf(text, cp)), " not registered ") {
		return NotRegistered
	}
	return Accepted
}

// JudgeReceipt judges the reply to a report: it is a receipt unless its first word
// rejects. "unknown" means not registered, but "unknown message" does not.
func JudgeReceipt(text string, cp evcp.CPID) CentralVerdict {
	words := wordsOf(text, cp)
	joined := spaced(words)
	switch {
	case len(words) == 0 || strings.HasPrefix(text, "HTTP/"):
		return Unclear
	case strings.Contains(joined, " not registered "):
		return NotRegistered
	case strings.Contains(joined, " unknown ") && !strings.Contains(joined, " unknown message "):
		return NotRegistered
	case slices.Contains(rejectingFirst, words[0]):
		return Rejected
	default:
		return Accepted
	}
}

// wordsOf are the words of a reply, in lower case, without the id that it may echo: a
// charge point may be called CP-KO-1.
func wordsOf(text string, cp evcp.CPID) []string {
	var words []string
	for _, token := range strings.FieldsFunc(text, func(r rune) bool { return !idRune(r) }) {
		if echoes(token, cp) {
			continue
		}
		for _, w := range strings.FieldsFunc(token, func(r rune) bool { return strings.ContainsRune("._-", r) }) {
			words = append(words, strings.ToLower(w))
		}
	}
	return words
}

// echoes reports whether token is the id of cp, perhaps with a full stop after it. An
// id of letters alone, such as OK, counts as a word.
func echoes(token string, cp evcp.CPID) bool {
	bare := strings.TrimRight(token, ".")
	return bare == strings.TrimRight(string(cp), ".") && strings.ContainsAny(bare, idMarks)
}

// MayNameCP reports whether a reply may hold a charge point's id that is left out of its
// words. Otherwise it means the same for every charge point.
func MayNameCP(text string) bool { return strings.ContainsAny(text, idMarks) }

// idMarks are the characters one of which an id must have to be left out.
const idMarks = "._-0123456789"

// idRune reports whether r can be part of a word or of a charge point's id.
func idRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-", r)
}

// spaced joins words so that a phrase of whole words can be searched for.
func spaced(words []string) string { return " " + strings.Join(words, " ") + " " }

func containsAny(words, list []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
}
