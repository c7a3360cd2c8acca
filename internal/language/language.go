// Package language says in which language a program speaks to people, and holds the one
// catalogue of its sentences: English, as it stands in the code, and Spanish.
//
// A Language is a value that is passed to where a person's text is made. What machines
// read has none: logs off a terminal, events, metrics, HTTP and the wire are English.
// Text from peers is never translated. The package decides: texts in, texts out.
package language

import (
	"errors"
	"fmt"
	"iter"
	"strings"
)

// Language is one of those that the programs speak. The zero Language is English.
type Language uint8

// The languages.
const (
	English Language = iota
	Spanish
)

var names = [...]string{English: "en", Spanish: "es"}

// Names are what --lang takes.
func Names() []string { return names[:] }

// Name is what --lang takes for it.
func (l Language) Name() string { return names[l] }

// Parse reads a name as --lang takes it.
func Parse(name string) (Language, bool) {
	for l, n := range names {
		if n == name {
			return Language(l), true
		}
	}
	return English, false
}

// OfLocale is the language of the locale: the first of LC_ALL, LC_MESSAGES and LANG that is
// set, as POSIX has it. It is English unless that begins with "es", as es_ES.UTF-8.
func OfLocale(getenv func(string) string) Language {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		locale := getenv(name)
		if locale == "" {
			continue
		}
		code, _, _ := strings.Cut(locale, ".")
		code, _, _ = strings.Cut(code, "@")
		code, _, _ = strings.Cut(code, "_")
		l, _ := Parse(code)
		return l
	}
	return English
}

// Text is a sentence, or a format, in l. One that the catalogue does not hold, as the text
// of a peer, stays as it is.
func (l Language) Text(english string) string {
	if l != Spanish {
		return english
	}
	for _, table := range spanish {
		if text, ok := table[english]; ok {
			return text
		}
	}
	return english
}

// Sprintf is fmt.Sprintf with the format in l. Errors and Translatables among args are said
// in l, too.
func (l Language) Sprintf(english string, args ...any) string {
	return fmt.Sprintf(l.Text(english), l.translated(args)...)
}

// translated are args with the errors and Translatables among them in l. args itself is not
// changed.
func (l Language) translated(args []any) []any {
	said := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case error:
			said[i] = saidError(l.Error(a))
		case Translatable:
			said[i] = a.In(l)
		default:
			said[i] = a
		}
	}
	return said
}

// saidError is the text of an error in a language. It is an error, so that %w takes it.
type saidError string

func (e saidError) Error() string { return string(e) }

// Translatable is a value that can say itself in every language. Its String or Error is
// English.
type Translatable interface{ In(Language) string }

// sentence is an error that was made by Errorf.
type sentence struct {
	err    error // in English, with what it wraps
	format string
	args   []any
}

// New is errors.New for an error that a person reads. Its own text is English.
func New(english string) error { return &sentence{errors.New(english), english, nil} }

// Errorf is fmt.Errorf for an error that a person reads. Its own text is English.
func Errorf(format string, args ...any) error {
	return &sentence{fmt.Errorf(format, args...), format, args}
}

func (s *sentence) Error() string { return s.err.Error() }

// Unwrap is the error as fmt.Errorf makes it.
func (s *sentence) Unwrap() error { return s.err }

// In is the error in l.
func (s *sentence) In(l Language) string {
	if s.args == nil {
		return l.Text(s.format)
	}
	return fmt.Errorf(l.Text(s.format), l.translated(s.args)...).Error()
}

// Error is the text of err in l. Of an error that was not made for people only those parts
// are translated that the catalogue holds: the whole, or the error that it wraps and ends
// with.
func (l Language) Error(err error) string {
	text := err.Error()
	if l == English {
		return text
	}
	if m, ok := err.(Translatable); ok {
		return m.In(l)
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var lines []string
		for _, e := range all.Unwrap() {
			lines = append(lines, l.Error(e))
		}
		if errors.Join(all.Unwrap()...).Error() == text {
			return strings.Join(lines, "\n")
		}
	}
	if inner := errors.Unwrap(err); inner != nil {
		if before, found := strings.CutSuffix(text, inner.Error()); found {
			return before + l.Error(inner)
		}
	}
	return l.Text(text)
}

// Rendered is a text that one of the formats has made, with what stands in it, in l; formats
// hold no verb but %s.
// It is for sentences that another process has sent as text. Any other text stays as it is.
func (l Language) Rendered(text string, formats ...string) string {
	for _, format := range formats {
		args, ok := match(text, strings.Split(format, "%s"))
		if !ok || l == English {
			continue
		}
		for i, arg := range args {
			args[i] = l.Text(fmt.Sprint(arg))
		}
		return fmt.Sprintf(l.Text(format), args...)
	}
	return text
}

// match finds what stands between the parts in text, the shortest first.
func match(text string, parts []string) (between []any, ok bool) {
	if text, ok = strings.CutPrefix(text, parts[0]); !ok {
		return nil, false
	}
	for i, part := range parts[1:] {
		at := strings.Index(text, part)
		if i == len(parts)-2 {
			at = len(text) - len(part)
		}
		if at < 0 || text[at:at+len(part)] != part {
			return nil, false
		}
		between, text = append(between, text[:at]), text[at+len(part):]
	}
	return between, text == ""
}

// Catalogue yields every sentence with its Spanish, for the test that none is missing.
func Catalogue() iter.Seq2[string, string] {
	return func(yield func(english, spanish string) bool) {
		for _, table := range spanish {
			for english, text := range table {
				if !yield(english, text) {
					return
				}
			}
		}
	}
}
