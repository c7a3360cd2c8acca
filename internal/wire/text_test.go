package wire

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "",
		" OK\r\n":                         "OK",
		"OK 23.5C":                        "OK 23.5C",
		`C:\x`:                            `C:\x`,
		"a\tb\nc\rd\x00e\x7f":             `a\x09b\x0ac\x0dd\x00e\x7f`,
		"\x1b]0;pwned\x07":                `\x1b]0;pwned\x07`,
		"\x9b31m":                         `\x9b31m`, // a byte, not UTF-8
		"\u009b31m":                       `\x9b31m`, // CSI as one character
		"\xff\xfe":                        `\xff\xfe`,
		"23 °C":                           "23 °C",
		"Averiado: cañón":                 "Averiado: cañón",
		"充电桩":                             "充电桩",
		"a\u00a0b":                        `a\xa0b`,
		"a\u2028b":                        `a\u2028b`,
		"a\u202eb":                        `a\u202eb`, // turns writing round
		"a\u200bb":                        `a\u200bb`, // hides
		"a\u2066b":                        `a\u2066b`,
		"\ufeffOK":                        `\ufeffOK`,
		"\U000e0041":                      `\U000e0041`, // a tag, invisible
		"\ufffd":                          "\ufffd",
		strings.Repeat("x", 128):          strings.Repeat("x", 128),
		strings.Repeat("x", 129):          strings.Repeat("x", 127) + "…",
		strings.Repeat("é", 128):          strings.Repeat("é", 128),
		strings.Repeat("é", 129):          strings.Repeat("é", 127) + "…",
		strings.Repeat("x", 126) + "\x00": strings.Repeat("x", 126) + "…", // an escape is not cut
		"a\uffffb":                        `a\uffffb`,
		strings.Repeat("\x00", 1024):      strings.Repeat(`\x00`, 31) + "…",
	} {
		if got := Text([]byte(in)); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func TestTextIsAlwaysSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 300), rapid.Map(rapid.StringN(0, 300, -1), func(s string) []byte { return []byte(s) })).Draw(t, "in")
		checkSafe(t, Text(in))
	})
}

func FuzzText(f *testing.F) {
	for _, c := range engineReplies {
		f.Add([]byte(c.reply))
	}
	f.Add([]byte("\x1b]0;pwned\x07\u202e\u200b\u009b\U000e0041"))
	f.Add([]byte(strings.Repeat("é", 200)))
	f.Fuzz(func(t *testing.T, b []byte) { checkSafe(t, Text(b)) })
}

// failer is a test of testing or of rapid.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

// checkSafe holds a text to all that Text promises.
func checkSafe(t failer, s string) {
	t.Helper()
	checkText(t, s)
	if again := Text([]byte(s)); again != s {
		t.Errorf("%q becomes %q the second time", s, again)
	}
}

func checkText(t failer, s string) {
	t.Helper()
	if n := utf8.RuneCountInString(s); n > maxText {
		t.Errorf("%q has %d characters", s, n)
	}
	checkLine(t, s)
}

// checkLine: safe to print on one line.
func checkLine(t failer, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%q is not UTF-8", s)
	}
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) || r != ' ' && unicode.IsSpace(r) {
			t.Errorf("%q holds %U", s, r)
		}
	}
	if s != strings.TrimSpace(s) {
		t.Errorf("%q has blanks around it", s)
	}
}
