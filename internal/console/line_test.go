package console_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"evcp/internal/console"
	"evcp/internal/display"
)

var noon = time.Date(2026, 3, 1, 12, 4, 33, 250_000_000, time.UTC)

// logged returns what a Console with o writes to a file for one record.
func logged(t *testing.T, o console.Options, level slog.Level, text string, args ...any) string {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o.Out, o.Zone = f, time.FixedZone("UTC+1", 3600)
	r := slog.NewRecord(noon, level, text, 0)
	r.Add(args...)
	h := console.Open(o).Logger().Handler()
	if h.Enabled(t.Context(), level) {
		if err := h.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = f.Seek(0, io.SeekStart)
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func utf8Locale(name string) string {
	if name == "LANG" {
		return "es_ES.UTF-8"
	}
	return ""
}

func TestALineInEachFormat(t *testing.T) {
	args := []any{console.Shape(display.Failed), console.CP("CP_001"), slog.String("cause", "said_ko"), slog.Int("failures", 3),
		slog.Duration("latency", 1500*time.Microsecond), slog.Any("err", errors.New("not \"nice\"\nat all")),
		slog.Group("kafka", slog.Time("at", noon), slog.Bool("up", false))}
	for _, c := range []struct {
		o    console.Options
		want string
	}{
		{console.Options{Format: console.Text, Getenv: utf8Locale}, "13:04:33 ▲ CP_001 KO: 3 checks in a row\n"},
		{console.Options{Format: console.Text}, "13:04:33 ! CP_001 KO: 3 checks in a row\n"},
		{console.Options{Format: console.Text, Getenv: utf8Locale, Color: console.ColorAlways},
			"13:04:33 \x1b[31m▲\x1b[0m CP_001 \x1b[31mKO\x1b[0m: 3 checks in a row\n"},
		{console.Options{Format: console.Text, Getenv: utf8Locale, Level: slog.LevelDebug},
			`13:04:33 ▲ CP_001 KO: 3 checks in a row cause=said_ko failures=3 latency=1.5ms err="not \"nice\"\nat all"` +
				" kafka.at=2026-03-01T12:04:33.250Z kafka.up=false\n"},
		{console.Options{}, `time=2026-03-01T12:04:33.250Z level=info cp=CP_001 msg="KO: 3 checks in a row" shape=failed cause=said_ko failures=3 ` +
			`latency=1.5ms err="not \"nice\"\nat all" kafka.at=2026-03-01T12:04:33.250Z kafka.up=false` + "\n"},
		{console.Options{Format: console.JSON}, `{"time":"2026-03-01T12:04:33.250Z","level":"info","cp":"CP_001","msg":"KO: 3 checks in a row",` +
			`"shape":"failed","cause":"said_ko","failures":3,"latency":"1.5ms","err":"not \"nice\"\u000aat all",` +
			`"kafka.at":"2026-03-01T12:04:33.250Z","kafka.up":false}` + "\n"},
	} {
		if got := logged(t, c.o, slog.LevelInfo, "KO: 3 checks in a row", args...); got != c.want {
			t.Errorf("%+v\ngot  %q\nwant %q", c.o, got, c.want)
		}
	}
}

// TestAPersonReadsTheError: an error stands under the sentence, unless what it means does.
func TestAPersonReadsTheError(t *testing.T) {
	o := console.Options{Format: console.Text, Getenv: utf8Locale}
	failed := slog.Any("error", errors.New("no such\x1b[2J\ntopic"))
	got := logged(t, o, slog.LevelWarn, "can't read; tries again", failed)
	if lines := strings.Split(got, "\n"); len(lines) != 3 || !strings.Contains(lines[1], "           no such") || strings.ContainsAny(got, "\x1b") {
		t.Errorf("got %q", got)
	}
	got = logged(t, o, slog.LevelWarn, "can't read", failed, slog.String("do", "make the topic"))
	if !strings.Contains(got, "make the topic") || strings.Contains(got, "no such") {
		t.Errorf("with advice: %q", got)
	}
}

func TestOnlyTheShapeAndTheStatesWordArePainted(t *testing.T) {
	g, r, e := "\x1b[32m", "\x1b[31m", "\x1b[0m"
	for _, c := range []struct {
		shape    display.Shape
		cp, text string
		want     string
	}{
		{display.Up, "CP_001", "OK: the Engine answers in 1 ms", g + "●" + e + " CP_001 " + g + "OK" + e + ": the Engine answers in 1 ms"},
		{display.Up, "OK", "BROKEN", g + "●" + e + " OK BROKEN"},
		{display.Up, "", "6 of 6 activated", g + "●" + e + " 6 of 6 " + g + "activated" + e},
		{display.Failed, "CP_002", "faulted: says KO", r + "▲" + e + " CP_002 " + r + "faulted" + e + ": says KO"},
		{display.Reported, "CP_001", `failure told to Central: "KO ● OK"`, `→ CP_001 failure told to Central: "KO ● OK"`},
		{display.Failed, "CP_001", `it said "KO"`, r + "▲" + e + ` CP_001 it said "KO"`},
		{display.Note, "CP_005", "OK again", "· CP_005 OK again"},
		{display.Shape(99), "CP_005", "OK", "· CP_005 OK"},
	} {
		o := console.Options{Format: console.Text, Getenv: utf8Locale, Color: console.ColorAlways}
		got := logged(t, o, slog.LevelWarn, c.text, console.Shape(c.shape), console.CP("CP_001"), slog.String("cp", c.cp))
		if want := "13:04:33 " + c.want + "\n"; got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestNothingDangerousIsPrinted(t *testing.T) {
	evil := "a\x1b[2J\r\n\u202eb\u009b\xff\u2028\U000e0001c\"="
	for _, f := range []console.Format{console.Text, console.Logfmt, console.JSON} {
		for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug} {
			for _, getenv := range []func(string) string{nil, utf8Locale} {
				o := console.Options{Format: f, Level: level, Getenv: getenv}
				got := logged(t, o, slog.LevelInfo, evil, slog.String(evil, evil), slog.Any("any", []string{evil}), slog.String("cp", evil))
				line, whole := strings.CutSuffix(got, "\n")
				if !whole || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%s: %q", f, got)
				}
			}
		}
	}
}

func TestJSONIsJSON(t *testing.T) {
	got := logged(t, console.Options{Format: console.JSON}, slog.LevelError, "\x00\u202e\U000e0001\"\\ñ🔌",
		slog.Float64("inf", 1/zero), slog.Float64("half", .5), slog.Uint64("n", 1<<63), slog.Any("nil", nil))
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(got)))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	want := map[string]any{"msg": "\x00\u202e\U000e0001\"\\ñ🔌", "level": "error", "inf": "+Inf", "half": json.Number("0.5"),
		"n": json.Number("9223372036854775808"), "nil": "<nil>", "time": "2026-03-01T12:04:33.250Z"}
	for k, v := range want {
		if m[k] != v {
			t.Errorf("%s: %#v, want %#v", k, m[k], v)
		}
	}
	if len(m) != len(want) {
		t.Errorf("got %v", m)
	}
}

var zero float64

func TestLevelsAndGroups(t *testing.T) {
	if got := logged(t, console.Options{Level: slog.LevelWarn}, slog.LevelInfo, "x"); got != "" {
		t.Errorf("got %q", got)
	}
	f, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	log := console.Open(console.Options{Out: f}).Logger().With(console.CP("CP_1"), slog.Int("a", 1))
	one, two := log.WithGroup("g").With("b", 2), log.With("c", 3)
	one.Info("one", "d", 4)
	two.Info("two")
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"level=info cp=CP_1 msg=one a=1 g.b=2 g.d=4\n", "level=info cp=CP_1 msg=two a=1 c=3\n"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in\n%s", want, b)
		}
	}
}

func TestStyleFollowsTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		when console.ColorMode
		want display.Style
	}{
		{nil, "", display.Style{ASCII: true}},
		{map[string]string{"LANG": "C"}, console.ColorAlways, display.Style{ASCII: true, Color: true}},
		{map[string]string{"LANG": "C", "LC_CTYPE": "C.utf8"}, console.ColorAlways, display.Style{Color: true}},
		{map[string]string{"LANG": "en_GB.UTF-8", "LC_ALL": "POSIX"}, console.ColorNever, display.Style{ASCII: true}},
		{map[string]string{"LANG": "en_GB.UTF-8", "NO_COLOR": "1"}, console.ColorAlways, display.Style{Color: true}},
	} {
		f, err := os.CreateTemp(t.TempDir(), "out")
		if err != nil {
			t.Fatal(err)
		}
		if got := console.StyleOf(f, func(name string) string { return c.env[name] }, c.when); got != c.want {
			t.Errorf("%v %s: %+v, want %+v", c.env, c.when, got, c.want)
		}
		_ = f.Close()
	}
}

// TestALogNeverWaits logs to a pipe that nobody reads, and then to one that is read again:
// what found no room is counted, and the next line says so.
func TestALogNeverWaits(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	c := console.Open(console.Options{Out: out, Log: true})
	for n := range 20_000 { // more than a pipe and the queue hold
		c.Logger().Info("a line", "n", n)
	}
	lost := c.Lost()
	c.Close() // does not wait for ever
	if lost == 0 || lost > 19_000 {
		t.Errorf("%d lines lost", lost)
	}
	var read sync.WaitGroup
	var text []byte
	read.Go(func() { text, err = io.ReadAll(in) })
	c.Close()
	c.Logger().Info("again")
	c.Close()
	out.Close()
	read.Wait()
	want := fmt.Sprintf(`msg="left out %d lines: nobody read the log, or it could not be written"`, lost)
	if err != nil || strings.Count(string(text), "left out") != 1 || !strings.Contains(string(text), want) {
		t.Errorf("no %s in the last of %d bytes: %s (%v)", want, len(text), text[max(0, len(text)-500):], err)
	}
	if got := uint64(strings.Count(string(text), "a line")) + lost; got != 20_000 {
		t.Errorf("%d lines are written or lost, of 20000", got)
	}
}

// TestALogThatCannotBeWritten is lost line by line, and counted.
func TestALogThatCannotBeWritten(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in.Close()
	c := console.Open(console.Options{Out: out, Log: true})
	c.Logger().Info("one")
	c.Logger().Info("two")
	c.Close()
	if c.Lost() != 2 {
		t.Errorf("%d lines lost, of 2", c.Lost())
	}
}
