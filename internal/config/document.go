package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parsedFile is a file being read. It is flat YAML: "key: value" lines and nothing
// else, which is all that a table of settings needs.
type parsedFile struct {
	path   string
	lines  []string
	keys   map[string]int // key → line where it first stood
	values map[string]value
	faults []problem
}

func (d *parsedFile) parse(source []byte, p Program) {
	d.keys, d.values = map[string]int{}, map[string]value{}
	text := lineBreaks.Replace(strings.TrimPrefix(string(source), "\ufeff"))
	d.lines = strings.Split(text, "\n")
	if !d.isUTF8() {
		return
	}
	tokens := lexer.Tokenize(text)
	if d.isNested(tokens) {
		return
	}
	for _, entry := range d.entries(tokens) {
		d.entry(entry, p)
	}
}

// lineBreaks makes the three line endings of YAML one, so that line numbers agree.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func (d *parsedFile) isUTF8() bool {
	for i, line := range d.lines {
		if !utf8.ValidString(line) {
			d.reject(location{line: i + 1}, reasonNotUTF8)
			return false
		}
	}
	return true
}

// isNested rejects what flat YAML has not, a fault for each line. This must come
// before the parser, which recurses: a file of "[" would overflow its stack,
// and that ends a Go process. What indentation nests is bounded by the file's
// size (depth d takes d²/2 bytes) and is rejected in entry.
func (d *parsedFile) isNested(tokens token.Tokens) bool {
	last := 0
	for _, t := range tokens {
		if nests(t.Type) && t.Position.Line != last {
			last = t.Position.Line
			d.reject(d.placeOf(t), reasonFlat)
		}
	}
	return last > 0
}

func nests(t token.Type) bool {
	switch t {
	case token.SequenceEntryType, token.SequenceStartType, token.MappingStartType, token.MappingKeyType,
		token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.LiteralType,
		token.FoldedType, token.DirectiveType:
		return true
	}
	return false
}

// entries parses the tokens into key-value pairs, in the order of the file.
func (d *parsedFile) entries(tokens token.Tokens) []*ast.MappingValueNode {
	tree, err := d.tree(tokens)
	if err != nil {
		d.syntax(err)
		return nil
	}
	var all []*ast.MappingValueNode
	for i, doc := range tree.Docs {
		switch body := doc.Body.(type) {
		case nil:
		case *ast.MappingNode:
			all = append(all, body.Values...)
		case *ast.MappingValueNode:
			all = append(all, body)
		default:
			d.reject(d.placeOf(body.GetToken()), reasonFlat)
		}
		if i > 0 && doc.Start != nil {
			d.reject(d.placeOf(doc.Start), reasonFlat)
		}
	}
	return all
}

// tree parses. A panic of the parser on a strange file is one more way to say
// that it isn't YAML, not a reason to show somebody a stack trace.
func (d *parsedFile) tree(tokens token.Tokens) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}
