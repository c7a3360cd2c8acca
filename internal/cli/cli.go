// Package cli is what the main functions of our programs share: signals become a
// context and errors an exit code; settings are loaded, --help and --version
// answered and all errors printed; and it says where state is kept, which ports can
// be listened on and which keys a person pressed.
package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"evcp/internal/config"
	"evcp/internal/console"
	"evcp/internal/version"
)

// Exit codes that all programs share, as --help says.
const (
	ExitOK     = 0 // stopped as asked
	ExitFailed = 1 // could not go on
	ExitUsage  = 2 // wrong usage or configuration
)

// Main calls run, which is all that a program does, and exits with the code that run
// returns; it does not return. The first of StopSignals ends ctx, and run must return
// soon after, whatever hangs; further signals change nothing. Answers go to stdout,
// the log to stderr.
func Main(run func(ctx context.Context, args []string, stdout, stderr *os.File) int) {
	ctx, stop := signal.NotifyContext(context.Background(), StopSignals()...)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// StopSignals are SIGINT, SIGTERM, and SIGHUP, which comes when the terminal closes, unless
// nohup has it ignored.
func StopSignals() []os.Signal {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		ends = append(ends, syscall.SIGHUP)
	}
	return ends
}

// LoadSettings loads the settings of p. Help, version and errors are printed; then goOn is
// false, and code is the exit code.
func LoadSettings(p config.Program, args []string, stdout, stderr io.Writer) (l config.Invocation, code int, goOn bool) {
	l, err := p.Load(args, os.Getenv, readFile)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, err)
		return l, ExitUsage, false
	case l.Help:
		fmt.Fprint(stdout, p.Help())
		return l, ExitOK, false
	case l.Version:
		fmt.Fprintln(stdout, p.Name, version.String())
		return l, ExitOK, false
	}
	return l, ExitOK, true
}

// readFile reads as much of a settings file as Load looks at: somebody may name a disk
// image, or /dev/zero.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, config.MaxFile+1))
}

// StateDir is the folder for the state of a program: what systemd gives, else the one of
// the XDG standard, else its default under HOME.
func StateDir(program string, getenv func(string) string) string {
	if dir := getenv("STATE_DIRECTORY"); dir != "" {
		first, _, _ := strings.Cut(dir, ":") // systemd separates several with colons
		return first
	}
	if dir := getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, program)
	}
	return filepath.Join(getenv("HOME"), ".local", "state", program)
}

// LogSettings are the settings of a program's log.
type LogSettings struct {
	Format console.Format
	Level  slog.Level
	Color  console.ColorMode
}

// Settings are their rows in a program's table, the last of the group.
func (l *LogSettings) Settings(group string) []config.Setting {
	return []config.Setting{
		{Name: "log-format", Arg: "NAME", Default: "auto", Group: group, Help: "auto, text, logfmt or json", Scope: config.NotInFile,
			Set: config.Choice(&l.Format, console.Auto, console.Text, console.Logfmt, console.JSON)},
		{Name: "log-level", Arg: "NAME", Default: "info", Group: group, Help: "debug, info, warn or error", Scope: config.NotInFile, Set: l.setLevel},
		l.ColorSetting(group),
	}
}

// ColorSetting is the row of a program that has no other setting for its log.
func (l *LogSettings) ColorSetting(group string) config.Setting {
	return config.Setting{
		Name: "color", Arg: "WHEN", Default: "auto", Group: group, Help: "auto, always or never", Scope: config.NotInFile,
		Set: config.Choice(&l.Color, console.ColorAuto, console.ColorAlways, console.ColorNever),
	}
}

func (l *LogSettings) setLevel(s string) error {
	var word string
	if err := config.Choice(&word, "debug", "info", "warn", "error")(s); err != nil {
		return err
	}
	return l.Level.UnmarshalText([]byte(word))
}

// Open opens a console on out.
func (l LogSettings) Open(out *os.File) *console.Console {
	return console.Open(console.Options{Out: out, Getenv: os.Getenv, Format: l.Format, Level: l.Level, Color: l.Color})
}

// Keys are the keys that are pressed, nil without a terminal. Call restore at the end.
func Keys(ctx context.Context, c *console.Console) (keys <-chan rune, restore func()) {
	if !c.Terminal() {
		return nil, func() {}
	}
	keys, restore, err := console.Keys(ctx, os.Stdin)
	if err != nil {
		c.Logger().Warn("no keys: "+err.Error(), "error", err)
	}
	return keys, restore
}
