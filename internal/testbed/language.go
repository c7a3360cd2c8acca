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

// SpanishAnswer is a call of a program, and what it answers.
type SpanishAnswer struct {
	Args []string
	Code int
	Want string // a part of the output, with single blanks
}

// SaysInSpanish calls the test's own program with --lang es: its answers are as wanted, all of
// them Spanish, and fit a screen of 80 columns.
func SaysInSpanish(t *testing.T, answers []SpanishAnswer) {
	t.Helper()
	for _, a := range answers {
		stdout, stderr, code := RunProcess(t, Self(t, append([]string{"--lang", "es"}, a.Args...)...))
		if said := strings.Join(strings.Fields(stdout+stderr), " "); code != a.Code || !strings.Contains(said, a.Want) {
			t.Errorf("%v: exit %d\n%s%s", a.Args, code, stdout, stderr)
		}
		IsSpanish(t, stdout+stderr)
		for line := range strings.Lines(stdout + stderr) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}
