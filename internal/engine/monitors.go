package engine

import (
	"slices"
	"time"

	"evcp"
)

// monitorSet is the Monitors that send messages to the Engine, by id. Connections do not
// count: many a Monitor dials anew for each message.
type monitorSet struct {
	byCP  map[evcp.CPID]monitorPresence
	limit int // of byCP: ids are not authenticated
}

func newMonitorSet(cps int) monitorSet {
	return monitorSet{byCP: map[evcp.CPID]monitorPresence{}, limit: max(cps, maxMonitors)}
}

type monitorPresence struct {
	last    time.Time     // of its newest message
	gap     time.Duration // between its two newest messages
	present bool          // as changes reported it last
}

// A Monitor is absent after three of its own gaps without a message, and after minAbsence
// at the least. maxMonitors is the limit of an Engine that is one charge point with any id.
const (
	minAbsence  = 5 * time.Second
	maxMonitors = 1024
)

// received records a message of a Monitor.
func (m monitorSet) received(cp evcp.CPID, now time.Time) {
	p, known := m.byCP[cp]
	if !known && len(m.byCP) == m.limit {
		return
	}
	if known {
		p.gap = now.Sub(p.last)
	}
	p.last = now
	m.byCP[cp] = p
}

// restart begins the absence of all Monitors anew: a change of behaviour may have kept
// their messages away.
func (m monitorSet) restart(now time.Time) {
	for cp, p := range m.byCP {
		if p.present {
			p.last = now
			m.byCP[cp] = p
		}
	}
}

// changes are the Monitors that came and left since the last call, each list sorted.
func (m monitorSet) changes(now time.Time) (came, left []evcp.CPID) {
	for cp, p := range m.byCP {
		present := now.Sub(p.last) <= max(minAbsence, 3*p.gap)
		switch {
		case present && !p.present:
			came = append(came, cp)
		case !present && p.present:
			left = append(left, cp)
		}
		p.present = present
		m.byCP[cp] = p
	}
	slices.Sort(came)
	slices.Sort(left)
	return came, left
}
