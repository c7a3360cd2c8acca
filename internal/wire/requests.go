package wire

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Quiet is how long a peer must send nothing before its raw text counts as complete. It
// is longer than the gap inside one message on a slow link.
const Quiet = 20 * time.Millisecond

// PartialTimeout is how long a server waits for the rest of a message that has begun, and a
// client for the rest of a line: the next segment may need a retransmission.
const PartialTimeout = time.Second

// Request is one message as a server received it.
type Request struct {
	Message
	Framing Framing // of the message, and so of the reply
	Err     error   // the bytes are no message; wraps ErrUnknownMessage, safe to print
}

// RequestDecoder cuts the bytes of one connection into messages: raw text, lines, frames,
// also several in one segment. The zero value is ready. The server feeds what it read,
// calls Next until there is none, and reads on. When nothing came for Wait, or the peer
// closed, it calls Flush.
type RequestDecoder struct {
	held []byte
}

// Feed takes what was read, at most half of MaxMessage at a time, so that messages sent
// back to back are not cut off. It keeps at most MaxMessage bytes and reports false when
// a message did not end within them: reply and close.
func (r *RequestDecoder) Feed(b []byte) bool {
	fits := len(r.held)+len(b) <= MaxMessage
	r.held = hold(r.held, b)
	return fits
}

// Next takes the next complete message.
func (r *RequestDecoder) Next() (Request, bool) {
	r.held = bytes.TrimLeft(r.held, blanks+string(ack)+string(nack)) // they acknowledge our replies
	if len(r.held) > 0 && r.held[0] == stx {
		return r.nextFrame()
	}
	m, rest, known, _ := cutMessage(r.held)
	if known && mayFollow(rest) {
		rest, framing := dropNewline(rest)
		r.held = append(r.held[:0], rest...)
		return Request{Message: m, Framing: framing}, true
	}
	if end := bytes.IndexByte(r.held, '\n'); end >= 0 {
		return r.take(end, Line), true
	}
	return Request{}, false
}

func (r *RequestDecoder) nextFrame() (Request, bool) {
	data, rest, complete, valid := cutFrame(r.held)
	if !complete {
		return Request{}, false
	}
	q := Request{Framing: STX, Err: ErrDamaged}
	if valid {
		q.Message, q.Err = Parse(data)
	}
	r.held = append(r.held[:0], rest...)
	return q, true
}

// Wait is how long the server waits for more bytes before it calls Flush; 0 means that
// nothing is held, and there is no limit.
func (r *RequestDecoder) Wait() time.Duration {
	if len(r.held) == 0 {
		return 0
	}
	if _, _, _, incomplete := cutMessage(r.held); incomplete || r.held[0] == stx {
		return PartialTimeout
	}
	return Quiet
}

// Flush takes what is held as a message. Blanks are dropped.
func (r *RequestDecoder) Flush() (Request, bool) {
	if len(bytes.TrimSpace(r.held)) == 0 {
		r.held = r.held[:0]
		return Request{}, false
	}
	return r.take(len(r.held), Raw), true
}

func (r *RequestDecoder) take(end int, framing Framing) Request {
	m, err := Parse(r.held[:end])
	r.held = append(r.held[:0], r.held[min(len(r.held), end+1):]...)
	return Request{Message: m, Framing: framing, Err: err}
}

// mayFollow reports whether rest can stand behind a complete message: nothing, a blank,
// or the next message.
func mayFollow(rest []byte) bool {
	return len(rest) == 0 || rest[0] == stx || isBlank(rest[0]) ||
		bytes.HasPrefix(rest, []byte(sender)) || bytes.HasPrefix([]byte(sender), rest)
}

// dropNewline drops the newline behind a message and reports the framing.
func dropNewline(rest []byte) ([]byte, Framing) {
	trimmed := bytes.TrimLeft(rest, " \t\r\x00")
	if len(trimmed) > 0 && trimmed[0] == '\n' {
		return trimmed[1:], Line
	}
	return trimmed, Raw
}

// AppendReply writes the reply to q in its framing: text, or <ACK> and a frame of it, or
// <NACK> alone for a damaged frame.
func AppendReply(dst []byte, text string, q Request) []byte {
	switch {
	case errors.Is(q.Err, ErrDamaged):
		return append(dst, nack)
	case q.Framing == STX:
		dst = append(dst, ack)
	}
	return AppendFramed(dst, []byte(text), q.Framing)
}

// ErrTooLong is the error of a message that does not end within MaxMessage.
var ErrTooLong = fmt.Errorf("%w: longer than %d bytes", ErrUnknownMessage, MaxMessage)
