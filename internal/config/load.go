package config

import (
	"slices"
	"strings"
)

// Load reads args (without the program's name), the environment and the file, and
// sets every option. getenv is os.Getenv or alike: an empty variable counts as
// unset. read is os.ReadFile or alike, and need not read
// more than MaxFile+1 bytes: fs.ErrNotExist makes Load try the next place, unless
// the file was named. The error is a *UsageError.
func (p Program) Load(args []string, getenv func(string) string, read func(string) ([]byte, error)) (Invocation, error) {
	line := p.parseArgs(args)
	if line.help || line.version {
		return Invocation{Help: line.help, Version: line.version && !line.help}, nil
	}
	l := loader{Program: p, line: line, getenv: getenv, faults: line.faults}
	l.file = l.openFile(read)
	l.setAll()
	l.check()
	if len(l.faults) > 0 {
		return Invocation{}, &LoadError{program: p.Name, faults: ordered(l.faults)}
	}
	return Invocation{Args: line.rest, File: l.file.path, Sources: l.origin()}, nil
}

// loader is the state of one Load.
type loader struct {
	Program
	line   argLine
	getenv func(string) string
	file   settingsFile
	faults []problem
	used   [originCount]bool // by which origins an option was set
}

func (l *loader) setAll() {
	for _, s := range l.Settings {
		v, ok := l.pick(s)
		if !ok {
			continue
		}
		if s.Name != fileFlag {
			l.used[v.origin] = true
		}
		if err := s.Set(v.text); err != nil {
			l.faults = append(l.faults, v.fault(err.Error()))
		}
	}
}

// pick finds the value of s that wins.
func (l *loader) pick(s Setting) (value, bool) {
	if v, ok := l.line.values[s.Name]; ok {
		return v, true
	}
	for _, name := range s.variables() {
		if text := l.getenv(name); text != "" {
			return value{origin: fromVariable, name: name, text: text, setting: s}, true
		}
	}
	if v, ok := l.file.values[s.Name]; ok {
		return v, true
	}
	return value{origin: fromDefault, name: s.flag(), text: s.Default, setting: s}, s.Default != ""
}

func (l *loader) check() {
	if len(l.faults) > 0 {
		return
	}
	for _, c := range l.Checks {
		if why := c.Why(); why != "" {
			s, _ := l.setting(c.Setting)
			v, _ := l.pick(s)
			l.faults = append(l.faults, v.fault(why))
		}
	}
}

// origin words the banner's Config line: "../network.yaml", or
// "flags; no network.yaml found".
func (l *loader) origin() string {
	var from []string
	if l.used[fromFlag] {
		from = append(from, wordFlags)
	}
	if l.used[fromVariable] {
		from = append(from, wordVariables)
	}
	if l.file.path != "" {
		return strings.Join(append(from, l.file.path), ", ")
	}
	if len(from) == 0 {
		from = []string{wordDefaults}
	}
	if len(l.Files) == 0 {
		return strings.Join(from, ", ")
	}
	return strings.Join(from, ", ") + "; no " + base(l.Files[0]) + " found"
}

func base(path string) string {
	return path[strings.LastIndexByte(path, '/')+1:]
}

// ordered puts the faults of the file last, by line, so that they stand together.
func ordered(faults []problem) []problem {
	slices.SortStableFunc(faults, func(a, b problem) int { return a.line - b.line })
	return faults
}
