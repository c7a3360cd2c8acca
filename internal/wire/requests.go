package wire

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Quiet is how long a peer that sends raw text must be silent before its words
// count as finished: longer than the gap inside one message on a slow link,
// shorter than anyone notices.
const Quiet = 20 * time.Millisecond

// PartialTimeout is how long a server waits for the rest of a message whose beginning
// it has: a split over two segments may take a retransmission.
const PartialTimeout = time.Second

// Request is one message as a server received it.
type Request struct {
	Message
	Framing Framing // of the question, and so of the answer
	Err     error   // it is no message; wraps ErrUnknownMessage and is safe to print
}

// RequestDecoder cuts the bytes of one connection into messages. Raw text, lines and
// messages sent back to back in one segment are all accepted. The zero value is
// ready. The server feeds what it read, takes requests until there are none, and
// reads on; when nothing came for Wait it calls Flush.
type RequestDecoder struct {
	held []byte
}

// Feed takes what was read, half of MaxMessage at a time at most, so that messages
// sent back to back are not cut off. It keeps at most MaxMessage bytes and reports false
// when a message did not end within them: answer and close.
func (r *RequestDecoder) Feed(b []byte) bool {
	room := MaxMessage - len(r.held)
	r.held = append(r.held, b[:min(room, len(b))]...)
	return len(b) <= room
}

// Next takes the next complete message.
func (r *RequestDecoder) Next() (Request, bool) {
	r.held = bytes.TrimLeft(r.held, blanks+acknowledgements)
	if len(r.held) > 0 && r.held[0] == stx {
		return r.nextFrame()
	}
	m, rest, known := cut(r.held)
	if known && startsAnew(rest) {
		rest, form := dropNewline(rest)
		r.held = append(r.held[:0], rest...)
		return Request{Message: m, Framing: form}, true
	}
	end := bytes.IndexByte(r.held, '\n')
	if end < 0 {
		return Request{}, false
	}
	return r.take(end, Line), true
}

// acknowledgements are what a peer says to our answers; nothing follows from them.
var acknowledgements = string([]byte{ack, nack})

func (r *RequestDecoder) nextFrame() (Request, bool) {
	data, rest, whole, sound := cutFrame(r.held)
	if !whole {
		return Request{}, false
	}
	q := Request{Framing: STX, Err: ErrDamaged}
	if sound {
		q.Message, q.Err = Parse(data)
	}
	r.held = append(r.held[:0], rest...)
	return q, true
}

// Wait says how long the server may wait for more before it calls Flush; 0 means
// that nothing is held and it may wait as long as it likes.
func (r *RequestDecoder) Wait() time.Duration {
	switch {
	case len(r.held) == 0:
		return 0
	case r.held[0] == stx || unfinished(r.held):
		return PartialTimeout
	default:
		return Quiet
	}
}

// Flush takes what is held as a message: the peer is quiet, or has closed. Blanks
// of any kind are none, and forgotten.
func (r *RequestDecoder) Flush() (Request, bool) {
	if len(bytes.TrimSpace(r.held)) == 0 {
		r.held = r.held[:0]
		return Request{}, false
	}
	return r.take(len(r.held), Raw), true
}

func (r *RequestDecoder) take(end int, form Framing) Request {
	m, err := Parse(r.held[:end])
	r.held = append(r.held[:0], r.held[min(len(r.held), end+1):]...)
	if err != nil {
		return Request{Framing: form, Err: err}
	}
	return Request{Message: m, Framing: form}
}

// startsAnew reports whether rest, which follows a whole message, may: nothing,
// a blank, or the next message.
func startsAnew(rest []byte) bool {
	if len(rest) == 0 || rest[0] == stx || bytes.IndexByte([]byte(blanks), rest[0]) >= 0 {
		return true
	}
	return bytes.HasPrefix(rest, []byte(sender)) || bytes.HasPrefix([]byte(sender), rest)
}

// dropNewline drops the terminator of a message and says in which form it so was.
func dropNewline(rest []byte) ([]byte, Framing) {
	trimmed := bytes.TrimLeft(rest, " \t\r\x00")
	if len(trimmed) > 0 && trimmed[0] == '\n' {
		return trimmed[1:], Line
	}
	return trimmed, Raw
}

// AppendReply writes the answer to q in its form: words, or <ACK> and a frame of
// them, or <NACK> alone for a frame that came damaged.
func AppendReply(dst []byte, words string, q Request) []byte {
	switch {
	case errors.Is(q.Err, ErrDamaged):
		return append(dst, nack)
	case q.Framing == STX:
		dst = append(dst, ack)
	}
	return AppendFramed(dst, []byte(words), q.Framing)
}

// ErrTooLong is the error of a message that does not end within MaxMessage.
var ErrTooLong = fmt.Errorf("%w: longer than %d bytes", ErrUnknownMessage, MaxMessage)
