// Package config turns a command line, the environment and a file into one
// program's options. One table of settings per program drives all of it: flags,
// variables, file keys, defaults, help and errors, so that they cannot disagree.
//
// A flag beats a variable, a variable beats the file, the file beats the default.
// Only the value that wins is parsed; an unknown flag, an unknown file key and a
// line of the file that is no "key: value" are errors whatever wins. Load returns
// all errors at once, each with its source: the flag, the variable, or file and line.
// After an error some options are set and others not: they must not be used.
//
// The package decides: it reads the environment and the file through the two functions
// that Load is given, keeps no state, and calls each Setting's Set at most once, on the
// caller's goroutine. Text from outside is escaped and cut in errors.
package config

import (
	"slices"
	"strings"

	"evcp/internal/language"
)

// Program is the table of one program and what its help says around the table.
// The zero value of every field but Name is usable.
type Program struct {
	Name     string    // as typed: "ev-cp-m"
	About    string    // first line of the help
	Usage    []Usage   // ways to call it
	Settings []Setting // in the order of the help, groups together; --help and --version come by themselves
	Files    []string  // where the file is looked for; empty: this program reads none
	Shared   []string  // file keys of sibling programs: known here, and ignored
	Commands []string  // what the first positional argument may be, or the first two, as "ca init"; empty: there is none
	Operand  bool      // a command may be followed by one more
	Example  string    // the setting that explains variables and file keys in the help
	Notes    []string  // last paragraphs of the help, wrapped

	// Check holds settings to each other. It is called only when every value is good by
	// itself, and returns which setting is wrong and why, nil if none is. nil: nothing to check.
	Check func() (setting string, why error)

	// Environ is os.Environ or alike. A variable that begins with EVCP_ and is most likely a
	// misspelt one of this table is an error. nil: none is looked for.
	Environ func() []string
}

// Usage is one way to call the program: Args as typed after its name, Help what
// happens then.
type Usage struct{ Args, Help string }

// Setting is one row of a program's table.
type Setting struct {
	Name        string             // "engine-port": --engine-port, EVCP_ENGINE_PORT, engine_port
	Arg         string             // what the value is called in help: "PORT"; "" makes it a switch
	Default     string             // parsed by Set like any value; "" leaves the option as it is
	DefaultText string             // the default in the help's parentheses where Default can't say it
	EnvAliases  []string           // further variables, best first; EVCP_ENGINE_PORT beats them
	Group       string             // heading in the help
	Help        string             // the help line without the default
	Hidden      bool               // the help leaves it out: another row speaks for it
	Secret      bool               // errors do not show its value
	Scope       Scope              // where it may stand
	Set         func(string) error // parses into the options; the error says what a good value is
}

// Scope says where a setting may stand besides the command line.
type Scope uint8

// The scopes.
const (
	Anywhere  Scope = iota // command line, environment, file
	NotInFile              // command line, environment
	FlagOnly               // command line
)

// Invocation says what Load found besides the options themselves.
type Invocation struct {
	Help    bool   // --help was asked for; nothing else was looked at
	Version bool   // --version was asked for; nothing else was looked at
	Command string // one of Commands; "" = none
	Operand string // what follows it; "" = nothing
	Sources Sources
	Values  []Value // of every setting that has one; those of a Secret are left out

	Language language.Language // that --lang, EVCP_LANG or the locale chooses; set also with an error
	Asked    bool              // for this language, by --lang or EVCP_LANG
}

// Value is one setting as it is in force, and where that came from: a flag, a variable, a file
// with its line, or "default". Given is a flag or a variable: it was meant for this program.
type Value struct {
	Name, Text, Source string
	Given              bool
}

// Sources are where values came from, for the start banner.
type Sources struct {
	flags, variables bool
	file             string // "" if there is none
	missing          string // the file that was not found; "" if there is one, or none is looked for
}

// In is "../network.yaml", or "flags; no network.yaml found".
func (s Sources) In(l language.Language) string {
	var from []string
	if s.flags {
		from = append(from, l.Text(wordFlags))
	}
	if s.variables {
		from = append(from, l.Text(wordVariables))
	}
	if s.file != "" {
		from = append(from, s.file)
	}
	if len(from) == 0 {
		from = []string{l.Text(wordDefaults)}
	}
	text := strings.Join(from, ", ")
	if s.missing != "" {
		text = l.Sprintf(phraseMissing, text, s.missing)
	}
	return text
}

// languageFlag names the setting that chooses the language.
const languageFlag = "lang"

// LanguageFlag is the row for --lang. Load itself reads it, before it looks at anything
// else, since it says all errors.
func LanguageFlag(group string) Setting {
	var name string
	return Setting{
		Name: languageFlag, Arg: "NAME", Group: group, Help: "en or es, for what people read", DefaultText: "the locale's", Scope: NotInFile,
		Set: Choice(&name, language.Names()...),
	}
}

// fileFlag names the setting that points at the file.
const fileFlag = "config"

// FileFlag is the row for --config FILE. A program without it reads the first of
// its Files that exists.
func FileFlag(group, shown string) Setting {
	return Setting{
		Name: fileFlag, Arg: "FILE", Group: group, DefaultText: shown, Scope: NotInFile,
		Set: func(string) error { return nil }, // Load itself opens it
	}
}

const variablePrefix = "EVCP_"

func (s Setting) flag() string     { return "--" + s.Name }
func (s Setting) key() string      { return strings.ReplaceAll(s.Name, "-", "_") }
func (s Setting) variable() string { return variablePrefix + strings.ToUpper(s.key()) }

// variables lists every variable that may set s, the one that wins first.
func (s Setting) variables() []string {
	if s.Scope == FlagOnly {
		return nil
	}
	return append([]string{s.variable()}, s.EnvAliases...)
}

func (p Program) setting(name string) (Setting, bool) {
	i := slices.IndexFunc(p.Settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return p.Settings[i], true
}

// NetworkFiles are the places of network.yaml, the best first.
var NetworkFiles = []string{"network.yaml", "../network.yaml", "/etc/ev-cp-m/network.yaml"}

// NetworkKeys are the keys of network.yaml that the Monitor and Central read. One file
// serves both, so each of them ignores the keys of the other. A test of each program
// holds its table to this list.
var NetworkKeys = []string{
	"cp_id", "central_ip", "central_port", "engine_ip", "engine_port", "instance", "framing", "central_connections",
	"interval", "timeout", "recheck_after", "fall", "rise", "report_every", "heartbeat",
	"kafka_brokers", "kafka_topic", "kafka_compression", "state_max_size", "sync_every", "keep", "probe",
	"central_tls", "central_ca", "central_cert", "central_key", "central_server_name",
	"engine_tls", "engine_ca", "engine_cert", "engine_key", "engine_server_name",
	"kafka_tls", "kafka_ca", "kafka_cert", "kafka_key", "kafka_server_name",
	"kafka_sasl", "kafka_username", "kafka_password_file", "kafka_password",
	"kafka_oauth_token_url", "kafka_oauth_client_id", "kafka_oauth_client_secret_file", "kafka_oauth_client_secret",
	"kafka_oauth_scope", "kafka_oauth_ca",
}
