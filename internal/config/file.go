package config

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"evcp/internal/language"
)

// MaxFile bounds the settings file in bytes; of a longer one, one byte more is enough
// to be refused. The addresses of a network take a few hundred bytes.
const MaxFile = 64 << 10

// settingsFile is a file being read, and then what it says. It is flat YAML:
// "key: value" lines and nothing else, which is all that a table of settings needs.
type settingsFile struct {
	FileText // its path is "" if there is no file
	program  Program
	offset   int              // lines before the text that was given to the YAML reader
	keyLines map[string]int   // key → line where it first stood
	values   map[string]value // by the setting's name
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
	*f = settingsFile{program: l.Program, keyLines: map[string]int{}, values: map[string]value{}}
	f.FileText = *NewFileText(path, source, err, MaxFile)
	if f.Readable() {
		f.parse()
	}
	l.problems = append(l.problems, f.problems...)
}

// parse reads the whole file at once. If that fails it reads block by block, so that
// an error in one line hides no other. Both take time linear in the size.
func (f *settingsFile) parse() {
	lines := f.withoutMarkers()
	if documents, err := ParseYAML(strings.Join(lines, "\n")); err == nil {
		f.addAll(documents)
		return
	}
	for from := 0; from < len(lines); {
		to := from + 1
		for to < len(lines) && !beginsBlock(lines[to]) {
			to++
		}
		f.offset = from
		documents, err := ParseYAML(strings.Join(lines[from:to], "\n"))
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
	at, why := filePosition{line: f.offset + 1}, WhyNotYAML(err)
	if line, column := YAMLErrorAt(err); line > 0 {
		at = f.locate(f.offset+line, column, 1)
	}
	if errors.Is(err, errTooDeep) {
		why = language.New(reasonFlat)
	}
	f.reject(at, why)
}

func (f *settingsFile) addAll(documents []*yaml.Node) {
	for _, d := range documents {
		root := d.Content[0]
		switch {
		case isBlockMapping(root):
			for i := 0; i+1 < len(root.Content); i += 2 {
				f.add(root.Content[i], root.Content[i+1])
			}
		case !IsNull(root) || root.Value != "":
			f.reject(f.locateOffset(root), language.New(reasonFlat))
		}
	}
}

// add takes one "key: value". A missing value may mean "none" or "not set", so it is
// an error.
func (f *settingsFile) add(key, v *yaml.Node) {
	name, at := key.Value, f.locateOffset(key)
	first, twice := f.keyLines[name]
	if !IsScalar(key) || strings.TrimSpace(at.before) != "" {
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
	case !IsScalar(v) && !isBlockMapping(v):
		f.reject(f.locateOffset(v), language.New(reasonFlat))
	case !own:
	case IsNull(v):
		f.reject(at, language.Errorf(reasonNull, name))
	default:
		f.values[s.Name] = value{source: fromFile, name: name, text: v.Value, setting: s, at: f.locateOffset(v)}
	}
}

func isBlockMapping(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && n.Anchor == "" && n.Style == 0
}

func (f *settingsFile) rejectKey(at filePosition, key string) {
	var known []string
	for _, s := range f.program.Settings {
		if s.Scope == Anywhere {
			known = append(known, s.key())
		}
	}
	f.reject(at, UnknownKey(key, append(known, f.program.Shared...)))
}

// locateOffset is the place of a node of the block that was parsed last.
func (f *settingsFile) locateOffset(n *yaml.Node) filePosition { return f.locateNode(n, f.offset) }
