package config

import (
	"fmt"
	"slices"
	"strings"
)

// argLine is a command line taken apart.
type argLine struct {
	values        map[string]value // by setting; a flag given twice: the last wins
	rest          []string         // positional arguments
	help, version bool
	faults        []problem
}

// argReader walks along a command line.
type argReader struct {
	Program
	argLine
	left []string
}

func (p Program) parseArgs(args []string) argLine {
	r := argReader{Program: p, left: args, argLine: argLine{values: map[string]value{}}}
	for len(r.left) > 0 {
		r.one()
	}
	switch {
	case len(r.rest) > 0 && len(p.Commands) > 0 && !slices.Contains(p.Commands, r.rest[0]):
		r.unknown(phraseUnknownCommand, r.rest[0], fmt.Sprintf(phraseCommands, listed(p.Commands, wordAnd)))
	case len(r.rest) > p.MaxArgs && p.MaxArgs == 0:
		r.unknown(phraseUnknownArg, r.rest[0], phraseNoCommands)
	case len(r.rest) > p.MaxArgs:
		r.unknown(phraseUnknownArg, r.rest[p.MaxArgs], "")
	}
	return r.argLine
}

// one reads the next argument, and the value that belongs to it.
func (r *argReader) one() {
	arg := r.left[0]
	r.left = r.left[1:]
	switch {
	case arg == "--":
		r.rest = append(r.rest, r.left...)
		r.left = nil
	case arg == "-h" || arg == "--help":
		r.help = true
	case arg == "--version":
		r.version = true
	case len(arg) > 1 && arg[0] == '-':
		r.flag(arg)
	default:
		r.rest = append(r.rest, arg)
	}
}

func (r *argReader) flag(arg string) {
	name, text, joined := strings.Cut(arg, "=")
	s, known := r.setting(strings.TrimPrefix(name, "--"))
	switch {
	case !known || !strings.HasPrefix(name, "--"):
		r.unknownFlag(name, joined)
		return
	case s.Arg == "" && !joined:
		text = "true"
	case !joined:
		var ok bool
		if text, ok = r.next(); !ok {
			r.faults = append(r.faults, problem{text: fmt.Sprintf(phraseNoValue, s.flag(), s.Arg)})
			return
		}
	}
	r.values[s.Name] = value{origin: fromFlag, name: s.flag(), text: text, setting: s}
}

// next takes the following argument as a value. What begins with -- is the next
// flag: no value does, and --name=--value remains.
func (r *argReader) next() (string, bool) {
	if len(r.left) == 0 || strings.HasPrefix(r.left[0], "--") {
		return "", false
	}
	text := r.left[0]
	r.left = r.left[1:]
	return text, true
}

// unknownFlag skips what was most likely the flag's value: one mistake is one error.
func (r *argReader) unknownFlag(name string, joined bool) {
	r.unknown(phraseUnknownFlag, name, "")
	if !joined && len(r.left) > 0 && !strings.HasPrefix(r.left[0], "-") {
		r.left = r.left[1:]
	}
}

// unknown says what arg was most likely meant to be, or else what there is.
func (r *argReader) unknown(phrase, arg, thereIs string) {
	text := fmt.Sprintf(phrase, show(arg))
	if near := r.near(arg); near != "" {
		text += fmt.Sprintf(phraseDidYouMean, near)
	} else {
		text += thereIs
	}
	r.faults = append(r.faults, problem{text: text, seeHelp: true})
}

// near is the flag or command that arg was meant to be, "" if nothing comes close.
func (p Program) near(arg string) string {
	if near := nearest(arg, p.Commands); near != "" {
		return near
	}
	if near := nearest(strings.TrimLeft(arg, "-"), p.flagNames()); near != "" {
		return "--" + near
	}
	return ""
}

func (p Program) flagNames() []string {
	names := make([]string, 0, len(p.Settings)+2)
	for _, s := range p.Settings {
		names = append(names, s.Name)
	}
	return slices.Concat(names, []string{"help", "version"})
}
