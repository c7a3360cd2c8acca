package config

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"evcp/internal/language"
)

// Load reads args (without the program's name), the environment and the file, and
// sets every option. getenv is os.Getenv or alike: an empty variable counts as
// unset. read is os.ReadFile or alike, and need not read more than MaxFile+1 bytes;
// after fs.ErrNotExist Load tries the next of Files, unless the file was named. The
// error is a *LoadError.
func (p Program) Load(args []string, getenv func(string) string, read func(string) ([]byte, error)) (Invocation, error) {
	l := loader{Program: p, getenv: getenv, args: args, flags: map[string]value{}}
	l.parseArgs()
	said, asked := l.language()
	if l.in.Help || l.in.Version {
		return Invocation{Help: l.in.Help, Version: !l.in.Help, Language: said, Asked: asked}, nil
	}
	l.rejectVariables()
	l.openFile(read)
	l.setAll()
	if len(l.problems) == 0 && l.Check != nil {
		if name, why := l.Check(); why != nil {
			s, _ := l.setting(name)
			v, _ := l.pick(s)
			l.problems = append(l.problems, v.problem(why))
		}
	}
	if len(l.problems) > 0 {
		// Those of the file come last, by line, so that they stand together.
		slices.SortStableFunc(l.problems, func(a, b problem) int { return a.at.line - b.at.line })
		return Invocation{Language: said, Asked: asked}, &LoadError{program: p.Name, problems: l.problems}
	}
	l.in.Sources, l.in.Language, l.in.Asked = l.sources(), said, asked
	return l.in, nil
}

// loader is the state of one Load.
type loader struct {
	Program
	getenv   func(string) string
	args     []string         // not yet parsed
	flags    map[string]value // by the setting's name; of a flag given twice the last one counts
	file     settingsFile
	used     [sourceCount]bool // which sources have set an option
	in       Invocation
	problems []problem
}

// language is the one that a flag or variable names, else the locale's. A name that is not
// known is found again by setAll, as an error.
func (l *loader) language() (said language.Language, asked bool) {
	if s, ok := l.setting(languageFlag); ok {
		if v, given := l.pick(s); given {
			if said, known := language.Parse(v.text); known {
				return said, true
			}
		}
	}
	return language.OfLocale(l.getenv), false
}

func (l *loader) setAll() {
	for _, s := range l.Settings {
		v, ok := l.pick(s)
		if !ok {
			continue
		}
		if s.Name != fileFlag {
			l.used[v.source] = true
		}
		if !s.Secret {
			l.in.Values = append(l.in.Values, Value{s.Name, v.text, v.where(l.file.path), v.source >= fromVariable})
		}
		if err := s.Set(v.text); err != nil {
			l.problems = append(l.problems, v.problem(err))
		}
	}
}

// pick finds the value of s that wins.
func (l *loader) pick(s Setting) (value, bool) {
	if v, ok := l.flags[s.Name]; ok {
		return v, true
	}
	for _, name := range s.variables() {
		if text := l.getenv(name); text != "" {
			return value{source: fromVariable, name: name, text: text, setting: s}, true
		}
	}
	if v, ok := l.file.values[s.Name]; ok {
		return v, true
	}
	return value{source: fromDefault, name: s.flag(), text: s.Default, setting: s}, s.Default != ""
}

func (l *loader) sources() Sources {
	from := Sources{flags: l.used[fromFlag], variables: l.used[fromVariable], file: l.file.path}
	if l.file.path == "" && len(l.Files) > 0 {
		from.missing = path.Base(l.Files[0])
	}
	return from
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

// where is the source of v in words; file is the path of the settings file.
func (v value) where(file string) string {
	switch v.source {
	case fromFile:
		return fmt.Sprintf("%s:%d", file, v.at.line)
	case fromDefault:
		return "default"
	default:
		return v.name
	}
}

// problem is an error that names the source of v; why is the reason.
func (v value) problem(why error) problem {
	switch {
	case v.setting.Secret && v.source == fromFile:
		return v.at.problem(language.Errorf("%s: %w", v.name, why))
	case v.setting.Secret:
		return problem{why: language.Errorf("%s: %w", v.name, why)}
	case v.source == fromVariable:
		err := language.Errorf("%s %s: %w", v.name, quote(v.text), why)
		if hint := v.kubernetes(); hint != nil {
			err = language.Errorf("%w%w", err, hint)
		}
		return problem{why: err}
	case v.source == fromFile:
		return v.at.problem(language.Errorf("%s %s: %w", v.name, quote(v.text), why))
	}
	return problem{why: language.Errorf("%s %s: %w", v.name, quoteIfNeeded(v.text), why)}
}

// kubernetes explains a variable that Kubernetes has set, nil for any other: for a Service
// named "central" every pod gets CENTRAL_PORT=tcp://10.96.0.7:5000.
func (v value) kubernetes() error {
	service, isPort := strings.CutSuffix(v.name, "_PORT")
	scheme, _, isURL := strings.Cut(v.text, "://")
	if !isPort || !isURL || scheme != "tcp" && scheme != "udp" && scheme != "sctp" {
		return nil
	}
	service = strings.ToLower(strings.ReplaceAll(service, "_", "-"))
	if v.name == v.setting.variable() {
		return language.Errorf(phraseKubernetesOwn, service)
	}
	return language.Errorf(phraseKubernetes, service, v.setting.variable())
}

// rejectVariables rejects variables that are most likely misspelt: the program would start
// with a default instead of what was asked for. A name that resembles none of ours, or that
// a sibling program reads, is left alone; so is what Kubernetes sets for a Service whose
// name begins with "evcp-". docs/decisions/0030 gives the reasons.
func (l *loader) rejectVariables() {
	if l.Environ == nil {
		return
	}
	var keys []string
	for _, s := range l.Settings {
		if s.Scope != FlagOnly {
			keys = append(keys, s.key())
		}
	}
	for _, pair := range l.Environ() {
		name, text, _ := strings.Cut(pair, "=")
		key, ours := strings.CutPrefix(name, variablePrefix)
		key = strings.ToLower(key)
		if !ours || text == "" || slices.Contains(keys, key) || slices.Contains(l.Shared, key) || serviceLink.MatchString(name) {
			continue
		}
		if near := closestName(key, keys); near != "" {
			meant := variablePrefix + strings.ToUpper(near)
			why := language.Errorf("%w%w", language.Errorf(phraseUnknownVariable, shortKey(name)), language.Errorf(phraseDidYouMean, meant))
			l.problems = append(l.problems, problem{why: why})
		}
	}
}

// serviceLink matches further variables that Kubernetes sets for a Service.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT(_.*)?)$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?$`)

// parseArgs parses the command line, argument by argument.
func (l *loader) parseArgs() {
	var positional []string
	for len(l.args) > 0 {
		arg := l.args[0]
		l.args = l.args[1:]
		switch {
		case arg == "--":
			positional = append(positional, l.args...)
			l.args = nil
		case arg == "-h" || arg == "--help":
			l.in.Help = true
		case arg == "--version":
			l.in.Version = true
		case len(arg) > 1 && arg[0] == '-':
			l.parseFlag(arg)
		default:
			positional = append(positional, arg)
		}
	}
	if len(positional) > 0 {
		l.parseCommand(positional)
	}
}

// parseCommand takes what is no flag: a command of one word or two, and perhaps an operand.
func (l *loader) parseCommand(positional []string) {
	words := 1
	if slices.ContainsFunc(l.Commands, func(c string) bool { return strings.HasPrefix(c, positional[0]+" ") }) {
		words = min(2, len(positional))
	}
	command, rest := strings.Join(positional[:words], " "), positional[words:]
	switch {
	case len(l.Commands) == 0:
		l.unknown(phraseUnknownArg, command, language.New(phraseNoCommands))
	case !slices.Contains(l.Commands, command):
		l.unknown(phraseUnknownCommand, command, language.Errorf(phraseCommands, alternatives(l.Commands, wordAnd)))
	case len(rest) > 0 && !l.Operand:
		l.unknown(phraseUnknownArg, rest[0], nil)
	case len(rest) > 1:
		l.unknown(phraseUnknownArg, rest[1], nil)
	default:
		l.in.Command = command
		l.in.Operand = strings.Join(rest, "")
	}
}

// parseFlag takes the following argument as the flag's value, unless = joins them. One
// that begins with -- is the next flag; such a value is written --name=--value.
func (l *loader) parseFlag(arg string) {
	name, text, joined := strings.Cut(arg, "=")
	s, known := l.setting(strings.TrimPrefix(name, "--"))
	follows := !joined && len(l.args) > 0
	switch {
	case !known || !strings.HasPrefix(name, "--"):
		l.unknown(phraseUnknownFlag, name, nil)
		if follows && !strings.HasPrefix(l.args[0], "-") {
			l.args = l.args[1:] // most likely the flag's value: one mistake is one error
		}
		return
	case joined:
	case s.Arg == "":
		text = "true"
	case follows && !strings.HasPrefix(l.args[0], "--"):
		text, l.args = l.args[0], l.args[1:]
	default:
		l.problems = append(l.problems, problem{why: language.Errorf(phraseNoValue, s.flag(), argument(s.Arg))})
		return
	}
	l.flags[s.Name] = value{source: fromFlag, name: s.flag(), text: text, setting: s}
}

// unknown rejects arg, and suggests the name that was probably meant or else says hint, if
// there is one.
func (l *loader) unknown(phrase, arg string, hint error) {
	why := language.Errorf(phrase, quoteIfNeeded(arg))
	if name := l.closest(arg); name != "" {
		hint = language.Errorf(phraseDidYouMean, name)
	}
	if hint != nil {
		why = language.Errorf("%w%w", why, hint)
	}
	l.problems = append(l.problems, problem{why: why, seeHelp: true})
}

// closest is the command or flag that arg was probably meant to be, "" for none.
func (l *loader) closest(arg string) string {
	if name := closestName(arg, l.Commands); name != "" {
		return name
	}
	flags := []string{"help", "version"}
	for _, s := range l.Settings {
		flags = append(flags, s.Name)
	}
	if name := closestName(strings.TrimLeft(arg, "-"), flags); name != "" {
		return "--" + name
	}
	return ""
}
