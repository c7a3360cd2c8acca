package config

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Load reads args (without the program's name), the environment and the file, and
// sets every option. getenv is os.Getenv or alike: an empty variable counts as
// unset. read is os.ReadFile or alike, and need not read more than MaxFile+1 bytes;
// after fs.ErrNotExist Load tries the next of Files, unless the file was named. The
// error is a *LoadError.
func (p Program) Load(args []string, getenv func(string) string, read func(string) ([]byte, error)) (Invocation, error) {
	line := p.parseArgs(args)
	if line.help || line.version {
		return Invocation{Help: line.help, Version: line.version && !line.help}, nil
	}
	r := resolver{Program: p, line: line, getenv: getenv, problems: line.problems}
	r.openFile(read)
	r.setAll()
	r.check()
	if len(r.problems) > 0 {
		return Invocation{}, &LoadError{program: p.Name, problems: ordered(r.problems)}
	}
	return Invocation{Command: strings.Join(line.rest, " "), Sources: r.sources()}, nil
}

// resolver is the state of one Load: it finds the value of each setting that wins.
type resolver struct {
	Program
	line     commandLine
	getenv   func(string) string
	file     settingsFile
	problems []problem
	used     [sourceCount]bool // which sources have set an option
}

func (r *resolver) setAll() {
	for _, s := range r.Settings {
		v, ok := r.pick(s)
		if !ok {
			continue
		}
		if s.Name != fileFlag {
			r.used[v.source] = true
		}
		if err := s.Set(v.text); err != nil {
			r.problems = append(r.problems, v.problem(err.Error()))
		}
	}
}

// pick finds the value of s that wins.
func (r *resolver) pick(s Setting) (value, bool) {
	if v, ok := r.line.values[s.Name]; ok {
		return v, true
	}
	for _, name := range s.variables() {
		if text := r.getenv(name); text != "" {
			return value{source: fromVariable, name: name, text: text, setting: s}, true
		}
	}
	if v, ok := r.file.values[s.Name]; ok {
		return v, true
	}
	return value{source: fromDefault, name: s.flag(), text: s.Default, setting: s}, s.Default != ""
}

func (r *resolver) check() {
	if len(r.problems) > 0 {
		return
	}
	for _, c := range r.Checks {
		if why := c.Why(); why != "" {
			s, _ := r.setting(c.Setting)
			v, _ := r.pick(s)
			r.problems = append(r.problems, v.problem(why))
		}
	}
}

// sources is Invocation.Sources: "../network.yaml", or "flags; no network.yaml found".
func (r *resolver) sources() string {
	var from []string
	if r.used[fromFlag] {
		from = append(from, wordFlags)
	}
	if r.used[fromVariable] {
		from = append(from, wordVariables)
	}
	if r.file.path != "" {
		return strings.Join(append(from, r.file.path), ", ")
	}
	if len(from) == 0 {
		from = []string{wordDefaults}
	}
	if len(r.Files) == 0 {
		return strings.Join(from, ", ")
	}
	return strings.Join(from, ", ") + "; no " + path.Base(r.Files[0]) + " found"
}

// ordered puts the problems of the file last, by line, so that they stand together.
func ordered(problems []problem) []problem {
	slices.SortStableFunc(problems, func(a, b problem) int { return a.line - b.line })
	return problems
}

// sourceKind is where a value came from.
type sourceKind uint8

const (
	fromDefault sourceKind = iota
	fromFile
	fromVariable
	fromFlag
	sourceCount
)

// value is a text given for a setting, and where it stood.
type value struct {
	source  sourceKind
	name    string // as its source names it: --engine-port, CENTRAL_PORT, engine_port
	text    string
	setting Setting
	at      filePosition // in the file
}

// problem is an error that names the source of v; why is the reason.
func (v value) problem(why string) problem {
	switch v.source {
	case fromFlag:
		return problem{text: fmt.Sprintf("%s: %s", flagAndText(v.name, v.text), why)}
	case fromVariable:
		return problem{text: fmt.Sprintf("%s %s: %s%s", v.name, quote(v.text), why, v.kubernetes())}
	case fromFile:
		return v.at.problem(fmt.Sprintf("%s %s: %s", v.name, quote(v.text), why))
	}
	return problem{text: fmt.Sprintf(phraseDefault, flagAndText(v.name, v.text), why)}
}

// kubernetes explains a variable that Kubernetes has set: for a Service named "central"
// every pod gets CENTRAL_PORT=tcp://10.96.0.7:5000.
func (v value) kubernetes() string {
	service, isPort := strings.CutSuffix(v.name, "_PORT")
	scheme, _, isURL := strings.Cut(v.text, "://")
	if !isPort || !isURL || scheme != "tcp" && scheme != "udp" && scheme != "sctp" {
		return ""
	}
	service = strings.ToLower(strings.ReplaceAll(service, "_", "-"))
	if v.name == v.setting.variable() {
		return fmt.Sprintf(phraseKubernetesOwn, service)
	}
	return fmt.Sprintf(phraseKubernetes, service, v.setting.variable())
}

// commandLine is a parsed command line.
type commandLine struct {
	values        map[string]value // by the setting's name; of a flag given twice the last one counts
	rest          []string         // positional arguments; if there are no problems, one at most
	help, version bool
	problems      []problem
}

// argParser parses a command line, argument by argument.
type argParser struct {
	Program
	commandLine
	left []string // arguments not yet read
}

func (p Program) parseArgs(args []string) commandLine {
	r := argParser{Program: p, left: args, commandLine: commandLine{values: map[string]value{}}}
	for len(r.left) > 0 {
		r.parseNext()
	}
	switch {
	case len(r.rest) == 0:
	case len(p.Commands) == 0:
		r.unknown(phraseUnknownArg, r.rest[0], phraseNoCommands)
	case !slices.Contains(p.Commands, r.rest[0]):
		r.unknown(phraseUnknownCommand, r.rest[0], fmt.Sprintf(phraseCommands, listed(p.Commands, wordAnd)))
	case len(r.rest) > 1:
		r.unknown(phraseUnknownArg, r.rest[1], "")
	}
	return r.commandLine
}

// parseNext reads the next argument, and the value that belongs to it.
func (r *argParser) parseNext() {
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

func (r *argParser) flag(arg string) {
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
		if text, ok = r.value(); !ok {
			r.problems = append(r.problems, problem{text: fmt.Sprintf(phraseNoValue, s.flag(), s.Arg)})
			return
		}
	}
	r.values[s.Name] = value{source: fromFlag, name: s.flag(), text: text, setting: s}
}

// value takes the following argument as a value. One that begins with -- is the next
// flag; such a value is written --name=--value.
func (r *argParser) value() (string, bool) {
	if len(r.left) == 0 || strings.HasPrefix(r.left[0], "--") {
		return "", false
	}
	text := r.left[0]
	r.left = r.left[1:]
	return text, true
}

// unknownFlag also skips the argument that was most likely the flag's value, so that one
// mistake is one error.
func (r *argParser) unknownFlag(name string, joined bool) {
	r.unknown(phraseUnknownFlag, name, "")
	if !joined && len(r.left) > 0 && !strings.HasPrefix(r.left[0], "-") {
		r.left = r.left[1:]
	}
}

// unknown rejects arg, and suggests the name that was probably meant or else says hint.
func (r *argParser) unknown(phrase, arg, hint string) {
	text := fmt.Sprintf(phrase, quoteIfNeeded(arg))
	if name := r.closest(arg); name != "" {
		text += fmt.Sprintf(phraseDidYouMean, name)
	} else {
		text += hint
	}
	r.problems = append(r.problems, problem{text: text, seeHelp: true})
}

// closest is the command or flag that arg was probably meant to be, "" for none.
func (p Program) closest(arg string) string {
	if name := closestName(arg, p.Commands); name != "" {
		return name
	}
	flags := []string{"help", "version"}
	for _, s := range p.Settings {
		flags = append(flags, s.Name)
	}
	if name := closestName(strings.TrimLeft(arg, "-"), flags); name != "" {
		return "--" + name
	}
	return ""
}
