package cli_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/version"
)

// kettle is a program with one setting.
func kettle(cups *int) config.Program {
	return config.Program{
		Name: "kettle", About: "Boils water.", Usage: []config.Usage{{Args: "[flags]", Help: "boil"}},
		Settings: []config.Setting{{Name: "cups", Arg: "N", Default: "2", Group: "Water", Help: "how many", Set: config.Count(cups)}},
	}
}

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		code   int
		goOn   bool
		cups   int
		stdout string // what it begins with
		stderr string
	}{
		"the default":   {nil, cli.ExitOK, true, 2, "", ""},
		"a flag":        {[]string{"--cups", "3"}, cli.ExitOK, true, 3, "", ""},
		"help":          {[]string{"--help"}, cli.ExitOK, false, 0, "Boils water.\n\nUsage: kettle [flags]", ""},
		"version":       {[]string{"--version"}, cli.ExitOK, false, 0, "kettle " + version.String() + "\n", ""},
		"wrong usage":   {[]string{"--cups", "none"}, cli.ExitUsage, false, 0, "", "kettle: --cups none: a whole number"},
		"unknown flag":  {[]string{"--cupz", "3"}, cli.ExitUsage, false, 2, "", "kettle: unknown flag --cupz. Did you mean --cups?\n"},
		"help wins":     {[]string{"--cops", "--help"}, cli.ExitOK, false, 0, "Boils water.", ""},
		"two mistakes":  {[]string{"--cups", "none", "--x"}, cli.ExitUsage, false, 0, "", "kettle: 2 errors; nothing was started."},
		"no such thing": {[]string{"tea"}, cli.ExitUsage, false, 2, "", "kettle: unexpected argument tea."},
	} {
		t.Run(name, func(t *testing.T) {
			var cups int
			var stdout, stderr bytes.Buffer
			_, code, goOn := cli.LoadSettings(kettle(&cups), c.args, &stdout, &stderr)
			if code != c.code || goOn != c.goOn || cups != c.cups {
				t.Errorf("exit %d, goes on: %v, %d cups", code, goOn, cups)
			}
			for what, pair := range map[string][2]string{"stdout": {stdout.String(), c.stdout}, "stderr": {stderr.String(), c.stderr}} {
				if got, want := pair[0], pair[1]; !strings.HasPrefix(got, want) || want == "" && got != "" {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
		})
	}
}

func TestStateDir(t *testing.T) {
	for _, c := range []struct{ systemd, desktop, want string }{
		{"/var/lib/kettle/a:/var/lib/kettle/b", "/x", "/var/lib/kettle/a"},
		{"/var/lib/kettle", "", "/var/lib/kettle"},
		{"", "/home/ana/.state", "/home/ana/.state/kettle"},
		{"", "", "/home/ana/.local/state/kettle"},
	} {
		env := map[string]string{"STATE_DIRECTORY": c.systemd, "XDG_STATE_HOME": c.desktop, "HOME": "/home/ana"}
		if got := cli.StateDir("kettle", func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%q, %q: %s, want %s", c.systemd, c.desktop, got, c.want)
		}
	}
}

func TestLogSettings(t *testing.T) {
	for word, want := range map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		var l cli.LogSettings
		for _, s := range l.Settings("Running") {
			if s.Name != "log-level" {
				continue
			}
			if err := s.Set(word); err != nil || l.Level != want {
				t.Errorf("%s is %v, %v", word, l.Level, err)
			}
			if s.Set("loud") == nil {
				t.Error("a level that is none was taken")
			}
		}
	}
}
