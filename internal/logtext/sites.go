package logtext

import "evcp"

// site is one place of a fleet, as the fleet file names it.
type site struct {
	name    string
	cps     int                // charge points there
	failing map[evcp.Cause]int // those with an open incident, by the cause that opened it
}

// siteCounts follows which charge points are where, and how many of them have failed.
type siteCounts struct {
	byName map[string]*site
	cps    int // charge points in all
}

// moved takes s to the site of that name, "" for none.
func (c *siteCounts) moved(s *logState, name string) {
	if s.site != nil && s.site.name == name {
		return
	}
	c.left(s)
	if c.byName == nil {
		c.byName = map[string]*site{}
	}
	to := c.byName[name]
	if to == nil {
		to = &site{name: name, failing: map[evcp.Cause]int{}}
		c.byName[name] = to
	}
	s.site = to
	to.cps++
	c.cps++
	if s.open {
		to.failing[s.cause]++
	}
}

// left takes s from its site.
func (c *siteCounts) left(s *logState) {
	if s.site == nil {
		return
	}
	if s.open {
		s.site.failing[s.cause]--
	}
	if s.site.cps--; s.site.cps == 0 {
		delete(c.byName, s.site.name)
	}
	c.cps--
	s.site = nil
}

// follow takes s to the site that an event names, and counts the incidents. before is the
// state before the event.
func (c *siteCounts) follow(s *logState, before logState, e evcp.Event) {
	switch e.Action {
	case evcp.MonitorStarted, evcp.SettingsChanged:
		c.moved(s, e.Site)
	case evcp.MonitorStopped:
		if e.Reason == evcp.ReasonRemoved {
			c.left(s)
		}
	case evcp.EngineFailed, evcp.EngineRecovered:
		c.count(s, before)
	}
}

func (c *siteCounts) count(s *logState, before logState) {
	if s.site == nil {
		return
	}
	if before.open {
		s.site.failing[before.cause]--
	}
	if s.open {
		s.site.failing[s.cause]++
	}
}
