package wire

import (
	"bytes"
	"fmt"
)

// Framing is how a message is wrapped on the wire. A server answers in the form of
// the question.
type Framing uint8

const (
	// Raw is text without any mark of its end, as the first peers send it.
	Raw Framing = iota
	// Line is text that ends with a newline.
	Line
	// STX is <STX>DATA<ETX><LRC>, where LRC is the XOR of all bytes of DATA. The
	// receiver answers a whole frame with <ACK> and a damaged one with <NACK>;
	// what it has to say follows in a frame of its own.
	STX
)

// The bytes of STX framing.
const (
	stx  = 0x02
	etx  = 0x03
	ack  = 0x06
	nack = 0x15
)

// Ack is what a whole frame is answered with, Nack what a damaged one is.
var (
	Ack  = []byte{ack}
	Nack = []byte{nack}
)

// ErrDamaged is the error of a frame whose LRC does not fit. Its answer is <NACK>.
var ErrDamaged = fmt.Errorf("%w: a frame that is damaged", ErrUnknownMessage)

// AppendFramed wraps a message.
func AppendFramed(dst, message []byte, form Framing) []byte {
	switch form {
	case Line:
		return append(append(dst, message...), '\n')
	case STX:
		dst = append(append(dst, stx), message...)
		return append(dst, etx, lrc(message))
	default:
		return append(dst, message...)
	}
}

func lrc(data []byte) byte {
	var sum byte
	for _, b := range data {
		sum ^= b
	}
	return sum
}

// cutFrame takes the frame that b, whose first byte is STX, begins with. whole is false while it goes on;
// sound is false when its LRC does not fit.
func cutFrame(b []byte) (data, rest []byte, whole, sound bool) {
	end := bytes.IndexByte(b, etx)
	if end < 0 || end+1 == len(b) {
		return nil, b, false, false
	}
	data = b[1:end]
	return data, b[end+2:], true, b[end+1] == lrc(data)
}

// framed is an answer in STX framing as it comes in: acknowledgements before it
// are passed over.
type framed struct {
	data    []byte // of a whole and sound frame
	excess  bool   // something follows it
	decided bool   // nothing that comes can change it
	bad     bool   // damaged, refused, or no frame at all
	damaged bool
}

// receipt is what an answer is acknowledged with: nothing in other forms, while it
// goes on, and when it is no frame.
func receipt(form Framing, held []byte) []byte {
	f := readFrame(held)
	switch {
	case form != STX || !f.decided || f.bad && !f.damaged:
		return nil
	case f.damaged:
		return Nack
	default:
		return Ack
	}
}

// readFrame looks at everything that has come of an answer.
func readFrame(held []byte) framed {
	b := bytes.TrimLeft(held, blanks+string(Ack))
	switch {
	case len(b) == 0:
		return framed{}
	case b[0] != stx:
		return framed{decided: true, bad: true}
	}
	data, rest, whole, sound := cutFrame(b)
	damaged := whole && !sound
	return framed{data: data, excess: len(rest) > 0, decided: whole, bad: damaged, damaged: damaged}
}
