package wire

import (
	"bytes"
	"fmt"
	"time"
)

// Quiet is how long a peer that sends raw text must be silent before its words
// count as finished: longer than the gap inside one message on a slow link,
// shorter than anyone notices.
const Quiet = 20 * time.Millisecond

// Patience is how long a server waits for the rest of a message whose beginning
// it has: a split over two segments may take a retransmission.
const Patience = time.Second

// Request is one message as a server received it.
type Request struct {
	Message
	Line bool  // it ended with a newline, so the answer does too
	Err  error // it is no message; wraps ErrUnknownMessage and is safe to print
}

// Requests cuts the bytes of one connection into messages. Raw text, lines and
// messages sent back to back in one segment are all accepted. The zero value is
// ready. The server feeds what it read, takes requests until there are none, and
// reads on; when nothing came for Wait it calls Flush.
type Requests struct {
	held []byte
}

// Feed takes what was read, half of MaxMessage at a time at most, so that messages
// sent back to back are not cut off. It keeps at most MaxMessage bytes and reports false
// when a message did not end within them: answer and close.
func (r *Requests) Feed(b []byte) bool {
	room := MaxMessage - len(r.held)
	r.held = append(r.held, b[:min(room, len(b))]...)
	return len(b) <= room
}

// Next takes the next complete message.
func (r *Requests) Next() (Request, bool) {
	r.held = bytes.TrimLeft(r.held, " \t\r\n\x00")
	m, rest, known := cut(r.held)
	if known && startsAnew(rest) {
		rest, line := dropNewline(rest)
		r.held = append(r.held[:0], rest...)
		return Request{Message: m, Line: line}, true
	}
	end := bytes.IndexByte(r.held, '\n')
	if end < 0 {
		return Request{}, false
	}
	return r.take(end, true), true
}

// Wait says how long the server may wait for more before it calls Flush; 0 means
// that nothing is held and it may wait as long as it likes.
func (r *Requests) Wait() time.Duration {
	switch {
	case len(r.held) == 0:
		return 0
	case unfinished(r.held):
		return Patience
	default:
		return Quiet
	}
}

// Flush takes what is held as a message: the peer is quiet, or has closed. Blanks
// of any kind are none, and forgotten.
func (r *Requests) Flush() (Request, bool) {
	if len(bytes.TrimSpace(r.held)) == 0 {
		r.held = r.held[:0]
		return Request{}, false
	}
	return r.take(len(r.held), false), true
}

func (r *Requests) take(end int, line bool) Request {
	m, err := Parse(r.held[:end])
	r.held = append(r.held[:0], r.held[min(len(r.held), end+1):]...)
	if err != nil {
		return Request{Line: line, Err: err}
	}
	return Request{Message: m, Line: line}
}

// startsAnew reports whether rest, which follows a whole message, may: nothing,
// a blank, or the next message.
func startsAnew(rest []byte) bool {
	if len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n\x00"), rest[0]) >= 0 {
		return true
	}
	return bytes.HasPrefix(rest, []byte(sender)) || bytes.HasPrefix([]byte(sender), rest)
}

// dropNewline drops the terminator of a message and says whether there was one.
func dropNewline(rest []byte) ([]byte, bool) {
	trimmed := bytes.TrimLeft(rest, " \t\r\x00")
	if len(trimmed) > 0 && trimmed[0] == '\n' {
		return trimmed[1:], true
	}
	return trimmed, false
}

// AppendReply writes an answer in the framing of its request.
func AppendReply(dst []byte, words string, line bool) []byte {
	dst = append(dst, words...)
	if line {
		dst = append(dst, '\n')
	}
	return dst
}

// ErrTooLong is the error of a message that does not end within MaxMessage.
var ErrTooLong = fmt.Errorf("%w: longer than %d bytes", ErrUnknownMessage, MaxMessage)
