package ledger

import (
	"time"

	"evcp"
	"evcp/internal/history"
)

// Uptime is a report, in the order and form of its JSON.
type Uptime struct {
	Definition Definition   `json:"definition"`
	From       string       `json:"from"`
	To         string       `json:"to"`
	Zone       string       `json:"zone"`
	Ports      []PortAnswer `json:"ports"`
	Network    Sums         `json:"network"`
	Inputs     Inputs       `json:"inputs"`
	Notes      []string     `json:"notes,omitempty"`
}

// PortAnswer is one port of a report.
type PortAnswer struct {
	CP   string `json:"cp_id"`
	Site string `json:"site"`
	Sums
	Young   bool           `json:"young"`
	Outages []OutageAnswer `json:"outages"`
	port    string
}

// Port is the name of the port: that of the file of ports, else the charge point's id.
func (p PortAnswer) Port() string { return p.port }

// Sums are times, in microseconds, and percentages. One that has nothing to measure is null.
type Sums struct {
	Up            int64   `json:"up_us"`
	Down          int64   `json:"down_us"`
	Unwatched     int64   `json:"unwatched_us"`
	Excluded      int64   `json:"excluded_us"`
	Offline       int64   `json:"offline_us,omitempty"`
	Percent       *string `json:"percent"`
	PercentStrict *string `json:"percent_strict,omitempty"` // UK: what is ineligible left out
	AtWorst       *string `json:"at_worst"`
	AtBest        *string `json:"at_best"`
	Meets         *bool   `json:"meets"` // null: the bounds differ, or there is no bound

	excludedUnwatched int64 // counts in AtWorst alone
	ports             int64
}

// OutageAnswer is one outage of a port in the window.
type OutageAnswer struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Micros     int64  `json:"us"`
	Cause      string `json:"cause"`
	Incident   string `json:"incident_id"`
	Excluded   int64  `json:"excluded_us"`
	ExcludedBy string `json:"-"` // reasons and names
}

// Computation computes a report port by port, so that the history of one port is in memory at
// a time.
type Computation struct {
	q                Question
	uptime           Uptime
	hashes           inputHashes
	gaps             int
	estimated, first bool // some segments are so
}

// Begin begins a report.
func (q Question) Begin() *Computation {
	return &Computation{q: q, hashes: newInputHashes(), uptime: Uptime{
		Definition: q.Definition, From: RFC3339(q.From), To: RFC3339(q.To), Zone: q.Zone.String(), Ports: []PortAnswer{},
	}}
}

// Add adds a port, in the order of the answer. Under the UK's rule it leaves out those that
// the rule is not about.
func (c *Computation) Add(p ChargingPort, known PortHistory) {
	c.learn(p, known)
	if c.q.Definition == UK && (!p.Public || p.Watts < ukWatts) {
		return
	}
	one := c.q.portAnswer(c.q.accountOf(p, known))
	c.uptime.Network.add(one.Sums)
	if c.q.Definition == UK { // the rule is about the network
		one.Meets = nil
	}
	c.uptime.Ports = append(c.uptime.Ports, one)
}

// learn takes what the inputs and the notes say of the port.
func (c *Computation) learn(p ChargingPort, known PortHistory) {
	c.hashes.port(p)
	for _, l := range p.Lines {
		for _, s := range known[l.CP].Segments {
			if s.To <= c.q.From || s.From >= c.q.To {
				continue
			}
			c.hashes.segment(l.CP, s, c.q)
			c.estimated = c.estimated || s.Evidence.Estimated && !s.Evidence.NotNumbered
			c.first = c.first || s.Evidence.NotNumbered
			if s.State == history.Unwatched && s.Cause == history.Missed {
				c.gaps++
			}
		}
	}
}

// End is the report. Of the inputs the caller gives those that say which log was read.
func (c *Computation) End(in Inputs) Uptime {
	u := c.uptime
	c.q.conclude(&u.Network)
	u.Notes = c.notes()
	u.Inputs = in
	u.Inputs.Gaps, u.Inputs.TZData = c.gaps, c.q.zoneData()
	u.Inputs.Segments, u.Inputs.Ports, u.Inputs.Exclusions = hexSum(c.hashes.segments), hexSum(c.hashes.ports), c.q.exclusionsHash()
	return u
}

func (q Question) portAnswer(a account) PortAnswer {
	p := PortAnswer{CP: string(a.port.CP()), Site: a.port.Site, Young: a.young, Outages: []OutageAnswer{}, port: a.port.Name}
	p.ports = 1
	for _, x := range a.pieces {
		length, excluded := x.length(), overlap(x.interval, a.excluded)
		if q.Definition == UK { // left out of both sums, and no exclusion
			length, excluded = length-excluded, 0
		}
		switch x.state {
		case history.Up:
			p.Up += length
		case history.Unwatched:
			p.Unwatched += length
			p.excludedUnwatched += excluded
		case history.Down:
			p.Down += length
			p.Excluded += excluded
			if length > 0 {
				p.Outages = append(p.Outages, OutageAnswer{
					From: RFC3339(x.from), To: RFC3339(x.to), Micros: length, Cause: x.cause, Incident: x.incident,
					Excluded: excluded, ExcludedBy: q.excludedBy(a.port, x.interval, excluded),
				})
			}
		}
	}
	for _, o := range a.offline {
		p.Offline += o.length()
	}
	q.conclude(&p.Sums)
	return p
}

// excludedBy names the exclusions of an outage.
func (q Question) excludedBy(p ChargingPort, outage interval, excluded int64) (text string) {
	if excluded == 0 {
		return ""
	}
	add := func(more string) {
		if text != "" {
			text += "; "
		}
		text += more
	}
	for _, e := range q.Exclusions {
		if e.of(p) && e.counts() && outage.within(interval{e.From, e.To}).length() > 0 {
			add(string(e.Reason) + " by " + e.Who)
		}
	}
	if opened := p.Hours.open(outage, q.Zone); overlap(outage, opened) < outage.length() {
		add("outside opening hours")
	}
	return text
}

func (s *Sums) add(o Sums) {
	s.Up, s.Down, s.Unwatched, s.Excluded = s.Up+o.Up, s.Down+o.Down, s.Unwatched+o.Unwatched, s.Excluded+o.Excluded
	s.Offline += o.Offline
	s.excludedUnwatched += o.excludedUnwatched
	s.ports += o.ports
}

// conclude computes the percentages and the verdict from the sums.
func (q Question) conclude(s *Sums) {
	total := s.Up + s.Down + s.Unwatched
	var worst, best share
	switch q.Definition {
	case NEVI:
		year := neviYear * s.ports
		worst = share{year - (s.Down + s.Unwatched - s.Excluded - s.excludedUnwatched), year}
		best = share{year - (s.Down - s.Excluded), year}
		s.Percent = worst.percent()
		s.Meets = agreed(worst.compare(neviMore) > 0, best.compare(neviMore) > 0, year > 0)
	case UK:
		worst, best = share{s.Up, total}, share{s.Up + s.Unwatched, total}
		s.Percent, s.PercentStrict = best.percent(), share{s.Up, s.Up + s.Down}.percent()
		s.Meets = agreed(worst.compare(ukLeast) >= 0, best.compare(ukLeast) >= 0, total > 0)
	case Plain:
		worst, best = share{s.Up, total}, share{s.Up + s.Unwatched, total}
		s.Percent = share{s.Up, s.Up + s.Down}.percent()
	}
	s.AtWorst, s.AtBest = worst.percent(), best.percent()
}

// agreed is the verdict of both bounds; nil where they differ, or where there is nothing.
func agreed(worst, best, measured bool) *bool {
	if worst != best || !measured {
		return nil
	}
	return &worst
}

// notes say what a reader of the numbers must know.
func (c *Computation) notes() (notes []string) {
	if c.q.Definition == NEVI {
		notes = append(notes, "Whether a charger is online to its own back end is not observed.")
	}
	if c.estimated {
		notes = append(notes, "Some events do not say the interval of the checks: the median of their distances is used.")
	}
	if c.first {
		notes = append(notes, "Some events are of the first EV_CP_M. They are not numbered: gaps can't be seen.")
	}
	return notes
}

// RFC3339 is a moment in UTC, with as many decimals as it has.
func RFC3339(at evcp.Stamp) string { return at.Time().Format(time.RFC3339Nano) }
