package engine

import (
	"slices"
	"time"

	"evcp"
)

// guests are the Monitors that speak to the Engine, by their words: connections
// say nothing, because many a Monitor dials anew for each question.
type guests map[evcp.CPID]guest

type guest struct {
	last time.Time     // its last word
	gap  time.Duration // between its last two
	here bool          // somebody was told that it came, and not yet that it left
}

// A Monitor has left when it was silent for three of its own gaps, and for
// leastAbsence: more than one check at the usual second went missing. Any stranger
// can make up ids, so there is a bound to those that are remembered.
const (
	leastAbsence = 5 * time.Second
	maxGuests    = 1024
)

// note takes a word of a Monitor.
func (g guests) note(cp evcp.CPID, now time.Time) {
	was, known := g[cp]
	if !known && len(g) == maxGuests {
		return
	}
	if known {
		was.gap = now.Sub(was.last)
	}
	was.last = now
	g[cp] = was
}

// excuse begins all waiting anew: the Engine itself may have kept them away.
func (g guests) excuse(now time.Time) {
	for cp, one := range g {
		if one.here {
			one.last = now
			g[cp] = one
		}
	}
}

// news says who came and who left since it was last called, each sorted.
func (g guests) news(now time.Time) (came, left []evcp.CPID) {
	for cp, one := range g {
		present := now.Sub(one.last) <= max(leastAbsence, 3*one.gap)
		switch {
		case present && !one.here:
			came = append(came, cp)
		case !present && one.here:
			left = append(left, cp)
		}
		one.here = present
		g[cp] = one
	}
	slices.Sort(came)
	slices.Sort(left)
	return came, left
}
