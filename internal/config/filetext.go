package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"evcp/internal/display"
	"evcp/internal/language"
)

// FileText is a text file that a person wrote, and what is wrong in it. Errors are shown with
// their line.
type FileText struct {
	path     string
	lines    []string
	problems []problem
}

// NewFileText takes what reading the file said: its first limit+1 bytes at least, or an
// error. One that can't be read, is longer than limit or no UTF-8 is a problem already.
func NewFileText(path string, source []byte, err error, limit int) *FileText {
	f := &FileText{path: display.Safe(path)}
	switch {
	case err != nil:
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			err = p.Err // the problem names the path
		}
		f.reject(filePosition{}, safeError{err})
		return f
	case len(source) > limit:
		f.reject(filePosition{}, language.Errorf(reasonTooBig, limit>>10))
		return f
	}
	f.lines = strings.Split(lineBreaks.Replace(strings.TrimPrefix(string(source), "\ufeff")), "\n")
	if i := slices.IndexFunc(f.lines, func(line string) bool { return !utf8.ValidString(line) }); i >= 0 {
		f.reject(filePosition{line: i + 1}, language.New(reasonNotUTF8))
		f.lines = nil
	}
	return f
}

// Readable reports whether there is a text.
func (f *FileText) Readable() bool { return f.lines != nil }

// Lines are the lines of the text, without their line breaks.
func (f *FileText) Lines() []string { return f.lines }

// Reject notes what is wrong with width runes of a line; line and column count from 1, and
// line 0 is the whole file.
func (f *FileText) Reject(line, column, width int, why error) {
	at := filePosition{line: line}
	if len(f.problems) < maxLocated {
		at = f.locate(line, column, width)
	}
	f.reject(at, why)
}

// maxLocated are the errors for which the place in the line is looked for. That takes the
// length of the line, and a file may be one line. More are not shown.
const maxLocated = 2 * maxProblems

// RejectNode notes what is wrong with a node of the YAML reader.
func (f *FileText) RejectNode(n *yaml.Node, why error) {
	at := filePosition{line: n.Line}
	if len(f.problems) < maxLocated {
		at = f.locateNode(n, 0)
	}
	f.reject(at, why)
}

// Err is everything that is wrong, by line; nil if nothing is.
func (f *FileText) Err(program string) error {
	if len(f.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(f.problems, func(a, b problem) int { return a.at.line - b.at.line })
	return &LoadError{program: program, problems: f.problems}
}

// ValueError is what is wrong with the value of a key.
func ValueError(key, text string, why error) error {
	return language.Errorf("%s %s: %w", key, quote(text), why)
}

// NoValue is a key without a value.
func NoValue(key string) error { return language.Errorf(reasonNull, key) }

// PlainValueNeeded is a key with a list or a map as its value.
func PlainValueNeeded(key string) error { return language.Errorf(reasonPlain, key) }

// KeyTwice is a key that stood before, in a line.
func KeyTwice(key string, line int) error { return language.Errorf(reasonTwice, shortKey(key), line) }

// UnknownKey is a key that is none of known. It suggests the one that was probably meant.
func UnknownKey(key string, known []string) error {
	why := language.Errorf(phraseUnknownKey, shortKey(key))
	if near := closestName(key, known); near != "" {
		why = language.Errorf("%w%w", why, language.Errorf(phraseDidYouMean, near))
	}
	return why
}

// safeError is an error of the system, without what a terminal would obey.
type safeError struct{ error }

func (e safeError) Error() string { return e.In(language.English) }

// In implements language.Translatable.
func (e safeError) In(l language.Language) string { return display.Safe(l.Error(e.error)) }

// lineBreaks makes one of all line endings that the YAML reader knows, so that line
// numbers agree.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// maxDepth bounds the nesting, since the reader recurses. A fleet needs 6 levels.
const maxDepth = 16

var errTooDeep = fmt.Errorf("more than %d levels", maxDepth)

// yamlLimits are the reader's own bounds. No alias is ever expanded here.
type yamlLimits struct{}

// CheckDepth implements yaml.LoaderLimitsPlugin.
func (yamlLimits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > maxDepth {
		return errTooDeep
	}
	return nil
}

// CheckAlias implements yaml.LoaderLimitsPlugin.
func (yamlLimits) CheckAlias(int, int) error { return nil }

// ParseYAML reads all documents of text into nodes, which have line and column. The
// error is a *yaml.LoadError, but for a panic of the reader.
func ParseYAML(text string) (documents []*yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			documents, err = nil, fmt.Errorf("%v", r)
		}
	}()
	loader, err := yaml.NewLoader(strings.NewReader(text), yaml.WithPlugin(yamlLimits{}))
	if err != nil {
		return nil, err
	}
	for {
		document := new(yaml.Node)
		switch err := loader.Load(document); {
		case errors.Is(err, io.EOF):
			return documents, nil
		case err != nil:
			return nil, err
		}
		documents = append(documents, document)
	}
}

// YAMLErrorAt is where the reader stopped; line 0 is unknown.
func YAMLErrorAt(err error) (line, column int) {
	e, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return 0, 0
	}
	mark := e.Mark
	if strings.HasPrefix(e.ContextMsg, "while scanning") || strings.HasPrefix(e.ContextMsg, "while parsing a flow") {
		mark = e.ContextMark // where it begins; it may be missed only at the end of the file
	}
	return mark.Line, mark.Column
}

// WhyNotYAML is the error of ParseYAML for people.
func WhyNotYAML(err error) error {
	message := err.Error()
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		message = e.Message
	}
	return language.Errorf(reasonNotYAML, display.Safe(firstBytes(message)))
}

// IsNull reports whether n is no value.
func IsNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// IsScalar reports whether n is plain or quoted text, without anchor or tag, and no
// alias or merge key.
func IsScalar(n *yaml.Node) bool {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle
	return n.Kind == yaml.ScalarNode && n.Anchor == "" && n.Style&^quoted == 0 && n.ShortTag() != "!!merge"
}

func (f *FileText) reject(at filePosition, why error) {
	at.path = f.path
	f.problems = append(f.problems, at.problem(why))
}

// locate is the place of width runes of a line; line and column count from 1.
func (f *FileText) locate(line, column, width int) filePosition {
	if line < 1 || line > len(f.lines) {
		return filePosition{path: f.path}
	}
	text := []rune(f.lines[line-1])
	from := min(max(column-1, 0), len(text))
	to := min(from+width, len(text))
	return filePosition{
		path: f.path, line: line,
		before: tabsToBlanks(text[:from]), span: tabsToBlanks(text[from:to]), after: tabsToBlanks(text[to:]),
	}
}

// locateNode is the place of a node: of a scalar its source in the first line, of
// anything else its first rune. offset is how many lines stand before what was parsed.
func (f *FileText) locateNode(n *yaml.Node, offset int) filePosition {
	width := 1
	switch {
	case !IsScalar(n):
	case n.Style == 0:
		width = utf8.RuneCountInString(n.Value)
	default:
		width = quotedWidth(f.locate(offset+n.Line, n.Column, MaxFile).span)
	}
	return f.locate(offset+n.Line, n.Column, width)
}

// quotedWidth is how many runes of text, which begins with a quote, belong to the
// quoted scalar: all of them if it ends in another line.
func quotedWidth(text string) int {
	runes := []rune(text)
	for i := 1; i < len(runes); i++ {
		switch {
		case runes[i] == '\\' && runes[0] == '"':
			i++
		case runes[i] == '\'' && runes[0] == '\'' && i+1 < len(runes) && runes[i+1] == '\'':
			i++
		case runes[i] == runes[0]:
			return i + 1
		}
	}
	return len(runes)
}
