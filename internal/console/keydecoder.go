package console

import (
	"unicode"
	"unicode/utf8"
)

// keyDecoder turns what a terminal sends into keys, across reads. It drops control
// characters and the sequences of arrows and function keys, which begin with ESC:
// "ESC [ … letter" or "ESC O letter". A lone ESC swallows the key after it.
type keyDecoder struct {
	rest  []byte // the start of a character that is not whole yet
	state keyState
}

type keyState uint8

const (
	plainKey keyState = iota
	afterESC          // next: '[' or 'O' or the one key that Alt was held with
	inCSI             // until a final byte, '@' to '~'
	inSS3             // one more
)

func (d *keyDecoder) feed(input []byte) []rune {
	var keys []rune
	d.rest = append(d.rest, input...)
	for utf8.FullRune(d.rest) {
		r, n := utf8.DecodeRune(d.rest)
		d.rest = d.rest[n:]
		if d.isKey(r) {
			keys = append(keys, r)
		}
	}
	return keys
}

func (d *keyDecoder) isKey(r rune) bool {
	switch {
	case r == '\x1b':
		d.state = afterESC
	case d.state == afterESC && r == '[':
		d.state = inCSI
	case d.state == afterESC && r == 'O':
		d.state = inSS3
	case d.state == inCSI && (r < '@' || r > '~'):
	case d.state != plainKey:
		d.state = plainKey
	default:
		return r == '\n' || r != utf8.RuneError && unicode.IsPrint(r)
	}
	return false
}
