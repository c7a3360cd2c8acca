package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"evcp"
)

// The functions of this file make a Setting's Set for one kind of value. The
// error of each is a reason: what a good value is, not what was wrong with this one.

// Port takes a TCP port, 1 to 65535.
func Port(to *uint16) func(string) error {
	return func(s string) error {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n == 0 {
			return errors.New(reasonPort)
		}
		*to = uint16(n)
		return nil
	}
}

// CPID takes a charge point's id. Each has a folder of this name, so it can't be
// the folder itself or the one above.
func CPID(to *evcp.CPID) func(string) error {
	return func(s string) error {
		id, err := evcp.ParseCPID(s)
		switch {
		case err != nil:
			return errors.New(reasonCPID)
		case isDots(s):
			return errors.New(reasonDots)
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
	return func(s string) error {
		if s == "" || len(s) > maxTopic || isDots(s) || strings.ContainsFunc(s, notInHost) {
			return errors.New(reasonTopic)
		}
		*to = s
		return nil
	}
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
			return errors.New(reasonDuration)
		case d > maxDuration:
			return fmt.Errorf(reasonMost, maxDuration/time.Hour)
		case d < least:
			return fmt.Errorf(reasonLeast, least)
		}
		*to = d
		return nil
	}
}

// maxCount is far beyond any use and far below overflow.
const maxCount = 1_000_000

// Count takes a whole number from 1.
func Count(to *int) func(string) error {
	return func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxCount {
			return errors.New(reasonCount)
		}
		*to = n
		return nil
	}
}

// Choice takes one of the words, as written.
func Choice[T ~string](to *T, words ...T) func(string) error {
	return func(s string) error {
		for _, w := range words {
			if s == string(w) {
				*to = w
				return nil
			}
		}
		return fmt.Errorf(reasonChoice, listed(words, wordOr))
	}
}

// listed words a list as a sentence does: "a, b or c".
func listed[T ~string](words []T, last string) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			b.WriteString(last)
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}

// maxText keeps a name shorter than what a file system or Kafka takes.
const maxText = 255

// Text takes one line of printable characters, not empty.
func Text(to *string) func(string) error {
	return func(s string) error {
		if s == "" || len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, notPrintable) {
			return errors.New(reasonText)
		}
		*to = s
		return nil
	}
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }

// Switch takes true or false, also as yes/no, on/off, 1/0.
func Switch(to *bool) func(string) error {
	return func(s string) error {
		switch strings.ToLower(s) {
		case "true", "yes", "on", "1":
			*to = true
		case "false", "no", "off", "0":
			*to = false
		default:
			return errors.New(reasonSwitch)
		}
		return nil
	}
}
