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

// MaxFile bounds the settings file in bytes; of a longer one, one byte more is enough
// to be refused. The addresses of a network take a few hundred bytes.
const MaxFile = 64 << 10

// settingsFile is a file being read, and then what it says. It is flat YAML:
// "key: value" lines and nothing else, which is all that a table of settings needs.
type settingsFile struct {
	path     string // "" if there is no file
	program  Program
	lines    []string
	offset   int              // lines before the text that was given to the YAML reader
	keyLines map[string]int   // key → line where it first stood
	values   map[string]value // by the setting's name
	problems []problem
}

// openFile reads the file that --config or its variable names, whose absence is an error,
// else the first of Files that exists.
func (l *loader) openFile(read func(string) ([]byte, error)) {
	var named value
	s, ok := l.setting(fileFlag)
	if ok {
		named, ok = l.pick(s)
	}
	files := l.Files
	if ok {
		files = []string{named.text}
	}
	for _, path := range files {
		source, err := read(path)
		switch {
		case !errors.Is(err, fs.ErrNotExist):
			l.readFile(path, source, err)
			return
		case ok:
			l.problems = append(l.problems, named.problem(language.New(reasonNotThere)))
		}
	}
}

func (l *loader) readFile(path string, source []byte, err error) {
	f := &l.file
	*f = settingsFile{path: display.Safe(path), program: l.Program, keyLines: map[string]int{}, values: map[string]value{}}
	switch {
	case err != nil:
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			err = p.Err // the problem names the path
		}
		f.reject(filePosition{}, safeError{err})
	case len(source) > MaxFile:
		f.reject(filePosition{}, language.Errorf(reasonTooBig, MaxFile>>10))
	default:
		f.parse(source)
	}
	l.problems = append(l.problems, f.problems...)
}

// safeError is an error of the system, without what a terminal would obey.
type safeError struct{ error }

func (e safeError) Error() string { return e.In(language.English) }

// In implements language.Translatable.
func (e safeError) In(l language.Language) string { return display.Safe(l.Error(e.error)) }

// lineBreaks makes one of all line endings that the YAML reader knows, so that line
// numbers agree.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// parse reads the whole file at once. If that fails it reads block by block, so that
// an error in one line hides no other. Both take time linear in the size.
func (f *settingsFile) parse(source []byte) {
	f.lines = strings.Split(lineBreaks.Replace(strings.TrimPrefix(string(source), "\ufeff")), "\n")
	if i := slices.IndexFunc(f.lines, func(line string) bool { return !utf8.ValidString(line) }); i >= 0 {
		f.reject(filePosition{line: i + 1}, language.New(reasonNotUTF8))
		return
	}
	lines := f.withoutMarkers()
	if documents, err := parseYAML(strings.Join(lines, "\n")); err == nil {
		f.addAll(documents)
		return
	}
	for from := 0; from < len(lines); {
		to := from + 1
		for to < len(lines) && !beginsBlock(lines[to]) {
			to++
		}
		f.offset = from
		documents, err := parseYAML(strings.Join(lines[from:to], "\n"))
		if err != nil {
			f.rejectSyntax(lines[from:to], err)
		}
		f.addAll(documents)
		from = to
	}
}

// beginsBlock reports whether a line is a new block: it is one unless it is empty,
// indented or a comment.
func beginsBlock(line string) bool { return line != "" && !strings.ContainsRune(" \t#", rune(line[0])) }

// withoutMarkers empties the lines that begin a document or are a directive. One "---"
// before the first key is allowed; every other of these lines is rejected.
func (f *settingsFile) withoutMarkers() []string {
	lines := slices.Clone(f.lines)
	begun := false
	for i, line := range lines {
		marker := strings.TrimRight(line, " \t") == "---"
		directive := strings.HasPrefix(line, "%")
		switch {
		case directive:
			f.reject(f.locate(i+1, 1, 1), language.New(reasonFlat))
		case marker && begun:
			f.reject(f.locate(i+1, 1, len("---")), language.New(reasonFlat))
		}
		if marker || directive {
			lines[i] = ""
		}
		begun = begun || beginsBlock(line)
	}
	return lines
}

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

// parseYAML reads all documents of text into nodes, which have line and column. The
// error is a *yaml.LoadError, but for a panic of the reader.
func parseYAML(text string) (documents []*yaml.Node, err error) {
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

// rejectSyntax says why a block is no YAML. A line that is indented gets a sentence of
// its own: what the reader says of it explains nothing to somebody who knows no YAML.
func (f *settingsFile) rejectSyntax(block []string, err error) {
	for i, line := range block {
		text := strings.TrimLeft(line, " \t")
		if text != line && text != "" && text[0] != '#' {
			f.reject(f.locate(f.offset+i+1, len(line)-len(text)+1, len(line)), language.New(reasonIndented))
			return
		}
	}
	at, message := filePosition{line: f.offset + 1}, err.Error()
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		message = e.Message
		mark := e.Mark
		if strings.HasPrefix(e.ContextMsg, "while scanning") || strings.HasPrefix(e.ContextMsg, "while parsing a flow") {
			mark = e.ContextMark // where it begins; it may be missed only at the end of the file
		}
		if mark.Line > 0 {
			at = f.locate(f.offset+mark.Line, mark.Column, 1)
		}
	}
	if errors.Is(err, errTooDeep) {
		f.reject(at, language.New(reasonFlat))
		return
	}
	f.reject(at, language.Errorf(reasonNotYAML, display.Safe(firstBytes(message))))
}

func (f *settingsFile) addAll(documents []*yaml.Node) {
	for _, d := range documents {
		root := d.Content[0]
		switch {
		case isBlockMapping(root):
			for i := 0; i+1 < len(root.Content); i += 2 {
				f.add(root.Content[i], root.Content[i+1])
			}
		case !isNull(root) || root.Value != "":
			f.reject(f.locateNode(root), language.New(reasonFlat))
		}
	}
}

// add takes one "key: value". A missing value may mean "none" or "not set", so it is
// an error.
func (f *settingsFile) add(key, v *yaml.Node) {
	name, at := key.Value, f.locateNode(key)
	first, twice := f.keyLines[name]
	if !isScalar(key) || strings.TrimSpace(at.before) != "" {
		f.reject(at, language.New(reasonFlat))
		return
	}
	if twice {
		f.reject(at, language.Errorf(reasonTwice, shortKey(name), first))
		return
	}
	f.keyLines[name] = at.line
	s, own := f.program.setting(strings.ReplaceAll(name, "_", "-"))
	own = own && s.key() == name
	switch {
	case own && s.Scope != Anywhere:
		f.reject(at, language.Errorf(reasonNotInFile, name, s.flag()))
	case !own && !slices.Contains(f.program.Shared, name):
		f.rejectKey(at, name)
	case isBlockMapping(v) && own:
		f.reject(at, language.Errorf(reasonPlain, name))
	case !isScalar(v) && !isBlockMapping(v):
		f.reject(f.locateNode(v), language.New(reasonFlat))
	case !own:
	case isNull(v):
		f.reject(at, language.Errorf(reasonNull, name))
	default:
		f.values[s.Name] = value{source: fromFile, name: name, text: v.Value, setting: s, at: f.locateNode(v)}
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func isBlockMapping(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && n.Anchor == "" && n.Style == 0
}

// isScalar reports whether n is plain or quoted text, without anchor or tag, and no
// alias or merge key.
func isScalar(n *yaml.Node) bool {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle
	return n.Kind == yaml.ScalarNode && n.Anchor == "" && n.Style&^quoted == 0 && n.ShortTag() != "!!merge"
}

func (f *settingsFile) rejectKey(at filePosition, key string) {
	var known []string
	for _, s := range f.program.Settings {
		if s.Scope == Anywhere {
			known = append(known, s.key())
		}
	}
	why := language.Errorf(phraseUnknownKey, shortKey(key))
	if near := closestName(key, append(known, f.program.Shared...)); near != "" {
		why = language.Errorf("%w%w", why, language.Errorf(phraseDidYouMean, near))
	}
	f.reject(at, why)
}

func (f *settingsFile) reject(at filePosition, why error) {
	at.path = f.path
	f.problems = append(f.problems, at.problem(why))
}

// locate is the place of width runes of a line; line and column count from 1.
func (f *settingsFile) locate(line, column, width int) filePosition {
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
// anything else its first rune.
func (f *settingsFile) locateNode(n *yaml.Node) filePosition {
	width := 1
	switch {
	case !isScalar(n):
	case n.Style == 0:
		width = utf8.RuneCountInString(n.Value)
	default:
		width = quotedWidth(f.locate(f.offset+n.Line, n.Column, MaxFile).span)
	}
	return f.locate(f.offset+n.Line, n.Column, width)
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
