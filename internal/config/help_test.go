package config_test

import (
	"os"
	"strings"
	"testing"

	"evcp/internal/config"
	"evcp/internal/display"
	"evcp/internal/language"
)

func TestHelpOfTheMonitorWordForWord(t *testing.T) {
	want, err := os.ReadFile("testdata/ev-cp-m.help")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(monitor(&options{}).Help(language.English), "\n")
	for i, line := range strings.Split(string(want), "\n") {
		if i >= len(got) || got[i] != line {
			t.Fatalf("line %d of\n%s\nwant %q", i+1, strings.Join(got, "\n"), line)
		}
	}
}

func TestHelpNeverExceeds80Columns(t *testing.T) {
	p := config.Program{
		Name:  "ev-central",
		About: strings.Repeat("many words ", 20),
		Usage: []config.Usage{{"--listen HOST:PORT --registry FILE", strings.Repeat("what it does ", 9)}},
		Settings: []config.Setting{
			{Name: "a-name-that-is-too-long", Arg: "PLACEHOLDER", Default: "x", Group: "One", Help: strings.Repeat("word ", 30)},
			{Name: "short", Group: "Two", Help: "switch"},
		},
	}
	want := `  --a-name-that-is-too-long PLACEHOLDER
                           word word word word word word word word word word
                           word word word word word word word word word word
                           word word word word word word word word word word (x)

Two
  --short                  switch
  --version
  -h, --help
`
	if got := p.Help(language.English); !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant in it\n%s", got, want)
	}
	for line := range strings.Lines(p.Help(language.English)) {
		if display.Width(strings.TrimRight(line, "\n")) > 80 {
			t.Errorf("too wide: %s", line)
		}
	}
}
