// Package fleet reads the file of a fleet: which charge points one Monitor watches, at which
// Engines, and how. The file is YAML, or CSV with a header. All errors of a file are returned
// at once, each with its line.
//
// The package decides: it takes the bytes of the file and returns values. Reading takes time
// and memory linear in the size.
package fleet

import (
	"cmp"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"evcp"
	"evcp/internal/config"
	"evcp/internal/idrange"
	"evcp/internal/language"
)

// Bounds of a fleet.
const (
	MaxFile    = 8 << 20 // bytes of the file
	MaxMembers = 100_000 // charge points
)

// Content is what a file says.
type Content struct {
	Name    string   // names the state folder
	Central string   // host:port; "" if the file does not say
	Members []Member // in the order of the file, each charge point once; at least one
}

// Member is one charge point.
type Member struct {
	CP       evcp.CPID
	Address  string         // host:port of its Engine
	Settings *CheckSettings // shared by all charge points that have the same
}

// CheckSettings are how charge points are checked. They are comparable.
type CheckSettings struct {
	Site              string // "" without
	Interval, Timeout time.Duration
	Fall, Rise        uint32
	TLS               EngineTLS
}

// EngineTLS is TLS towards an Engine; the rest is "" where it is not On.
type EngineTLS struct {
	On                        bool
	CA, Cert, Key, ServerName string
}

// settingKeys may stand in defaults, in a site and in a charge point; the innermost wins.
var settingKeys = []string{"interval", "timeout", "fall", "rise", "engine_tls", "engine_ca", "engine_cert", "engine_key", "engine_server_name"}

// leastInterval and leastTimeout are those of the flags.
const (
	leastInterval = 10 * time.Millisecond
	leastTimeout  = time.Millisecond
)

// set parses the value of one of settingKeys.
func (s *CheckSettings) set(key, text string) error {
	switch key {
	case "interval":
		return config.Duration(&s.Interval, leastInterval)(text)
	case "timeout":
		return config.Duration(&s.Timeout, leastTimeout)(text)
	case "fall":
		return config.Count(&s.Fall)(text)
	case "rise":
		return config.Count(&s.Rise)(text)
	case "engine_tls":
		return config.Switch(&s.TLS.On)(text)
	case "engine_ca":
		return config.Text(&s.TLS.CA)(text)
	case "engine_cert":
		return config.Text(&s.TLS.Cert)(text)
	case "engine_key":
		return config.Text(&s.TLS.Key)(text)
	default:
		return config.Host(&s.TLS.ServerName)(text)
	}
}

// check holds settings to each other.
func (s *CheckSettings) check() error {
	tls := s.TLS
	switch {
	case s.Timeout > s.Interval:
		return config.ValueError("timeout", s.Timeout.String(), language.Errorf("it must not exceed interval (%s)", s.Interval))
	case !tls.On && (tls.CA != "" || tls.Cert != "" || tls.Key != "" || tls.ServerName != ""):
		return language.New("engine_ca, engine_cert, engine_key and engine_server_name go with engine_tls: true")
	case (tls.Cert == "") != (tls.Key == ""):
		return language.New("engine_cert and engine_key go together")
	}
	return nil
}

// filePlace is where something stands in the file: a node of YAML, or so many characters of a
// line. The zero place is the whole file.
type filePlace struct {
	node                *yaml.Node
	line, column, width int
}

func (p filePlace) lineNumber() int {
	if p.node != nil {
		return p.node.Line
	}
	return p.line
}

// listEntry is one charge point of the file, or a range of them.
type listEntry struct {
	cp, engine givenValue
	settings   CheckSettings
	at         filePlace
}

// givenValue is a value with its place; the zero givenValue was not there.
type givenValue struct {
	text  string
	at    filePlace
	given bool
}

// collector takes what a file says, and notes what is wrong.
type collector struct {
	text     *config.FileText
	fleet    Content
	lines    map[evcp.CPID]int                // where each charge point stands
	shared   map[CheckSettings]*CheckSettings // by their value
	wrong    map[CheckSettings]bool           // those that were rejected
	rejected bool                             // something was
	full     bool                             // there are more than MaxMembers
}

// Read reads a file; that it is CSV, its name says. source is its first MaxFile+1 bytes at
// least, or readError says why there is nothing. defaults are used where the file says
// nothing; a zero Timeout is 0.9 of the interval. The error is a *config.LoadError, which
// begins with program; then nothing but the name is known, if that.
func Read(program, name string, source []byte, readError error, defaults CheckSettings) (Content, error) {
	c := collector{
		text: config.NewFileText(name, source, readError, MaxFile), lines: map[evcp.CPID]int{}, shared: map[CheckSettings]*CheckSettings{},
		wrong: map[CheckSettings]bool{},
	}
	if c.text.Readable() {
		if strings.EqualFold(path.Ext(name), ".csv") {
			c.readCSV(defaults)
		} else {
			c.readYAML(defaults)
		}
		c.finish(name)
	}
	if err := c.text.Err(program); err != nil {
		return Content{Name: c.fleet.Name}, err
	}
	return c.fleet, nil
}

// finish names the fleet, and requires that there is one.
func (c *collector) finish(file string) {
	if !c.rejected && len(c.fleet.Members) == 0 {
		c.reject(filePlace{}, language.New("no charge point stands in it"))
	}
	if c.fleet.Name != "" {
		return
	}
	base := path.Base(strings.ReplaceAll(file, `\`, "/"))
	base = strings.TrimSuffix(base, path.Ext(base))
	var id evcp.CPID
	if config.CPID(&id)(base) != nil {
		c.reject(filePlace{}, language.New("the file's name, or name: in it, names the state folder: 1 to 64 of A-Z a-z 0-9 . _ -"))
	}
	c.fleet.Name = string(id)
}

// Difference says how a fleet becomes another one.
type Difference[T any] struct {
	Added, Removed, Changed []T // Changed: as they are in the new one
}

// Diff compares what is to be watched before and after; cp is the charge point of one.
func Diff[T comparable](before, after []T, cp func(T) evcp.CPID) Difference[T] {
	var c Difference[T]
	old := make(map[evcp.CPID]T, len(before))
	for _, t := range before {
		old[cp(t)] = t
	}
	for _, t := range after {
		b, known := old[cp(t)]
		switch {
		case !known:
			c.Added = append(c.Added, t)
		case b != t:
			c.Changed = append(c.Changed, t)
		}
		delete(old, cp(t))
	}
	for _, t := range before { // in the order of the file
		if _, gone := old[cp(t)]; gone {
			c.Removed = append(c.Removed, t)
		}
	}
	return c
}

func (c *collector) reject(at filePlace, why error) {
	c.rejected = true
	if at.node != nil {
		c.text.RejectNode(at.node, why)
		return
	}
	c.text.Reject(at.line, at.column, at.width, why)
}

// add takes one row.
func (c *collector) add(r listEntry) {
	settings := c.share(r)
	if !r.cp.given || !r.engine.given {
		missing := "engine"
		if !r.cp.given {
			missing = "cp_id"
		}
		c.reject(r.at, language.Errorf("%s is missing", missing))
		return
	}
	cps, cpOK := c.expand("cp_id", r.cp)
	addresses, addressOK := c.expand("engine", r.engine)
	if !cpOK || !addressOK || c.full {
		return
	}
	switch {
	case addresses.IsRange() && addresses.Count() != cps.Count():
		c.reject(r.engine.at, config.ValueError("engine", r.engine.text, language.Errorf("the range has %d, and that of cp_id %d", addresses.Count(), cps.Count())))
		return
	case len(c.fleet.Members)+cps.Count() > MaxMembers:
		c.full = true
		c.reject(r.cp.at, language.Errorf("a fleet has at most %d charge points", MaxMembers))
		return
	}
	c.addAll(r, cps, addresses, settings)
}

// addAll takes the charge points of a row. One mistake of a row is one error.
func (c *collector) addAll(r listEntry, cps, addresses idrange.Range, settings *CheckSettings) {
	var address string
	for i := range cps.Count() {
		var cp evcp.CPID
		if text := cps.At(i); config.CPID(&cp)(text) != nil {
			c.reject(r.cp.at, config.ValueError("cp_id", text, config.CPID(&cp)(text)))
			return
		}
		if i == 0 || addresses.IsRange() {
			if text := addresses.At(i); config.HostPort(&address)(text) != nil {
				c.reject(r.engine.at, config.ValueError("engine", text, config.HostPort(&address)(text)))
				return
			}
		}
		if line, twice := c.lines[cp]; twice {
			c.reject(r.cp.at, language.Errorf("cp_id %s stands twice (also line %d)", cp, line))
			return
		}
		c.lines[cp] = r.cp.at.lineNumber()
		c.fleet.Members = append(c.fleet.Members, Member{cp, address, settings})
	}
}

// expand parses a value that may hold a range.
func (c *collector) expand(key string, f givenValue) (idrange.Range, bool) {
	r, why := idrange.Parse(f.text)
	if why != nil {
		c.reject(f.at, config.ValueError(key, f.text, why))
	}
	return r, why == nil
}

// share finds the settings of a row among those of others. Wrong ones are told once, and nil.
func (c *collector) share(r listEntry) *CheckSettings {
	s := r.settings
	s.Timeout = cmp.Or(s.Timeout, s.Interval*9/10)
	if known, ok := c.shared[s]; ok {
		return known
	}
	if c.wrong[s] {
		return nil
	}
	if why := s.check(); why != nil {
		c.wrong[s] = true
		c.reject(r.at, why)
		return nil
	}
	c.shared[s] = &s
	return &s
}
