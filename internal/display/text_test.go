package display

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestWidthCountsCells(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "● ▲ ○ ■ → · …": 13, "日本": 4, "🔌": 2, "e\u0301": 1, "ñ": 1, "ｋ": 2,
	} {
		if got := Width(s); got != want {
			t.Errorf("Width(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestCutNeverGetsWider(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		mark string
		want string
	}{
		{"abcdef", 6, "…", "abcdef"},
		{"abcdef", 5, "…", "abcd…"},
		{"日本語", 5, "…", "日本…"},
		{"日本語", 4, "…", "日…"},
		{"abcdef", 5, "...", "ab..."},
		{"abcdef", 2, "...", ""},
		{"abcdef", 0, "…", ""},
		{"abcdef", -3, "…", ""},
	} {
		if got := Cut(c.s, c.n, c.mark); got != c.want {
			t.Errorf("Cut(%q, %d, %q) = %q, want %q", c.s, c.n, c.mark, got, c.want)
		}
	}
}

func TestWrapBreaksAtBlanks(t *testing.T) {
	got := Wrap("one two  three-and-more four", 8)
	if want := []string{"one two", "three-and-more", "four"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWrapHanging gives the first line another length, and indents the others.
func TestWrapHanging(t *testing.T) {
	for text, want := range map[string][]string{
		"":                   {""},
		"all of it":          {"all of it"},
		"the rest  hangs":    {"the rest", "  hangs"},
		"the rest hangs low": {"the rest", "  hangs", "  low"},
		"unbreakableword":    {"unbreakableword"},
	} {
		if got := WrapHanging(text, 9, 8, 2); !slices.Equal(got, want) {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestWrapUnder(t *testing.T) {
	for _, c := range []struct {
		lead, text string
		want       []string
	}{
		{"  State    here", "(new)", []string{"  State    here (new)"}},
		{"  State    " + strings.Repeat("x", 60), "(resumed: KO since 12:00:00, next event 5)", []string{"  State    " + strings.Repeat("x", 60), "           (resumed: KO since 12:00:00, next event 5)"}},
		{"  State    here", strings.Repeat("why ", 20), []string{"  State    here", "           " + strings.TrimSpace(strings.Repeat("why ", 17)), "           why why why"}},
	} {
		if got := WrapUnder(c.lead, c.text, 11); !slices.Equal(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestSafeEscapesWhatATerminalObeys(t *testing.T) {
	for s, want := range map[string]string{
		"plain":                  "plain",
		"ñ ● 日本":                 "ñ ● 日本",
		"\x1b[31mred":            `\x1b[31mred`,
		"a\nb\tc\r\x00\x7f":      `a\nb\tc\r\x00\x7f`,
		"\u202eabc\u2066":        `\u202eabc\u2066`,
		"\u009b31m":              `\u009b31m`,
		"bad\xffbyte\xc3":        `bad\xffbyte\xc3`,
		"\ufffd":                 "\ufffd",
		"line\u2028sep":          `line\u2028sep`,
		"e\u0301\u0301\u0301":    "e\u0301\u0301" + `\u0301`,
		`once \x1b safe`:         `once \x1b safe`,
		"it's \"quoted\"":        "it's \"quoted\"",
		"\U000e0001tag":          `\U000e0001tag`,
		strings.Repeat("a", 300): strings.Repeat("a", 300),
	} {
		if got := Safe(s); got != want {
			t.Errorf("Safe(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestASCIIEscapesTheRest(t *testing.T) {
	if got, want := ASCII("caf\u00e9 \x1b ●"), `caf\u00e9 \x1b \u25cf`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff'\"\\")
	f.Fuzz(func(t *testing.T, s string) {
		got := Safe(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Safe(%q) = %q is not UTF-8", s, got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("Safe(%q) = %q holds %U", s, got, r)
			}
		}
		if again := Safe(got); again != got {
			t.Fatalf("Safe twice: %q then %q", got, again)
		}
		if n := Width(Cut(got, 20, "…")); n > 20 {
			t.Fatalf("Cut(%q) is %d wide", got, n)
		}
	})
}

func TestCompareNatural(t *testing.T) {
	want := []string{"", "CP", "CP_1", "CP_01", "CP_1a", "CP_2", "CP_2.9", "CP_2.10", "CP_09", "CP_10", "CP_99999999999999999999", "CP_100000000000000000000", "CP_a", "cp_1"}
	for i, a := range want {
		for j, b := range want {
			if got := CompareNatural(a, b); got != cmp.Compare(i, j) {
				t.Errorf("%q, %q: %d", a, b, got)
			}
		}
	}
}
