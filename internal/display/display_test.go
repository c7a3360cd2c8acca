package display

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"evcp"
)

func TestStyleLine(t *testing.T) {
	for _, c := range []struct {
		s       Style
		columns int
		text    string
		want    string
	}{
		{Style{}, 80, "CP_001 ● OK 1 ms | Kafka ○", "CP_001 ● OK 1 ms | Kafka ○"},
		{Style{ASCII: true}, 80, "● ▲ ○ ■ ? → · … ñ", `+ ! o # ? > - ... \u00f1`},
		{Style{Color: true}, 80, "● OK ▲ OK ○", "\x1b[32m●\x1b[0m \x1b[32mOK\x1b[0m \x1b[31m▲\x1b[0m OK \x1b[90m○\x1b[0m"},
		{Style{Color: true}, 80, `"● OK"`, `"● OK"`},
		{Style{Color: true}, 80, "●", "\x1b[32m●\x1b[0m"},
		{Style{Color: true}, 3, "a● OK", "a\x1b[32m●\x1b[0m…"},
		{Style{ASCII: true, Color: true}, 80, "■ maintenance", "\x1b[33m#\x1b[0m \x1b[33mmaintenance\x1b[0m"},
		{Style{}, 80, "a\x1b[31mb", `a\x1b[31mb`},
		{Style{ASCII: true}, 10, "ññññ", `\u00f1\...`},
	} {
		if got := c.s.Line(c.text, c.columns); got != c.want {
			t.Errorf("%+v %q: got %q, want %q", c.s, c.text, got, c.want)
		}
	}
}

// TestEntry: the sentence goes on below, and only a peer's text is cut.
func TestEntry(t *testing.T) {
	peer := strings.Repeat("word ", 24) + "end"
	for _, c := range []struct {
		s       Style
		text    string
		details []string
		columns int
		want    string
	}{
		{Style{Color: true}, "KO: no", nil, 80, "12:00 \x1b[31m▲\x1b[0m CP_1 \x1b[31mKO\x1b[0m: no"},
		{Style{}, `KO: "a  b"`, []string{"Meaning of it.", "Do this."}, 20, "12:00 ▲ CP_1 KO: \"a\n        b\"\n        Meaning of\n        it.\n        Do this."},
		{Style{ASCII: true}, `said "` + peer + `"; and this is wanted`, nil, 40,
			"12:00 ! CP_1 said \"word word word word\n        word word word word word word\n        word wor...\"; and this is wanted"},
		{Style{}, strings.Repeat("x", 100), nil, 40, "12:00 ▲ CP_1\n        " + strings.Repeat("x", 32) + "\n        " + strings.Repeat("x", 31) + "…"},
		{Style{}, "one two", nil, 8, "12:00 ▲\nCP_1 one\ntwo"},
	} {
		got := strings.Join(c.s.Entry("12:00 ", Failed, "CP_1 ", c.text, c.details, c.columns), "\n")
		if got != c.want {
			t.Errorf("%+v %d cells, %.20q: got\n%s\nwant\n%s", c.s, c.columns, c.text, got, c.want)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(`refused: "● KO" for 3 checks`, "KO: what  it means", 20, true)
	f.Fuzz(func(t *testing.T, text, detail string, columns int, ascii bool) {
		s := Style{ASCII: ascii}
		columns = min(columns, 200)
		rows := s.Entry("12:00 ", Failed, "CP_1 ", text, []string{detail}, columns)
		for _, row := range append(rows, s.Prose(text, columns)...) {
			if strings.ContainsFunc(row, func(r rune) bool { return !unicode.IsPrint(r) || ascii && r > '~' }) || Width(row) > max(columns, 2) {
				t.Errorf("%d cells, ASCII %v: %q", columns, ascii, row)
			}
		}
		if columns >= Columns && len(s.Entry("12:00 ", Failed, "CP_1 ", text, nil, columns)) > entryLines {
			t.Errorf("%d cells: more than %d lines: %q", columns, entryLines, rows)
		}
	})
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", time.Microsecond: "1ms", 900 * time.Millisecond: "900ms", 999_600 * time.Microsecond: "1s",
		10*time.Second + 230*time.Millisecond: "10.2s", 45 * time.Second: "45s", 59_960 * time.Millisecond: "1m0s", time.Minute: "1m0s",
		66 * time.Second: "1m6s", 101 * time.Second: "1m41s", time.Hour - time.Millisecond: "1h0m", 192 * time.Minute: "3h12m",
		48*time.Hour - time.Second: "2d0h", 122 * time.Hour: "5d2h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%d) = %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-1: "<1 ms", 0: "<1 ms", 999_999: "<1 ms", time.Millisecond: "1 ms", 3900 * time.Microsecond: "3 ms", 3 * time.Second: "3000 ms"} {
		if got := Milliseconds(d); got != want {
			t.Errorf("Milliseconds(%d) = %q, want %q", d, got, want)
		}
	}
}

func FuzzStyleLine(f *testing.F) {
	f.Add("CP_001 ● OK \"● KO\" \x1b[2J…", 20, true, true)
	f.Fuzz(func(t *testing.T, text string, columns int, ascii, color bool) {
		got := Style{ASCII: ascii, Color: color}.Line(text, columns)
		for _, sgr := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[90m", "\x1b[0m"} {
			got = strings.ReplaceAll(got, sgr, "")
		}
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) || ascii && r > '~' }) || Width(got) > max(columns, 0) {
			t.Fatalf("%q → %q", text, got)
		}
	})
}

func TestTimeOfDay(t *testing.T) {
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for want, at := range map[string]time.Time{"11:59:59": noon.Add(-time.Second), "2026-11-23 12:00:00": noon.Add(-24 * time.Hour)} {
		if got := TimeOfDay(at, noon, time.DateTime); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestShapeOf(t *testing.T) {
	for s, want := range map[evcp.Status]Shape{
		evcp.OK: Up, evcp.KO: Failed, evcp.ConnectionError: Failed, evcp.Unknown: Unknown, evcp.Monitoring: Unknown,
	} {
		if got := ShapeOf(s); got != want {
			t.Errorf("%s is %s, want %s", s, got, want)
		}
	}
}
