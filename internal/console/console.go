// Package console writes what a person or a log collector sees of a program: log
// lines and one live line at the bottom of a terminal. It also reads single keys.
//
// A Console owns one output, normally stderr, and is safe for any number of
// goroutines. Each call is one write, in the order of the calls. One for answers waits
// for its output. One for a log never does (Options.Log): while the output stands still,
// as a terminal after Ctrl-S, a pipe whose reader sleeps or a slow disk, lines are queued;
// those that the queue has no room for, and those whose reader is gone or whose disk is
// full, are dropped and counted, and the next line that can be written gives their number.
//
// Control characters, invisible characters and bytes that are not UTF-8 are escaped
// in all that is printed. Packages that receive text from peers escape it before.
package console

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"evcp/internal/display"
	"evcp/internal/language"
)

// Format is how log lines are written.
type Format string

// Formats.
const (
	Auto   Format = "auto"   // Text at a terminal, Logfmt elsewhere
	Text   Format = "text"   // for people: local time, shape, id, words
	Logfmt Format = "logfmt" // time=… level=… msg=… key=value, UTC
	JSON   Format = "json"   // the same as one object
)

// Options set a Console up. Only Out is required.
type Options struct {
	Out    *os.File
	Getenv func(string) string // os.Getenv or alike; nil: an empty environment
	Format Format              // "" is Auto
	Color  ColorMode           // "" is AutoColor
	Level  slog.Level          // the least that is logged
	Zone   *time.Location      // of Text's times; nil: local time
	Log    bool                // no call waits for Out

	Language language.Language // of the log, where a person reads it
}

// ColorMode says when colour is used.
type ColorMode string

// Ways to use colour.
const (
	ColorAuto   ColorMode = "auto" // at a terminal, unless NO_COLOR is set or it is dumb
	ColorAlways ColorMode = "always"
	ColorNever  ColorMode = "never"
)

// Console writes to one output. Close it before the program ends.
type Console struct {
	out    *os.File
	output logOutput
	style  display.Style
	format Format
	level  slog.Level
	zone   *time.Location
	said   language.Language
	tty    bool // Out is a terminal
	redraw bool // Out is one that can redraw its last line

	mu         sync.Mutex // guards what is on the screen
	live       []string   // the live line as last set, the best first
	on         bool       // it is drawn
	loggedLost uint64     // lost lines of which the log has given the number
	recent     []string   // the last lines of a log, as Logfmt has them
}

// Open makes a Console. It writes nothing yet.
func Open(o Options) *Console {
	getenv := o.Getenv
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	c := &Console{out: o.Out, style: StyleOf(o.Out, getenv, o.Color), format: o.Format, level: o.Level, zone: o.Zone}
	c.output.file, c.output.log = o.Out, o.Log
	c.tty = IsTerminal(o.Out)
	c.redraw = c.tty && getenv("TERM") != "dumb"
	if c.zone == nil {
		c.zone = time.Local
	}
	if c.format == "" || c.format == Auto {
		c.format = Logfmt
		if c.tty {
			c.format = Text
		}
	}
	if c.Terminal() {
		c.said = o.Language
	}
	return c
}

// Language is that of the log: the one asked for where a person reads Text at a terminal,
// and English for machines.
func (c *Console) Language() language.Language { return c.said }

// Terminal reports whether Out is a terminal that shows Text: whether a person reads
// it, for whom a banner and a summary are worth printing.
func (c *Console) Terminal() bool { return c.tty && c.format == Text }

// Print writes lines of prose above the live line, shapes painted, each broken at the
// width of the terminal. It is for banners, answers and summaries.
func (c *Console) Print(lines ...string) {
	var rows []string
	for _, line := range lines {
		rows = append(rows, c.style.Prose(line, c.width(display.Columns))...)
	}
	c.above(rows...)
}

// Columns is how many cells a line of prose has before it is broken: those of the
// terminal, at most 80.
func (c *Console) Columns() int { return min(c.width(display.Columns), display.Columns) }

// width is how many cells a line may have: at most the most that is asked for,
// at most the terminal's. Away from a terminal nothing needs cutting.
func (c *Console) width(most int) int {
	if !c.tty {
		return unlimited
	}
	if w, _, err := term.GetSize(int(c.out.Fd())); err == nil && w > 0 {
		return min(most, w)
	}
	return min(most, display.Columns)
}

// unlimited is more cells than any line has.
const unlimited = 1 << 30

// maxRecent lines are kept for Recent: some 40 kB.
const maxRecent = 200

// keep remembers a line of the log.
func (c *Console) keep(line string) {
	if !c.output.log {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.recent) == maxRecent {
		copy(c.recent, c.recent[1:])
		c.recent = c.recent[:maxRecent-1]
	}
	c.recent = append(c.recent, line)
}

// Recent are the last lines of the log, the oldest first, whether anybody read them or not.
func (c *Console) Recent() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.recent)
}

// Lost is how many lines of a log were dropped, since nobody read it or it could not be
// written. Any goroutine may call it at any time.
func (c *Console) Lost() uint64 { return c.output.lost() }

// StyleOf finds the style of out. Characters beyond ASCII need a UTF-8 locale
// (the first set of LC_ALL, LC_CTYPE, LANG) and a terminal whose font has them.
func StyleOf(out *os.File, getenv func(string) string, when ColorMode) display.Style {
	name := getenv("TERM")
	plain := IsTerminal(out) && (name == "dumb" || name == "linux")
	return display.Style{
		ASCII: plain || !isUTF8(getenv),
		Color: when == ColorAlways || when != ColorNever && IsTerminal(out) && name != "dumb" && getenv("NO_COLOR") == "",
	}
}

func isUTF8(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := getenv(name); locale != "" {
			locale = strings.ToLower(locale)
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return false
}

// IsTerminal reports whether a person reads f, or types into it.
func IsTerminal(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }

// The live line is drawn with the cursor put back to its start. A terminal that is
// made narrower breaks the line in two and leaves the cursor there, so "erase from
// here to the end" always removes all of it and never a log line above.
const (
	eraseLive = "\r\x1b[J"
	home      = "\r"
	wordLive  = "live"
)

// Live shows a text as the last line, in place of what was there; "" takes it away.
// Shapes in it are painted. Of several texts, the best first, it is the first that
// fits the terminal's width at this moment, or the last, cut; so a caller who calls
// each second follows a resize within one. Where the last line
// can't be redrawn (a file, a pipe, a dumb terminal, logfmt) nothing happens, and
// neither while a shell has the program in the background: that line is the
// shell's prompt then.
func (c *Console) Live(texts ...string) {
	if !c.redraw || c.format != Text {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = texts
	if !c.output.log || c.output.idle() {
		c.output.write(c.erase() + c.draw())
	}
}

// above writes whole lines above the live line.
func (c *Console) above(lines ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	drawn, lost := c.on, c.loggedLost
	if c.output.log && c.output.idle() {
		lost = c.output.lost()
	}
	if n := lost - c.loggedLost; n > 0 {
		lines = append(c.lostLine(n), lines...)
	}
	text := strings.Join(append(lines, ""), "\n")
	if c.output.write(c.erase() + text + c.draw()) {
		c.loggedLost = lost
	} else {
		c.on = drawn
	}
}

var lostLines = display.NewPlural("left out %d line: nobody read the log, or it could not be written",
	"left out %d lines: nobody read the log, or it could not be written")

func (c *Console) lostLine(n uint64) []string {
	e := logRecord{at: time.Now(), level: slog.LevelWarn, text: lostLines.In(c.said).Of(int64(n))}
	return c.format.encode(e, c)
}

// Close takes the live line away and waits for what is queued, though not long for an
// output that stands still. Lines logged afterwards are still written; another Close
// waits for them.
func (c *Console) Close() {
	c.Live("")
	c.output.flush()
}

// erase returns what takes the live line off the screen. c.mu is held.
func (c *Console) erase() string {
	if !c.on {
		return ""
	}
	c.on = false
	if !isForeground(int(c.out.Fd())) {
		return ""
	}
	return eraseLive
}

// draw returns the live line, one cell short of the width because a few terminals
// move on by themselves after the last. c.mu is held.
func (c *Console) draw() string {
	columns := c.width(display.Columns) - 1
	text := c.liveIn(columns)
	if text == "" || !isForeground(int(c.out.Fd())) {
		return ""
	}
	c.on = true
	return c.style.Line(c.leadLive()+text, columns) + home
}

func (c *Console) leadLive() string { return c.said.Text(wordLive) + "  " }

// liveIn is the text of the live line for a width.
func (c *Console) liveIn(columns int) (text string) {
	for _, text = range c.live {
		if display.Width(c.leadLive()+text) <= columns {
			break
		}
	}
	return text
}

// Path shortens the home directory in a path: ~/state.
func Path(path string) string {
	home, err := os.UserHomeDir()
	if rest, ok := strings.CutPrefix(path, home+string(os.PathSeparator)); err == nil && ok {
		return filepath.Join("~", rest)
	}
	return path
}
