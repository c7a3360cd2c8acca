package testbed

import (
	"regexp"
	"strings"
	"testing"

	"evcp/internal/language"
)

var formatVerb = regexp.MustCompile(`%(\[\d+\])?[-+# 0]*(\*|\d+)?(\.\d+)?[a-zA-Z%]|\{[a-z]+\}`)

// IsSpanish checks that text, which a program has said in Spanish, holds no English of the
// catalogue: no sentence, and of a sentence with values in it no part of three words.
func IsSpanish(tb testing.TB, text string) {
	tb.Helper()
	said := strings.Join(strings.Fields(text), " ")
	for english, spanish := range language.Catalogue() {
		for _, part := range formatVerb.Split(english, -1) {
			words := strings.Fields(part)
			part = strings.Join(words, " ")
			if len(words) >= 3 && !strings.Contains(spanish, part) && strings.Contains(said, part) {
				tb.Errorf("%q is English, in\n%s", part, text)
			}
		}
	}
}
