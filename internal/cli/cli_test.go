package cli

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"evcp/internal/config"
	"evcp/internal/version"
)

// exampleProgram is a program with one setting.
func exampleProgram(times *int) config.Program {
	return config.Program{
		Name: "example", About: "Does little.", Usage: []config.Usage{{Args: "[flags]", Help: "do it"}},
		Settings: []config.Setting{{Name: "times", Arg: "N", Default: "2", Group: "Work", Help: "how many", Set: config.Count(times)}},
	}
}

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		code   int
		goOn   bool
		times  int
		stdout string // what it begins with
		stderr string
	}{
		"the default":   {nil, ExitOK, true, 2, "", ""},
		"a flag":        {[]string{"--times", "3"}, ExitOK, true, 3, "", ""},
		"help":          {[]string{"--help"}, ExitOK, false, 0, "Does little.\n\nUsage: example [flags]", ""},
		"version":       {[]string{"--version"}, ExitOK, false, 0, "example " + version.String() + "\n", ""},
		"wrong usage":   {[]string{"--times", "none"}, ExitUsage, false, 0, "", "example: --times none: a whole number"},
		"unknown flag":  {[]string{"--timez", "3"}, ExitUsage, false, 2, "", "example: unknown flag --timez. Did you mean --times?\n"},
		"help wins":     {[]string{"--tims", "--help"}, ExitOK, false, 0, "Does little.", ""},
		"two mistakes":  {[]string{"--times", "none", "--x"}, ExitUsage, false, 0, "", "example: 2 errors; nothing was started."},
		"no such thing": {[]string{"often"}, ExitUsage, false, 2, "", "example: unexpected argument often."},
	} {
		t.Run(name, func(t *testing.T) {
			var times int
			var stdout, stderr bytes.Buffer
			_, code, goOn := loadSettings(exampleProgram(&times), c.args, &stdout, &stderr)
			if code != c.code || goOn != c.goOn || times != c.times {
				t.Errorf("exit %d, goes on: %v, %d times", code, goOn, times)
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
		{"/var/lib/example/a:/var/lib/example/b", "/x", "/var/lib/example/a"},
		{"/var/lib/example", "", "/var/lib/example"},
		{"", "/home/ana/.state", "/home/ana/.state/example"},
		{"", "", "/home/ana/.local/state/example"},
	} {
		env := map[string]string{"STATE_DIRECTORY": c.systemd, "XDG_STATE_HOME": c.desktop, "HOME": "/home/ana"}
		if got, err := StateDir("", "example", func(name string) string { return env[name] }); got != c.want || err != nil {
			t.Errorf("%q, %q: %s, %v, want %s", c.systemd, c.desktop, got, err, c.want)
		}
	}
}

// An init script, a bare unit of systemd and a container's exec may have no HOME.
func TestStateDirWithoutHome(t *testing.T) {
	for _, env := range []map[string]string{{}, {"HOME": "here"}, {"XDG_STATE_HOME": "state"}, {"XDG_STATE_HOME": "state", "HOME": "."}} {
		got, err := StateDir("", "example", func(name string) string { return env[name] })
		if err == nil || !strings.Contains(err.Error(), "--state-dir") || exitOf(err).Code != ExitUsage {
			t.Errorf("%v: %q, %v", env, got, err)
		}
		if got, err := StateDir("here", "example", func(name string) string { return env[name] }); got != "here" || err != nil {
			t.Errorf("%v: --state-dir here is %q, %v", env, got, err)
		}
	}
	env := map[string]string{"XDG_STATE_HOME": "state", "HOME": "/home/ana"}
	if got, err := StateDir("", "example", func(name string) string { return env[name] }); got != "/home/ana/.local/state/example" || err != nil {
		t.Errorf("a relative XDG_STATE_HOME: %q, %v", got, err)
	}
}

func TestLogSettings(t *testing.T) {
	for word, want := range map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		var l LogSettings
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
