// Package idrange reads a range of numbers inside a text, as people write one line for a
// whole site: CP_[001-012] is CP_001 to CP_012, 10.0.1.[11-22]:5001 twelve addresses.
package idrange

import (
	"regexp"
	"strconv"
	"strings"

	"evcp/internal/language"
)

// Most is how many numbers a range may have.
const Most = 100_000

// Range is a text that may hold one range of numbers. The zero Range is the empty text.
type Range struct {
	before, after string
	from, count   int
	width         int // digits at least, with zeros in front; 0: there is no range
}

var pattern = regexp.MustCompile(`\[(\d{1,18})-(\d{1,18})\]`)

// Parse finds the range in text. Without one the text stands for itself, Count is 1. The
// numbers have at least as many digits as the first one: CP_[0001-10000] ends with CP_9999
// and CP_10000.
func Parse(text string) (Range, error) {
	found := pattern.FindAllStringSubmatchIndex(text, 2)
	switch {
	case len(found) == 0 && strayBracket(text):
		return Range{}, language.New("a range is written as [001-012]")
	case len(found) == 0:
		return Range{before: text, count: 1}, nil
	case len(found) > 1:
		return Range{}, language.New("one range is allowed, and there are more")
	}
	at := found[0]
	first, last := text[at[2]:at[3]], text[at[4]:at[5]]
	from, _ := strconv.Atoi(first) // 18 digits fit
	to, _ := strconv.Atoi(last)
	r := Range{before: text[:at[0]], after: text[at[1]:], from: from, count: to - from + 1, width: len(first)}
	switch {
	case from > to:
		return Range{}, language.New("a range goes from the lower number to the higher")
	case len(first) > len(last):
		return Range{}, language.New("the last number of a range has no fewer digits than the first, as in [001-012]")
	case r.count > Most:
		return Range{}, language.Errorf("a range has at most %d numbers", Most)
	case strayBracket(r.before + r.after):
		return Range{}, language.New("a range is written as [001-012]")
	}
	return r, nil
}

// strayBracket reports whether there is a bracket that is not around an IPv6 address.
func strayBracket(text string) bool {
	inner, bracket := strings.CutPrefix(text, "[")
	if address, after, ends := strings.Cut(inner, "]"); bracket && ends && strings.ContainsRune(address, ':') {
		text = address + after
	}
	return strings.ContainsAny(text, "[]")
}

// IsRange reports whether there is a range, even of one number.
func (r Range) IsRange() bool { return r.width > 0 }

// Count is how many texts r stands for.
func (r Range) Count() int { return r.count }

// At is the i-th text, from 0.
func (r Range) At(i int) string {
	if !r.IsRange() {
		return r.before
	}
	var digits [20]byte // a text has no other memory than its own: there may be thousands
	number := strconv.AppendInt(digits[:0], int64(r.from+i), 10)
	return r.before + zeros[:max(r.width-len(number), 0)] + string(number) + r.after
}

// zeros are as many as a number may have in front.
const zeros = "000000000000000000"

// Contains reports whether text is one of those that r stands for.
func (r Range) Contains(text string) bool {
	if !r.IsRange() {
		return text == r.before
	}
	number, found := strings.CutPrefix(text, r.before)
	if !found {
		return false
	}
	number, found = strings.CutSuffix(number, r.after)
	n, err := strconv.Atoi(number)
	return found && err == nil && n >= r.from && n < r.from+r.count && r.At(n-r.from) == text
}
