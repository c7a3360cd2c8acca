// Package cell measures, cuts and wraps text in the cells of a terminal: one for a
// Latin letter, two for a wide East Asian character or an emoji, none for a combining
// accent. It also escapes text that is not safe to print. Strings in, strings out; any
// goroutine may call.
//
// Every function takes any bytes. Width, Cut and Wrap count what they are given,
// so text from outside goes through Safe first.
package cell

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Columns is the widest line that any of the programs prints.
const Columns = 80

// Width counts the cells that s takes.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is 0, 1 or 2. Characters of ambiguous width (● → ·) count as 1, as all
// terminals but old CJK ones draw them.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Cut shortens s to at most n cells. What was cut shows as mark ("…", or "..."
// in ASCII), which is counted; a mark wider than n leaves nothing.
func Cut(s string, n int, mark string) string {
	if Width(s) <= n {
		return s
	}
	room := n - Width(mark)
	if room < 0 {
		return ""
	}
	return s[:prefix(s, room)] + mark
}

// prefix is the length in bytes of the longest start of s that fits in n cells.
func prefix(s string, n int) int {
	for i, r := range s {
		if n -= runeWidth(r); n < 0 {
			return i
		}
	}
	return len(s)
}

// Wrap breaks a paragraph at blanks into lines of at most n cells. A longer word is
// not broken but gets a line of its own, too wide: it may be a path to be copied.
func Wrap(s string, n int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case Width(line)+1+Width(word) <= n:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// WrapHanging is Wrap with a first line of at most first cells, and the others of rest
// behind an indent of blanks.
func WrapHanging(s string, first, rest, indent int) []string {
	lines := Wrap(s, first)[:1]
	tail := strings.TrimPrefix(strings.Join(strings.Fields(s), " "), lines[0])
	if tail == "" {
		return lines
	}
	for _, more := range Wrap(tail, rest) {
		lines = append(lines, strings.Repeat(" ", indent)+more)
	}
	return lines
}

// WrapUnder puts lead and text on one line of Columns if they fit, with a blank
// between; else lead alone and text under it behind an indent of so many cells.
func WrapUnder(lead, text string, indent int) []string {
	if line := lead + " " + text; Width(line) <= Columns {
		return []string{line}
	}
	lines := []string{lead}
	for _, more := range Wrap(text, Columns-indent) {
		lines = append(lines, strings.Repeat(" ", indent)+more)
	}
	return lines
}
