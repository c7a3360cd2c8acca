// Package cli is what the main functions of our programs share: signals become a
// context and errors an exit code; settings are loaded, --help and --version
// answered and all errors printed; and it says where state is kept, which ports can
// be listened on and which keys a person pressed.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	_ "time/tzdata" // TZ works where no zones are installed, as in our image

	"evcp/internal/config"
	"evcp/internal/console"
	"evcp/internal/language"
	"evcp/internal/version"
)

// Exit codes that all programs share, as --help says.
const (
	ExitOK     = 0 // stopped as asked
	ExitFailed = 1 // could not go on
	ExitUsage  = 2 // wrong usage or configuration
)

// Main is the main function of a program; it does not return. It loads the settings of p,
// answers --help and --version, and calls run, whose error is printed and becomes the exit
// code. The first of StopSignals ends ctx, and run must return soon after, whatever hangs;
// further signals change nothing. Answers go to stdout, the log and errors to stderr. With
// hangups a SIGHUP is sent there and ends nothing, unless stderr is a terminal, which may
// have been closed.
func Main(p config.Program, run func(context.Context, config.Invocation) error, hangups ...chan<- os.Signal) {
	ends := StopSignals()
	if len(hangups) > 0 && !console.IsTerminal(os.Stderr) {
		ends = slices.DeleteFunc(ends, func(s os.Signal) bool { return s == syscall.SIGHUP })
		signal.Notify(hangups[0], syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	in, code, goOn := loadSettings(p, os.Args[1:], os.Stdout, os.Stderr)
	if goOn {
		code = printErrorInTime(p.Name, ErrorLanguage(in), run(ctx, in))
	}
	stop()
	os.Exit(code)
}

// printLimit is how long printing the last error may take: a stderr that nobody reads
// must not keep a program that has ended.
const printLimit = time.Second

func printErrorInTime(program string, l language.Language, err error) int {
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		PrintError(os.Stderr, program, l, err)
	}()
	select {
	case <-printed:
	case <-time.After(printLimit):
	}
	return exitOf(err).Code
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

// loadSettings loads the settings of p. Help, version and errors are printed; then goOn is
// false, and code is the exit code.
func loadSettings(p config.Program, args []string, stdout, stderr io.Writer) (in config.Invocation, code int, goOn bool) {
	p.Environ = os.Environ
	in, err := p.Load(args, os.Getenv, readFile)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, ErrorLanguage(in).Error(err))
		return in, ExitUsage, false
	case in.Help:
		fmt.Fprint(stdout, p.Help(in.Language))
		return in, ExitOK, false
	case in.Version:
		fmt.Fprintln(stdout, p.Name, version.String())
		return in, ExitOK, false
	}
	return in, ExitOK, true
}

// ErrorLanguage is the language of errors: that of the locale at a terminal, where a person
// reads them. Elsewhere a log collector does, and they are English, unless --lang or
// EVCP_LANG asks for another.
func ErrorLanguage(in config.Invocation) language.Language {
	if in.Asked || console.IsTerminal(os.Stderr) {
		return in.Language
	}
	return language.English
}

func readFile(path string) ([]byte, error) { return ReadFile(path, config.MaxFile) }

// ReadFile reads at most one byte more of a file than it may have: somebody may name a disk
// image, or /dev/zero.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// StateDir is the folder for the state of a program: the one that --state-dir gives, else
// what systemd gives, else the one of the XDG standard, else its default under HOME. Without
// HOME there is no default: a folder below the current one would be another one at the next
// start, and so would the numbers of the events. A path is rejected, too, that can never be
// a folder, since it, or a part of it, is a file. A missing folder can be made, and one that
// can't be read may work later.
func StateDir(given, program string, getenv func(string) string) (string, error) {
	first, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":") // systemd separates several with colons
	dir := cmp.Or(given, first)
	if dir == "" {
		home := UserState(getenv)
		if home == "" {
			return "", UsageError(language.New("no folder for the state: HOME is not set; give one with --state-dir"))
		}
		dir = filepath.Join(home, program)
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() || errors.Is(err, syscall.ENOTDIR) {
		return "", UsageError(language.Errorf("--state-dir %s: a folder is needed, and a file is there", dir))
	}
	return dir, nil
}

// UserState is the folder of a user's state, "" if the environment does not say. The XDG
// standard ignores relative paths.
func UserState(getenv func(string) string) string {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state")
	}
	return ""
}

// LogSettings are the settings of a program's log.
type LogSettings struct {
	Format console.Format
	Level  slog.Level
	Color  console.ColorMode
}

// Settings are their rows in a program's table, the last of the group.
func (l *LogSettings) Settings(group string) []config.Setting {
	return append([]config.Setting{
		{Name: "log-format", Arg: "NAME", Default: "auto", Group: group, Help: "auto, text, logfmt or json", Scope: config.NotInFile,
			Set: config.Choice(&l.Format, console.Auto, console.Text, console.Logfmt, console.JSON)},
		{Name: "log-level", Arg: "NAME", Default: "info", Group: group, Help: "debug, info, warn or error", Scope: config.NotInFile, Set: l.setLevel},
	}, l.ShownSettings(group)...)
}

// ShownSettings are the rows of a program that has no other settings for its log.
func (l *LogSettings) ShownSettings(group string) []config.Setting {
	return []config.Setting{{
		Name: "color", Arg: "WHEN", Default: "auto", Group: group, Help: "auto, always or never", Scope: config.NotInFile,
		Set: config.Choice(&l.Color, console.ColorAuto, console.ColorAlways, console.ColorNever),
	}, config.LanguageFlag(group)}
}

func (l *LogSettings) setLevel(s string) error {
	var word string
	if err := config.Choice(&word, "debug", "info", "warn", "error")(s); err != nil {
		return err
	}
	return l.Level.UnmarshalText([]byte(word))
}

// OpenLog opens the log of a program that serves until it is stopped, on stderr. From then
// on a reader of stderr or stdout that goes away (a log collector that dies, head -1) does
// not end the program, as SIGPIPE does otherwise, and a terminal that takes nothing from
// the background ("stty tostop") does not stop it, as SIGTTOU does. The caller closes the
// console.
func (l LogSettings) OpenLog(said language.Language) *console.Console {
	signal.Ignore(syscall.SIGPIPE, syscall.SIGTTOU)
	return console.Open(console.Options{Out: os.Stderr, Getenv: os.Getenv, Format: l.Format, Level: l.Level, Color: l.Color, Language: said, Log: true})
}

// OpenAnswer opens the console for the answer to a command, on stdout. A reader that goes
// away ends the program by SIGPIPE, as it does with other commands. The settings of
// format and level are for the log alone.
func (l LogSettings) OpenAnswer() *console.Console {
	return console.Open(console.Options{Out: os.Stdout, Getenv: os.Getenv, Color: l.Color})
}

// Keys are the keys that are pressed, nil without a terminal. Call restore at the end.
func Keys(ctx context.Context, c *console.Console) (keys <-chan rune, restore func()) {
	if !c.Terminal() {
		return nil, func() {}
	}
	keys, restore, err := console.Keys(ctx, os.Stdin)
	if err != nil {
		c.Logger().Warn(c.Language().Sprintf("no keys: %s", err), "error", err)
	}
	return keys, restore
}

// Attend reads the keys at the terminal of a program that has no others: q ends the
// context as Ctrl-C does, and ? prints help. What is typed is not shown, so it stands in no
// line of the log. Call end before c is closed.
func Attend(ctx context.Context, c *console.Console, help ...string) (attended context.Context, end func()) {
	attended, quit := context.WithCancel(ctx)
	keys, restore := Keys(attended, c)
	var reading sync.WaitGroup
	if keys != nil {
		reading.Go(func() {
			for key := range keys {
				switch key {
				case KeyHelp:
					c.Print(help...)
				case KeyQuit:
					quit()
				}
			}
		})
	}
	return attended, func() { quit(); restore(); reading.Wait() }
}

// Keys that mean the same in every program.
const (
	KeyHelp = '?'
	KeyQuit = 'q'
)
