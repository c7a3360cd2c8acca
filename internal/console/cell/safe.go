package cell

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAccents is how many combining marks in a row stay what they are. Languages
// need two; a hundred of them paint over the lines above.
const maxAccents = 2

// Safe makes text from anywhere fit to print on one line: control characters,
// invisible ones, those that turn the direction of writing, and bytes that are
// not UTF-8 become what a Go string literal would show: \n, \x1b, \u202e. The
// backslash itself stays, so text made safe before comes through unchanged.
func Safe(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for rest, accents := s, 0; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		accents = countAccents(accents, r)
		if harmless(r, n) && accents <= maxAccents {
			b.WriteString(rest[:n])
		} else {
			b.WriteString(escape(rest[:n], r))
		}
		rest = rest[n:]
	}
	return b.String()
}

// ASCII is Safe for terminals that know nothing else: what is not ASCII is
// escaped too.
func ASCII(s string) string {
	var b strings.Builder
	for _, r := range Safe(s) {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			b.WriteString(escape("", r))
		}
	}
	return b.String()
}

func clean(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func countAccents(before int, r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return before + 1
	}
	return 0
}

// harmless takes a decoded rune and its length in bytes, because U+FFFD of
// length 1 is a byte that is not UTF-8.
func harmless(r rune, n int) bool {
	if r == utf8.RuneError && n == 1 {
		return false
	}
	return unicode.IsPrint(r)
}

func escape(raw string, r rune) string {
	if r == utf8.RuneError && len(raw) == 1 {
		return `\x` + strconv.FormatUint(uint64(raw[0])|0x100, 16)[1:]
	}
	quoted := strconv.QuoteRuneToASCII(r)
	return quoted[1 : len(quoted)-1]
}
