package config

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"evcp/internal/console/cell"
)

// entry takes one "key: value" of the file.
func (d *parsedFile) entry(e *ast.MappingValueNode, p Program) {
	key, at := e.Key.GetToken().Value, d.placeOf(e.Key.GetToken())
	if first, twice := d.keys[key]; twice {
		d.reject(at, fmt.Sprintf(reasonTwice, shortKey(key), first))
		return
	}
	d.keys[key] = at.line
	s, own := p.settingOfKey(key)
	switch {
	case own && s.Scope != Anywhere:
		d.reject(at, fmt.Sprintf(reasonNotInFile, key, s.flag()))
	case own:
		d.value(e.Value, s, at)
	case !p.isShared(key):
		d.unknownKey(at, key, p)
	}
}

// indented finds the first line that begins with blanks or tabs.
func (d *parsedFile) indented() (location, bool) {
	for i, line := range d.lines {
		text := strings.TrimLeft(line, " \t")
		if text != line && text != "" && text[0] != '#' {
			return location{line: i + 1, before: plain([]rune(line[:len(line)-len(text)])), span: plain([]rune(text))}, true
		}
	}
	return location{}, false
}

// value keeps the value of s, whose key stands at key. A missing value may mean
// "none" or "not set", so it is asked for.
func (d *parsedFile) value(node ast.Node, s Setting, key location) {
	t := node.GetToken()
	switch node.(type) {
	case *ast.NullNode:
		d.reject(key, s.key()+": "+reasonNull)
	case ast.ScalarNode:
		d.values[s.Name] = value{origin: fromFile, name: s.key(), text: t.Value, setting: s, at: d.placeOf(t)}
	default:
		d.reject(key, s.key()+": "+reasonPlain)
	}
}

func (d *parsedFile) unknownKey(at location, key string, p Program) {
	text := fmt.Sprintf(phraseUnknownKey, shortKey(key))
	if near := nearest(key, p.fileKeys()); near != "" {
		text += fmt.Sprintf(phraseDidYouMean, near)
	}
	d.reject(at, text)
}

func shortKey(key string) string { return cell.Cut(cell.Safe(firstBytes(key)), maxShown, "…") }

func (p Program) settingOfKey(key string) (Setting, bool) {
	if strings.ContainsRune(key, '-') {
		return Setting{}, false
	}
	return p.setting(strings.ReplaceAll(key, "_", "-"))
}

func (p Program) isShared(key string) bool {
	for _, k := range p.Shared {
		if k == key {
			return true
		}
	}
	return false
}

func (p Program) fileKeys() []string {
	var keys []string
	for _, s := range p.Settings {
		if s.Scope == Anywhere {
			keys = append(keys, s.key())
		}
	}
	return append(keys, p.Shared...)
}

// syntax keeps what the parser had to say, with its place. What it says of a line
// that is indented stands at the line before, and explains nothing to somebody who
// knows no YAML.
func (d *parsedFile) syntax(err error) {
	if at, found := d.indented(); found {
		d.reject(at, reasonIndented)
		return
	}
	at, message := location{}, err.Error()
	if e, ok := err.(interface {
		GetToken() *token.Token
		GetMessage() string
	}); ok {
		at, message = d.placeOf(e.GetToken()), e.GetMessage()
	}
	d.reject(at, fmt.Sprintf(reasonNotYAML, cell.Safe(firstBytes(message))))
}
