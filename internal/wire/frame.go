package wire

import (
	"bytes"
	"fmt"
)

// Framing is how a message is delimited on the wire. A server replies in the framing of
// the request.
type Framing uint8

const (
	// Raw is text without a delimiter, as the first peers send it.
	Raw Framing = iota
	// Line is text that ends with a newline.
	Line
	// STX is <STX>DATA<ETX><LRC>, where LRC is the XOR of all bytes of DATA. The
	// receiver acknowledges a valid frame with <ACK> and a damaged one with <NACK>; its
	// reply follows in a frame of its own.
	STX
)

// The bytes of STX framing.
const (
	stx  = '\x02'
	etx  = '\x03'
	ack  = '\x06'
	nack = '\x15'
)

// ErrDamaged is the error of a frame with a wrong LRC. It is answered with <NACK>.
var ErrDamaged = fmt.Errorf("%w: a frame that is damaged", ErrUnknownMessage)

// AppendFramed writes a message with its framing.
func AppendFramed(dst, message []byte, framing Framing) []byte {
	switch framing {
	case Line:
		return append(append(dst, message...), '\n')
	case STX:
		dst = append(append(dst, stx), message...)
		return append(dst, etx, lrc(message))
	default:
		return append(dst, message...)
	}
}

// AppendFramed appends m with its framing, and allocates nothing but room in dst.
func (m Message) AppendFramed(dst []byte, framing Framing) []byte {
	switch framing {
	case Line:
		return append(m.Append(dst), '\n')
	case STX:
		dst = append(dst, stx)
		data := len(dst)
		dst = m.Append(dst)
		return append(dst, etx, lrc(dst[data:]))
	default:
		return m.Append(dst)
	}
}

func lrc(data []byte) byte {
	var sum byte
	for _, b := range data {
		sum ^= b
	}
	return sum
}

// cutFrame takes the frame off the beginning of b, whose first byte is STX. valid: its
// LRC is right.
func cutFrame(b []byte) (data, rest []byte, complete, valid bool) {
	end := bytes.IndexByte(b, etx)
	if end < 0 || end+1 == len(b) {
		return nil, b, false, false
	}
	data = b[1:end]
	return data, b[end+2:], true, b[end+1] == lrc(data)
}

// stxReply is what has come of a reply in STX framing, without the acknowledgements
// before it.
type stxReply struct {
	data    []byte
	excess  bool // bytes came after the frame
	decided bool // further bytes can't change it
	valid   bool // a whole frame
	damaged bool // one with a wrong LRC
}

// acknowledgement of a reply; nil under other framings, for an incomplete frame, and for
// bytes that are no frame.
func acknowledgement(framing Framing, held []byte) []byte {
	f := readFrame(held)
	switch {
	case framing == STX && f.valid:
		return []byte{ack}
	case framing == STX && f.damaged:
		return []byte{nack}
	default:
		return nil
	}
}

// hold keeps what was read, up to MaxMessage bytes in all.
func hold(held, b []byte) []byte {
	return append(held, b[:min(MaxMessage-len(held), len(b))]...)
}

// started reports whether more than blanks has come of a reply. Under STX framing an
// acknowledgement before the frame does not count.
func started(framing Framing, held []byte) bool {
	if framing == STX {
		held = bytes.TrimLeft(held, blanks+string(ack))
	}
	return !Blank(held)
}

// readFrame looks at everything that has come of a reply.
func readFrame(held []byte) stxReply {
	b := bytes.TrimLeft(held, blanks+string(ack))
	if len(b) == 0 || b[0] != stx {
		return stxReply{decided: len(b) > 0}
	}
	data, rest, complete, valid := cutFrame(b)
	return stxReply{data: data, excess: len(rest) > 0, decided: complete, valid: valid, damaged: complete && !valid}
}
