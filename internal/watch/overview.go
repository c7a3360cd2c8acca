package watch

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/explain"
	"evcp/internal/uplink"
)

// cpTarget is one charge point as answers and metrics name it.
type cpTarget struct {
	cp      evcp.CPID
	address string // of its Engine
	policy  *evcp.Policy
}

// watched yields the charge points in the order of the fleet.
func (r *runner) watched() iter.Seq[cpTarget] {
	return func(yield func(cpTarget) bool) {
		for _, t := range r.all() {
			if !yield(cpTarget{t.CP, t.Address, r.policyOf(t)}) {
				return
			}
		}
	}
}

// find is the charge point of that id.
func (r *runner) find(cp evcp.CPID) (cpTarget, bool) {
	for c := range r.watched() {
		if c.cp == cp {
			return c, true
		}
	}
	return cpTarget{}, false
}

// overview is one look at every charge point: some milliseconds for 10,000. It takes a lock for
// each by itself, so no check waits for it.
type overview struct {
	states  map[evcp.Status]int
	sites   map[string]*explain.SiteStatus
	open    []cpTarget // with an open incident, in the order of the fleet
	notWell []notWellCP
}

// notWellCP is a charge point that needs somebody.
type notWellCP struct {
	cpTarget
	severity severity
	since    evcp.Stamp
}

// severity orders what is not well.
type severity uint8

const (
	openIncident severity = iota
	noVerdict
	refusedByCentral
)

// startTime is how long after the start no verdict yet is nothing to list.
const startTime = 15 * time.Second

func (r *runner) overview() overview {
	now := evcp.StampOf(time.Now())
	s := overview{states: map[evcp.Status]int{}, sites: map[string]*explain.SiteStatus{}}
	refusals := r.uplink.Figures().Sessions[uplink.Refused] > 0
	starting := time.Since(r.opened) < startTime
	for c := range r.watched() {
		state := r.box.State(c.cp)
		shown := state.Shown(now, c.policy.Interval)
		s.states[shown]++
		s.count(c.policy.Site, shown)
		switch {
		case state.Incident.Open:
			s.open = append(s.open, c)
			s.notWell = append(s.notWell, notWellCP{c, openIncident, state.Incident.Since})
		case shown == evcp.Monitoring && !starting:
			s.notWell = append(s.notWell, notWellCP{c, noVerdict, state.LastCountable})
		case refusals && r.uplink.Status(c.cp).Phase == uplink.Refused:
			s.notWell = append(s.notWell, notWellCP{c, refusedByCentral, 0})
		}
	}
	return s
}

func (s *overview) count(site string, shown evcp.Status) {
	c := s.sites[site]
	if c == nil {
		c = &explain.SiteStatus{Site: site}
		s.sites[site] = c
	}
	switch {
	case shown == evcp.OK:
		c.OK++
	case shown.Failed():
		c.Failed++
	default:
		c.Unknown++
	}
}

// worst are the charge points that are not well, at most so many: first those with an open
// incident, the longest first.
func (s *overview) worst(most int) []notWellCP {
	slices.SortFunc(s.notWell, func(a, b notWellCP) int {
		return cmp.Or(cmp.Compare(a.severity, b.severity), cmp.Compare(a.since, b.since), strings.Compare(string(a.cp), string(b.cp)))
	})
	return s.notWell[:min(len(s.notWell), most)]
}

// worstSites are the sites, those with the most failures first, at most so many.
func (s *overview) worstSites(most int) (sites []explain.SiteStatus, left int) {
	sites = make([]explain.SiteStatus, 0, len(s.sites))
	for _, c := range s.sites {
		sites = append(sites, *c)
	}
	slices.SortFunc(sites, func(a, b explain.SiteStatus) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(b.Unknown, a.Unknown), strings.Compare(a.Site, b.Site))
	})
	return sites[:min(len(sites), most)], max(0, len(sites)-most)
}

// fleetStatus is what a Monitor of a fleet says of its charge points.
func (r *runner) fleetStatus() *explain.FleetStatus {
	s := r.overview()
	f := &explain.FleetStatus{States: map[string]int{}, NotWell: []explain.CPRow{}, Central: r.fleetCentral()}
	for _, state := range shownStates {
		f.States[state.String()] = s.states[state]
		f.Total += s.states[state]
	}
	for _, c := range s.worst(explain.MaxNotWell) {
		f.NotWell = append(f.NotWell, r.row(c.cpTarget))
	}
	f.More = len(s.notWell) - len(f.NotWell)
	f.Sites, f.MoreSites = s.worstSites(explain.MaxSites)
	return f
}

// row is a charge point in a list.
func (r *runner) row(c cpTarget) explain.CPRow {
	s := r.box.State(c.cp)
	shown := s.Shown(evcp.StampOf(time.Now()), c.policy.Interval)
	row := explain.CPRow{
		CP: c.cp, Site: c.policy.Site, Engine: c.address, State: shown.String(), Since: explain.Moment(r.monitor.Since(c.cp)),
		Failures: s.Failures, LastOK: explain.Moment(s.LastOK), TimeoutMS: explain.Millis(c.policy.Timeout),
		Central: r.uplink.Status(c.cp).Phase.String(),
	}
	if shown == evcp.Monitoring {
		row.Since = explain.Moment(s.LastCountable)
	}
	if i := s.Incident; i.Open {
		row.Cause, row.Incident, row.Told = s.Cause.String(), i.ID.Text(c.cp), explain.Moment(i.ReportedAt)
	}
	return row
}

// fleetCentral is where the charge points stand with Central, and the trouble of one of them.
func (r *runner) fleetCentral() explain.FleetCentral {
	figures := r.uplink.Figures()
	f := explain.FleetCentral{Address: r.o.Central, Sessions: map[string]int{}, Pending: figures.Pending}
	for phase, n := range figures.Sessions {
		f.Sessions[phase.String()] = n
	}
	worst := uplink.Away
	if figures.Sessions[worst] == 0 {
		worst = uplink.Refused
	}
	if figures.Sessions[worst] == 0 {
		return f
	}
	for c := range r.watched() {
		if r.uplink.Status(c.cp).Phase != worst {
			continue
		}
		s := r.centralStatus(c.cp)
		f.Last = s.Last
		if worst == uplink.Away {
			f.Away = s.Since
		} else if s.Last != nil {
			f.Reply = s.Last.Answer
		}
		break
	}
	return f
}

// sortedWatched are all charge points by id, byte by byte.
func (r *runner) sortedWatched() []cpTarget {
	return slices.SortedFunc(r.watched(), func(a, b cpTarget) int { return strings.Compare(string(a.cp), string(b.cp)) })
}

// siteNames are the sites of the fleet.
func (r *runner) siteNames() []string {
	names := map[string]bool{}
	for c := range r.watched() {
		names[c.policy.Site] = true
	}
	return slices.Sorted(maps.Keys(names))
}
