package fleet

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"evcp"
	"evcp/internal/config"
	"evcp/internal/language"
)

// The keys of the file, of a site and of a charge point, besides settingKeys.
var (
	fileKeys = []string{"name", "central", "defaults", "sites", "cps"}
	siteKeys = append([]string{"site", "cps"}, settingKeys...)
	cpKeys   = append([]string{"cp_id", "engine"}, settingKeys...)
)

// maxSyntaxErrors are told at once: after each the file is parsed again without that item.
const maxSyntaxErrors = 8

// readYAML reads the file as a whole. Where that fails, it is parsed again without the item
// of the list in which the error is, so that an error hides no other.
func (c *collector) readYAML(defaults CheckSettings) {
	lines := slices.Clone(c.text.Lines())
	for range maxSyntaxErrors {
		documents, err := config.ParseYAML(strings.Join(lines, "\n"))
		if err == nil {
			c.readDocuments(documents, defaults)
			return
		}
		line, column := config.YAMLErrorAt(err)
		c.reject(filePlace{line: line, column: column, width: 1}, config.WhyNotYAML(err))
		if !blankItem(lines, line) {
			return
		}
	}
}

// blankItem empties the lines of the list item to which a line belongs; only that line where
// it belongs to none. It reports whether there was anything to empty.
func blankItem(lines []string, line int) bool {
	at := line - 1
	if at < 0 || at >= len(lines) {
		return false
	}
	first, end := at, at+1
	for first > 0 && !(isItem(lines[first]) && (first == at || indent(lines[first]) < indent(lines[at]))) {
		first--
	}
	if isItem(lines[first]) {
		for end < len(lines) && (isBlank(lines[end]) || indent(lines[end]) > indent(lines[first])) {
			end++
		}
	} else {
		first = at
	}
	emptied := false
	for i := first; i < end; i++ {
		emptied = emptied || !isBlank(lines[i])
		lines[i] = ""
	}
	return emptied
}

func isBlank(line string) bool { return strings.TrimLeft(line, " \t") == "" }
func isItem(line string) bool  { return strings.HasPrefix(strings.TrimLeft(line, " "), "-") }
func indent(line string) int   { return len(line) - len(strings.TrimLeft(line, " \t")) }

func (c *collector) readDocuments(documents []*yaml.Node, defaults CheckSettings) {
	for i, d := range documents {
		root := d.Content[0]
		if config.IsNull(root) && root.Value == "" {
			continue
		}
		if i > 0 {
			c.reject(filePlace{node: root}, language.New("one document is allowed in this file"))
			continue
		}
		c.readRoot(root, defaults)
	}
}

func (c *collector) readRoot(root *yaml.Node, settings CheckSettings) {
	m := c.mapping(root, fileKeys)
	if n, ok := m["name"]; ok {
		var id evcp.CPID
		c.value("name", n, config.CPID(&id))
		c.fleet.Name = string(id)
	}
	if n, ok := m["central"]; ok {
		c.value("central", n, config.HostPort(&c.fleet.Central))
	}
	if n, ok := m["defaults"]; ok {
		c.settings(c.mapping(n, settingKeys), &settings)
	}
	for _, n := range c.list(m["sites"]) {
		c.readSite(n, settings)
	}
	c.readCPs(m["cps"], settings)
}

func (c *collector) readSite(n *yaml.Node, settings CheckSettings) {
	m := c.mapping(n, siteKeys)
	if m == nil {
		return
	}
	if site, ok := m["site"]; ok {
		c.value("site", site, config.Text(&settings.Site))
	} else {
		c.reject(filePlace{node: n}, language.Errorf("%s is missing", "site"))
	}
	c.settings(m, &settings)
	if _, ok := m["cps"]; !ok {
		c.reject(filePlace{node: n}, language.Errorf("%s is missing", "cps"))
	}
	c.readCPs(m["cps"], settings)
}

func (c *collector) readCPs(list *yaml.Node, settings CheckSettings) {
	for _, n := range c.list(list) {
		m := c.mapping(n, cpKeys)
		if m == nil {
			continue
		}
		r := listEntry{settings: settings, at: filePlace{node: n}}
		c.settings(m, &r.settings)
		if r.cp = c.field("cp_id", m); r.cp.given {
			r.at = r.cp.at
		}
		r.engine = c.field("engine", m)
		if (m["cp_id"] != nil) == r.cp.given && (m["engine"] != nil) == r.engine.given {
			c.add(r)
		}
	}
}

// field is the plain value of a key; not given also where it was rejected.
func (c *collector) field(key string, m map[string]*yaml.Node) (f givenValue) {
	n, ok := m[key]
	if !ok {
		return f
	}
	c.value(key, n, func(text string) error {
		f = givenValue{text, filePlace{node: n}, true}
		return nil
	})
	return f
}

// settings parses those of settingKeys that are there.
func (c *collector) settings(m map[string]*yaml.Node, into *CheckSettings) {
	for _, key := range settingKeys {
		if n, ok := m[key]; ok {
			c.value(key, n, func(text string) error { return into.set(key, text) })
		}
	}
}

// value parses the plain value of a key.
func (c *collector) value(key string, n *yaml.Node, parse func(string) error) {
	switch {
	case !config.IsScalar(n):
		c.reject(filePlace{node: n}, config.PlainValueNeeded(key))
	case config.IsNull(n):
		c.reject(filePlace{node: n}, config.NoValue(key))
	default:
		if why := parse(n.Value); why != nil {
			c.reject(filePlace{node: n}, config.ValueError(key, n.Value, why))
		}
	}
}

// mapping is what the pairs of a node say, by key; nil if it has none.
func (c *collector) mapping(n *yaml.Node, known []string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode || !isPlain(n) {
		c.reject(filePlace{node: n}, language.New(`"key: value" is needed here`))
		return nil
	}
	m := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		first, twice := m[key.Value]
		switch {
		case !config.IsScalar(key):
			c.reject(filePlace{node: key}, language.New(`"key: value" is needed here`))
		case !slices.Contains(known, key.Value):
			c.reject(filePlace{node: key}, config.UnknownKey(key.Value, known))
		case twice:
			c.reject(filePlace{node: key}, config.KeyTwice(key.Value, first.Line))
		default:
			m[key.Value] = value
		}
	}
	return m
}

// list are the items of a list; nil is an empty one.
func (c *collector) list(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || !isPlain(n) {
		c.reject(filePlace{node: n}, language.New(`a list is needed here: lines that begin with "- "`))
		return nil
	}
	return n.Content
}

// isPlain reports whether a list or a map has no anchor and no tag: neither means anything
// in this file, and an alias may stand for any number of charge points.
func isPlain(n *yaml.Node) bool { return n.Anchor == "" && n.Style&^yaml.FlowStyle == 0 }
