package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"evcp"
	"evcp/internal/language"
)

// The functions of this file make a Setting's Set for one kind of value. The
// error of each is a reason: what a good value is, not what was wrong with this one.

// parsed makes a Set of a parser that has one reason to refuse a text.
func parsed[T any](to *T, reason error, parse func(string) (T, bool)) func(string) error {
	return func(s string) error {
		v, ok := parse(s)
		if !ok {
			return reason
		}
		*to = v
		return nil
	}
}

// Port takes a TCP port to connect to, 1 to 65535.
func Port(to *uint16) func(string) error { return parsed(to, language.New(reasonPort), parsePort) }

// ListenPort takes a TCP port to listen on, 0 to 65535; 0 is any that is free.
func ListenPort(to *uint16) func(string) error {
	return parsed(to, language.New(reasonListenPort), parseListenPort)
}

func parsePort(s string) (uint16, bool) {
	n, ok := parseListenPort(s)
	return n, ok && n > 0
}

func parseListenPort(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}

// CPID takes a charge point's id. Each has a folder of this name, so it can't be
// the folder itself or the one above.
func CPID(to *evcp.CPID) func(string) error {
	return func(s string) error {
		id, err := evcp.ParseCPID(s)
		switch {
		case err != nil:
			return language.New(reasonCPID)
		case isDots(s):
			return language.New(reasonDots)
		}
		*to = id
		return nil
	}
}

func isDots(s string) bool { return s == "." || s == ".." }

// maxTopic is Kafka's own bound.
const maxTopic = 249

// Topic takes the name of a Kafka topic.
func Topic(to *string) func(string) error {
	return parsed(to, language.New(reasonTopic), func(s string) (string, bool) {
		return s, s != "" && len(s) <= maxTopic && !isDots(s) && !strings.ContainsFunc(s, notInHost)
	})
}

// maxDuration is far beyond any use, and sums of a few stay far below overflow.
const maxDuration = 1000 * time.Hour

// Duration takes a duration with its unit, at least least; least 0 allows "0",
// which all settings read as never.
func Duration(to *time.Duration, least time.Duration) func(string) error {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return language.New(reasonDuration)
		case d > maxDuration:
			return language.Errorf(reasonMost, maxDuration/time.Hour)
		case d < least:
			return language.Errorf(reasonLeast, least)
		}
		*to = d
		return nil
	}
}

// maxCount is far beyond any use and far below overflow.
const maxCount = 1_000_000

// Count takes a whole number from 1.
func Count[N int | uint32](to *N) func(string) error {
	return parsed(to, language.New(reasonCount), func(s string) (N, bool) {
		n, err := strconv.Atoi(s)
		return N(n), err == nil && n >= 1 && n <= maxCount
	})
}

// Choice takes one of the words, as written.
func Choice[T ~string](to *T, words ...T) func(string) error {
	return parsed(to, language.Errorf(reasonChoice, alternatives(words, wordOr)), func(s string) (T, bool) {
		return T(s), slices.Contains(words, T(s))
	})
}

// wordList is a list within a sentence: "a, b or c".
type wordList struct {
	words []string
	last  string // stands before the last word
}

func alternatives[T ~string](words []T, last string) wordList {
	list := wordList{last: last}
	for _, w := range words {
		list.words = append(list.words, string(w))
	}
	return list
}

func (w wordList) String() string { return w.In(language.English) }

// In implements language.Translatable.
func (w wordList) In(l language.Language) string {
	n := len(w.words) - 1
	if n == 0 {
		return w.words[0]
	}
	return strings.Join(w.words[:n], ", ") + l.Text(w.last) + w.words[n]
}

// maxText keeps a name shorter than what a file system or Kafka takes.
const maxText = 255

// Text takes one line of printable characters, not empty.
func Text(to *string) func(string) error {
	return parsed(to, language.New(reasonText), func(s string) (string, bool) {
		return s, s != "" && len(s) <= maxText && utf8.ValidString(s) && !strings.ContainsFunc(s, notPrintable)
	})
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }

// Switch takes true or false, also as yes/no, on/off, 1/0.
func Switch(to *bool) func(string) error {
	return parsed(to, language.New(reasonSwitch), func(s string) (on, ok bool) {
		s = strings.ToLower(s)
		on = slices.Contains([]string{"true", "yes", "on", "1"}, s)
		return on, on || slices.Contains([]string{"false", "no", "off", "0"}, s)
	})
}

// sizeUnits are tried in this order, so the longer names come first.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ByteSize takes a size with its unit ("64MiB"), in bytes, at least least.
func ByteSize(to *int64, least int64) func(string) error {
	return func(s string) error {
		n, ok := parseSize(s)
		switch {
		case !ok:
			return language.New(reasonSize)
		case n < least:
			return language.Errorf(reasonLeast, sizeText(least))
		}
		*to = n
		return nil
	}
}

// parseSize reads a whole number and a unit. Without a unit only 0 is clear.
func parseSize(s string) (int64, bool) {
	if s == "0" {
		return 0, true
	}
	for _, u := range sizeUnits {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			n, err := strconv.ParseUint(strings.TrimRight(number, " "), 10, 63)
			return int64(n) * u.bytes, err == nil && int64(n) <= math.MaxInt64/u.bytes
		}
	}
	return 0, false
}

// sizeText writes n in the largest binary unit that divides it.
func sizeText(n int64) string {
	for i := 3; i >= 0; i-- {
		if u := sizeUnits[i]; n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}
