package engine

import (
	"slices"
	"time"

	"evcp"
)

// monitorSet is the Monitors that send messages to the Engine, by id. Connections do not
// count: many a Monitor dials anew for each message.
type monitorSet map[evcp.CPID]monitorPresence

type monitorPresence struct {
	last    time.Time     // of its newest message
	gap     time.Duration // between its two newest messages
	present bool          // as changes reported it last
}

// A Monitor is absent after three of its own gaps without a message, and after minAbsence
// at the least. Ids are not authenticated, so the number of them is bounded.
const (
	minAbsence  = 5 * time.Second
	maxMonitors = 1024
)

// received records a message of a Monitor.
func (m monitorSet) received(cp evcp.CPID, now time.Time) {
	p, known := m[cp]
	if !known && len(m) == maxMonitors {
		return
	}
	if known {
		p.gap = now.Sub(p.last)
	}
	p.last = now
	m[cp] = p
}

// restart begins the absence of all Monitors anew: a change of behaviour may have kept
// their messages away.
func (m monitorSet) restart(now time.Time) {
	for cp, p := range m {
		if p.present {
			p.last = now
			m[cp] = p
		}
	}
}

// changes are the Monitors that came and left since the last call, each list sorted.
func (m monitorSet) changes(now time.Time) (came, left []evcp.CPID) {
	for cp, p := range m {
		present := now.Sub(p.last) <= max(minAbsence, 3*p.gap)
		switch {
		case present && !p.present:
			came = append(came, cp)
		case !present && p.present:
			left = append(left, cp)
		}
		p.present = present
		m[cp] = p
	}
	slices.Sort(came)
	slices.Sort(left)
	return came, left
}
