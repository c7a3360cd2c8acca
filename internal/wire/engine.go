package wire

import (
	"bytes"

	"evcp"
)

// EngineResult is what an Engine's reply says, before anyone asked when it came.
type EngineResult struct {
	Status   evcp.Status
	Cause    evcp.Cause
	Response string // its words, through Text
}

// EngineReply collects the Engine's answer to one question. The zero value is
// ready; it may arrive split, with or without newline, with trailing text, as
// garbage, or as an endless drip. Use Reset before the next question.
//
// The Engine is well when the first word is OK, compared whole and without case.
// BROKEN, NOT OK, NOK and KO: TOKEN EXPIRED are not.
type EngineReply struct {
	Framing Framing // in which the question was asked: Raw, which takes lines too, or STX
	held    []byte
	done    bool
	excess  bool
}

// Reset forgets the last reply and keeps its memory.
func (r *EngineReply) Reset() { *r = EngineReply{Framing: r.Framing, held: r.held[:0]} }

// Feed takes what was read and reports whether the reply is decided: it is OK,
// it can't become OK or KO any more, its line has ended, the peer has closed, or
// MaxMessage bytes said nothing clearer. A lone K is still listened to: the
// verdict is certain, but "KO" and garbage send a person to different places.
func (r *EngineReply) Feed(b []byte, closed bool) bool {
	if r.done {
		r.excess = r.excess || len(bytes.TrimSpace(b)) > 0
		return true
	}
	room := MaxMessage - len(r.held)
	r.held = append(r.held, b[:min(room, len(b))]...)
	if r.Framing == STX {
		f := readFrame(r.held)
		r.excess = f.excess
		r.done = closed || f.decided || len(r.held) == MaxMessage
		return r.done
	}
	text := bytes.TrimLeft(r.held, blanks)
	line, after, ended := bytes.Cut(text, []byte("\n"))
	r.excess = len(bytes.TrimSpace(after)) > 0
	r.done = closed || ended || len(r.held) == MaxMessage || decided(line)
	return r.done
}

const blanks = " \t\r\n\x00"

// decided reports whether the first word can't turn out otherwise: it is more than
// the beginning of OK or KO. No blank stands before it.
func decided(line []byte) bool {
	return !beginsFold("OK", line) && !beginsFold("KO", line)
}

func beginsFold(word string, b []byte) bool {
	return len(b) < len(word) && says(b, word[:len(b)])
}

// says compares without case, in ASCII: in Unicode the sign of kelvin is a K too.
func says(b []byte, word string) bool {
	return len(b) == len(word) && bytes.EqualFold(b, []byte(word))
}

// Reusable reports whether the connection may carry the next question: nothing
// came after the answer that could be taken for the next one.
func (r *EngineReply) Reusable() bool { return r.done && !r.excess && len(r.held) < MaxMessage }

// Acknowledgement is what the answer is acknowledged with; nil for nothing.
func (r *EngineReply) Acknowledgement() []byte { return receipt(r.Framing, r.held) }

// Empty reports whether nothing but blanks has come.
func (r *EngineReply) Empty() bool {
	return len(bytes.Trim(r.held, blanks)) == 0 || r.Framing == STX && len(bytes.Trim(r.held, blanks+string(Ack))) == 0
}

// Result judges the words: called when Feed said so, or when the time is over.
// An empty reply is ConnectionError with the cause that the caller names, closed
// or timeout.
func (r *EngineReply) Result(empty evcp.Cause) EngineResult {
	if r.Empty() {
		return EngineResult{Status: evcp.ConnectionError, Cause: empty}
	}
	if r.Framing == STX {
		return r.frameAnswer()
	}
	line, _, _ := bytes.Cut(bytes.TrimLeft(r.held, blanks), []byte("\n"))
	status, cause := judge(line)
	return EngineResult{Status: status, Cause: cause, Response: Text(line)}
}

// frameAnswer is what a frame says. Whatever is no sound frame is not OK: an
// Engine that says OK in another framing is asked in the wrong one.
func (r *EngineReply) frameAnswer() EngineResult {
	f := readFrame(r.held)
	if !f.decided || f.bad {
		return EngineResult{Status: evcp.KO, Cause: evcp.Protocol, Response: Text(r.held)}
	}
	status, cause := judge(bytes.TrimLeft(f.data, blanks))
	return EngineResult{Status: status, Cause: cause, Response: Text(f.data)}
}

// judge looks at the first word alone. What follows may be in another encoding, or
// end in the middle of a character because the segment did.
func judge(line []byte) (evcp.Status, evcp.Cause) {
	word := line
	if i := bytes.IndexAny(line, blanks); i >= 0 {
		word = line[:i]
	}
	switch {
	case says(word, "OK"):
		return evcp.OK, evcp.NoCause
	case saysKO(word):
		return evcp.KO, evcp.SaidKO
	default:
		return evcp.KO, evcp.Protocol
	}
}

// saysKO accepts KO and KO: as the word of an Engine that knows it is ill.
func saysKO(word []byte) bool {
	return says(bytes.TrimRight(word, ":;,."), "KO")
}
