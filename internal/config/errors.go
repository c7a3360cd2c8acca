package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"evcp/internal/display"
	"evcp/internal/language"
)

// problem is one error: a sentence or two, and where the file shows it.
type problem struct {
	why     error        // said in the language of the person
	at      filePosition // the zero value for flags and variables
	seeHelp bool
}

// LoadError holds everything that is wrong with a command line, its environment
// and its file. Error and In are the whole text for a person: several lines, at most 80
// columns, no newline at the end, no control characters but the line breaks.
type LoadError struct {
	program  string
	problems []problem
}

// maxProblems are shown; more would scroll the first one away.
const maxProblems = 20

// prose is where paragraphs wrap: a little before display.Columns reads better.
const prose = display.Columns - 4

func (e *LoadError) Error() string { return e.In(language.English) }

// In words one error as a sentence after the program's name, several as a
// count and a block for each.
func (e *LoadError) In(said language.Language) string {
	lines := e.problems[0].lines(said, e.program+": ")
	seeHelp := slices.ContainsFunc(e.problems, func(p problem) bool { return p.seeHelp })
	if n := len(e.problems); n > 1 {
		lines = append(display.Wrap(e.headline(said), prose), "")
		for _, p := range e.problems[:min(n, maxProblems)] {
			lines = append(lines, p.lines(said, "")...)
		}
		if n > maxProblems {
			lines = append(lines, said.Sprintf(phraseMore, n-maxProblems))
		}
		if seeHelp {
			lines = append(lines, "")
		}
	}
	if seeHelp {
		lines = append(lines, said.Sprintf(phraseSeeHelp, e.program))
	}
	return strings.Join(lines, "\n")
}

// Sentences are the errors without the lines that they are about, for a log.
func (e *LoadError) Sentences(said language.Language) []string {
	var all []string
	for _, p := range e.problems[:min(len(e.problems), maxProblems)] {
		all = append(all, said.Error(p.why))
	}
	if n := len(e.problems); n > maxProblems {
		all = append(all, said.Sprintf(phraseMore, n-maxProblems))
	}
	return all
}

func (e *LoadError) headline(said language.Language) string {
	if slices.ContainsFunc(e.problems, func(p problem) bool { return p.at.path == "" }) {
		return e.program + ": " + said.Sprintf(phraseErrors, len(e.problems))
	}
	return e.program + ": " + said.Sprintf(phraseErrorsIn, len(e.problems), e.problems[0].at.path)
}

func (p problem) lines(said language.Language, lead string) []string {
	lines := display.Wrap(lead+said.Error(p.why), prose)
	if p.at.span != "" {
		lines = append(lines, p.at.excerpt()...)
	}
	return lines
}

// filePosition is a place in a file, with the source line around it.
type filePosition struct {
	path                string
	line                int    // from 1; 0 is the whole file
	before, span, after string // the source line in three parts; the carets go under span
}

func (l filePosition) problem(why error) problem {
	where := l.path
	if l.line > 0 {
		where += ":" + strconv.Itoa(l.line)
	}
	return problem{why: language.Errorf("%s: %w", where, why), at: l}
}

// tabsToBlanks makes each tab one blank, as wide as the caret under it.
func tabsToBlanks(line []rune) string {
	return display.Safe(strings.ReplaceAll(string(line), "\t", " "))
}

// gutter is "    7 | " before the source.
const gutter = 5 + len(" | ")

// excerpt shows the source line and carets under the span. Of a long line it
// shows the part around them.
func (l filePosition) excerpt() []string {
	before, room := l.before, display.Columns-gutter
	if display.Width(before)+display.Width(l.span) > room {
		before = lastCells(before, room/4)
	}
	line := display.Cut(before+l.span+l.after, room, "…")
	indent := display.Width(before)
	carets := max(min(display.Width(l.span), room-indent), 1)
	return []string{
		strings.TrimRight(fmt.Sprintf("%5d | %s", l.line, line), " "),
		fmt.Sprintf("%5s | %s%s", "", strings.Repeat(" ", indent), strings.Repeat("^", carets)),
	}
}

// lastCells keeps the end of s, at most n cells of it.
func lastCells(s string, n int) string {
	if display.Width(s) <= n {
		return s
	}
	runes := []rune(s)
	runes = runes[max(0, len(runes)-4*n):] // few have no width
	for display.Width(string(runes)) > n-1 {
		runes = runes[1:]
	}
	return "…" + string(runes)
}

// maxShown is how many cells of a bad text an error repeats.
const maxShown = 60

// quote shows a text from outside between quotes, escaped once.
func quote(s string) string {
	return `"` + display.Cut(strings.ReplaceAll(display.Safe(firstBytes(s)), `"`, `\"`), maxShown, "…") + `"`
}

// quoteIfNeeded leaves out the quotes that a shell would not need.
func quoteIfNeeded(s string) string {
	needsQuotes := func(r rune) bool { return notInHost(r) && !strings.ContainsRune("/:,=+@%", r) }
	if s == "" || len(s) > maxShown || strings.ContainsFunc(s, needsQuotes) {
		return quote(s)
	}
	return s
}

// firstBytes cuts what is escaped only to be cut to maxShown cells.
func firstBytes(s string) string { return s[:min(len(s), 4*maxShown)] }

func shortKey(key string) string { return display.Cut(display.Safe(firstBytes(key)), maxShown, "…") }

// maxGuess bounds the text that is compared, in bytes: the comparison takes the product
// of both lengths.
const maxGuess = 64

// closestName finds the name that was probably meant: about a third of its letters may
// be wrong. It is the first of several that are equally close, and "" for none.
func closestName(typed string, names []string) string {
	typed = strings.ToLower(strings.ReplaceAll(typed, "_", "-"))
	if typed == "" || len(typed) > maxGuess {
		return ""
	}
	best, limit := "", (len(typed)+2)/3
	for _, name := range names {
		if d := distance(typed, strings.ReplaceAll(name, "_", "-")); d <= limit {
			best, limit = name, d-1
		}
	}
	return best
}

// distance counts the edits between a and b: a byte more, less or other, or two
// neighbours swapped (optimal string alignment; "prot" is one from "port").
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// All texts of this package that a person reads. A reason completes
// "--engine-port 70000: …" and says what a good value is.
const (
	reasonPort            = "a port is a number from 1 to 65535"
	reasonHost            = "a host is a name or an IP address, without port or scheme"
	reasonIPv4            = "an IPv4 address is four numbers from 0 to 255, as 192.168.1.10, and a name ends with a letter"
	reasonMeantIPv4       = "an IPv4 address has no zeros before its numbers; is %s meant?"
	reasonZone            = "a link-local address needs the interface behind it, as %s%%eth0"
	reasonListenPort      = "a port to listen on is a number from 0 to 65535; 0 is any free one"
	reasonListenHostPort  = "an address is HOST:PORT or :PORT, the port a number from 0 (any free one) to 65535"
	reasonHostPort        = "an address is HOST:PORT, the port a number from 1 to 65535"
	reasonListen          = "it must listen somewhere: HOST:PORT or :PORT"
	reasonCPID            = "a charge point id is 1 to 64 of A-Z a-z 0-9 . _ -"
	reasonDots            = "a charge point id names a folder, and . and .. are other folders"
	reasonTopic           = "a topic is 1 to 249 of A-Z a-z 0-9 . _ -"
	reasonDuration        = "a duration is a number with its unit: 500ms, 2s, 1m30s"
	reasonSize            = "a size is a whole number with its unit: 64MiB, 1GiB"
	reasonCount           = "a whole number from 1 to 1000000 is needed"
	reasonSwitch          = "a switch is true or false"
	reasonText            = "one line of 1 to 255 printable characters is needed"
	reasonLeast           = "the least is %s"
	reasonMost            = "the most is %dh"
	reasonChoice          = "choose %s"
	wordOr                = " or "
	reasonNull            = `%s: no value; write "" for none, or take the line out`
	reasonPlain           = "%s: one plain value is needed here"
	reasonFlat            = "each line of this file is one plain key: value"
	reasonTwice           = "%s stands twice; the first is in line %d"
	reasonNotInFile       = "%s can't stand in a file; it is the flag %s"
	reasonNotUTF8         = "not UTF-8 text"
	reasonNotYAML         = "not YAML: %s"
	reasonIndented        = "a key begins its line, without blanks or tabs before it"
	reasonTooBig          = "larger than %d KiB"
	reasonNotThere        = "no such file"
	phraseUnknownFlag     = "unknown flag %s."
	phraseUnknownVariable = "unknown variable %s."
	phraseUnknownArg      = "unexpected argument %s."
	phraseUnknownCommand  = "unknown command %s."
	phraseCommands        = " The commands are %s."
	phraseNoCommands      = " There are only flags."
	wordAnd               = " and "
	phraseUnknownKey      = "unknown key %s."
	phraseDidYouMean      = " Did you mean %s?"
	phraseNoValue         = "%[1]s needs a value: %[1]s %[2]s"
	phraseKubernetes      = `. Kubernetes sets this variable itself when a Service is named "%s".` +
		" Set %s, or enableServiceLinks: false."
	phraseKubernetesOwn = `. Kubernetes sets this variable itself when a Service is named "%s".` +
		" Rename the Service, or set enableServiceLinks: false."
	phraseErrors   = "%d errors; nothing was started."
	phraseErrorsIn = "%d errors in %s; nothing was started."
	phraseMore     = "and %d more."
	phraseSeeHelp  = "All flags: %s --help"
	phraseUsage    = "Usage: "
	phraseExample  = "A flag beats a variable, a variable beats the file: --%s is %s there and %s: %s here."
	phraseNoFile   = "A flag beats a variable: --%s is %s there."
	phraseAlso     = " Also read: %s."
	phraseDefaults = "Defaults are in parentheses. Durations: 500ms, 2s, 1m30s."
	wordFlags      = "flags"
	wordVariables  = "variables"
	wordDefaults   = "defaults"
	phraseMissing  = "%s; no %s found"
)
