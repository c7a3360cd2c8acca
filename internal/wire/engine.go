package wire

import (
	"bytes"

	"evcp"
)

// EngineReply collects the Engine's reply to one message. The zero value is ready. A
// reply may arrive split, with or without newline, with trailing text, as
// garbage, or byte by byte for ever. Call Reset before the next message.
//
// The Engine is well when the first word is OK, compared whole and without case.
// BROKEN, NOT OK, NOK and KO: TOKEN EXPIRED are not.
type EngineReply struct {
	Framing Framing // of the message; Raw and Line are read alike, as both have no wait
	held    []byte
	done    bool
	excess  bool // bytes came after the reply
}

// Reset forgets the last reply. It keeps its memory, unless the reply was unusually long.
func (r *EngineReply) Reset() {
	held := r.held[:0]
	if cap(held) > 64 {
		held = nil
	}
	*r = EngineReply{Framing: r.Framing, held: held}
}

// Feed takes what was read and reports whether the reply is decided: it is OK,
// it can't become OK or KO any more, its line has ended, the peer has closed, or
// MaxMessage bytes have come. A lone K is not decided: the status is certain, but the
// cause is not.
func (r *EngineReply) Feed(b []byte, closed bool) bool {
	if r.done {
		r.excess = r.excess || len(bytes.TrimSpace(b)) > 0
		return true
	}
	r.held = hold(r.held, b)
	if r.Framing == STX {
		f := readFrame(r.held)
		r.done, r.excess = f.decided, f.excess
	} else {
		line, after, ended := bytes.Cut(withoutBlanks(r.held), []byte("\n"))
		r.done, r.excess = ended || decided(line), len(bytes.TrimSpace(after)) > 0
	}
	r.done = r.done || closed || len(r.held) == MaxMessage
	return r.done
}

const blanks = " \t\r\n\x00"

// Blank reports whether b has nothing but blanks, which say nothing between two messages.
func Blank(b []byte) bool { return len(withoutBlanks(b)) == 0 }

// withoutBlanks is b without the blanks that it begins with. bytes.TrimLeft would make a set of
// them each time, for every check.
func withoutBlanks(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	return b
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0 }

// decided reports whether line, which begins with no blank, is more than a beginning
// of OK or KO, so that further bytes can't change the result.
func decided(line []byte) bool {
	return len(line) > 1 || !equalFold(line, "OK"[:len(line)]) && !equalFold(line, "KO"[:len(line)])
}

// equalFold compares without case, in ASCII: Unicode folds the kelvin sign to K.
func equalFold(b []byte, word string) bool {
	return len(b) == len(word) && bytes.EqualFold(b, []byte(word))
}

// Reusable reports whether the connection may carry the next message: nothing came
// after this reply that could be taken for the next one.
func (r *EngineReply) Reusable() bool { return r.done && !r.excess && len(r.held) < MaxMessage }

// Acknowledgement is what the reply is acknowledged with; nil for nothing.
func (r *EngineReply) Acknowledgement() []byte { return acknowledgement(r.Framing, r.held) }

// Empty reports whether nothing but blanks has come, and under STX framing an
// acknowledgement.
func (r *EngineReply) Empty() bool { return !started(r.Framing, r.held) }

// Result judges the reply: call it when Feed reports true, or at the deadline. It sets no
// Latency. empty is the cause of an empty reply, Closed or Timeout. Under STX framing anything but a valid
// frame is a protocol error, also an OK in another framing. An alert of TLS is no reply.
func (r *EngineReply) Result(empty evcp.Cause) evcp.Outcome {
	if r.Empty() {
		return evcp.Outcome{Status: evcp.ConnectionError, Cause: empty}
	}
	if isTLSAlert(r.held) {
		return evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.TLS, Response: AnswersByTLS}
	}
	line, _, _ := bytes.Cut(withoutBlanks(r.held), []byte("\n"))
	if r.Framing == STX {
		f := readFrame(r.held)
		if !f.valid {
			return evcp.Outcome{Status: evcp.KO, Cause: evcp.Protocol, Response: Text(r.held)}
		}
		line = f.data
	}
	status, cause := judge(withoutBlanks(line))
	return evcp.Outcome{Status: status, Cause: cause, Response: Text(line)}
}

// judge looks at the first word only. What follows may be in another encoding, or cut
// in the middle of a character at the end of a segment.
func judge(line []byte) (evcp.Status, evcp.Cause) {
	word := line
	for i, c := range line {
		if isBlank(c) {
			word = line[:i]
			break
		}
	}
	switch {
	case equalFold(word, "OK"):
		return evcp.OK, evcp.NoCause
	case equalFold(bytes.TrimRight(word, ":;,."), "KO"): // also KO: TOKEN EXPIRED
		return evcp.KO, evcp.SaidKO
	default:
		return evcp.KO, evcp.Protocol
	}
}
