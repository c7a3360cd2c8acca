package wire

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds the text of a peer, in characters.
const maxText = 128

// Text makes what a peer sent safe for an event, a log, a terminal or a page: at most 128
// characters, valid UTF-8, no blanks around it. Control characters, also those that change
// the direction of text or are invisible, are shown as \x1b or \u202e. A text that was cut
// ends with an ellipsis. A backslash stays as it is: nobody parses the escapes.
func Text(b []byte) string {
	s := strings.TrimSpace(string(b))
	if plain(s) {
		return s
	}
	var out strings.Builder
	room := maxText
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		shown := visible(r, s[i:i+size])
		i += size
		n := utf8.RuneCountInString(shown)
		if n > room || (n == room && i < len(s)) {
			out.WriteRune('…')
			break
		}
		out.WriteString(shown)
		room -= n
	}
	return out.String()
}

// plain is the usual case: short printable ASCII, returned without work.
func plain(s string) bool {
	if len(s) > maxText {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func visible(r rune, raw string) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r):
		return raw
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return fmt.Sprintf(`\U%08x`, r)
	}
}
