package main

import (
	"time"

	"evcp/internal/engine"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
)

// faultKind is a sort of fault: what it strikes, and so what can't be struck twice at
// the same time.
type faultKind string

// The kinds.
const (
	engineFault  faultKind = "engine"       // of one charge point: its Engine behaves
	engineLink   faultKind = "engine link"  // its link to the Engine fails
	centralLink  faultKind = "central link" // its link to Central fails
	monitorFault faultKind = "monitor"      // its Monitor
	centralFault faultKind = "central"      // everybody's
	brokerFault  faultKind = "broker"
	cpuFault     faultKind = "cpu"
	diskFault    faultKind = "disk" // of the last charge point
)

// catalogueEntry is a line of the menu.
type catalogueEntry struct {
	kind   faultKind
	name   string
	weight int
	least  time.Duration // how long it lasts
	most   time.Duration
	impairment   faultproxy.Impairment // links
	expect oracle.Expectation    // engine: what its words are worth
	delay  time.Duration         // engine: until each answer is whole
	split bool                  // engine: its first byte comes at once
	shut   bool
}

const ms = time.Millisecond

func engineEntry(what string, health oracle.Expectation, delay time.Duration) catalogueEntry {
	return catalogueEntry{kind: engineFault, name: what, weight: 3, least: 300 * ms, most: 6 * time.Second, expect: health, delay: delay}
}

// splitEntry is an Engine that says O in time, and K so much later.
func splitEntry(later time.Duration) catalogueEntry {
	i := engineEntry("halves="+later.String(), oracle.ExpectOK, later)
	i.split = true
	return i
}

// behaviour is what the Engine itself is told; halving is done by its mouth.
func (i catalogueEntry) behaviour() (engine.Behaviour, error) {
	if i.split {
		return engine.ParseBehaviour("ok")
	}
	return engine.ParseBehaviour(i.name)
}

func linkEntry(k faultKind, m faultproxy.Impairment, most time.Duration) catalogueEntry {
	return catalogueEntry{kind: k, name: m.String(), weight: 3, least: 300 * ms, most: most, impairment: m}
}

// catalogue is everything that can happen. Short ones are there too, to be survived.
var catalogue = append([]catalogueEntry{
	engineEntry("ko", oracle.ExpectFailure, 0), engineEntry("mute", oracle.ExpectFailure, 0), engineEntry("drip", oracle.ExpectFailure, 0), engineEntry("reset", oracle.ExpectFailure, 0),
	engineEntry("close", oracle.ExpectFailure, 0), engineEntry("garbage", oracle.ExpectFailure, 0), engineEntry("split", oracle.ExpectFailure, 0), engineEntry("say=BROKEN", oracle.ExpectFailure, 0),
	engineEntry("slow=375ms", oracle.ExpectOK, 375*ms), // late for every check
	splitEntry(375 * ms),
	engineEntry("slow=100ms", oracle.ExpectOK, 100*ms), // in time
	engineEntry(`say="OK 23.5C"`, oracle.ExpectOK, 0),
	engineEntry("intermittent", oracle.ExpectEither, 0), engineEntry("delayed-ko", oracle.ExpectEither, 0),
	{kind: engineFault, name: "refuse", weight: 3, least: 300 * ms, most: 6 * time.Second, expect: oracle.ExpectFailure, shut: true},
	{kind: engineFault, name: "ko", weight: 4, least: 7 * time.Second, most: 14 * time.Second, expect: oracle.ExpectFailure}, // long enough to be repeated

	{kind: monitorFault, name: "kill", weight: 12, least: 0, most: 3 * time.Second},
	{kind: monitorFault, name: "stop", weight: 8, least: 50 * ms, most: 800 * ms},
	{kind: monitorFault, name: "stop", weight: 5, least: 800 * ms, most: 6 * time.Second},
	{kind: monitorFault, name: "stutter", weight: 8, least: time.Second, most: 5 * time.Second},
	{kind: monitorFault, name: "restart", weight: 4, least: 0, most: time.Second},

	{kind: centralFault, name: "kill", weight: 3, least: 0, most: 5 * time.Second},
	{kind: centralFault, name: "stop", weight: 3, least: 100 * ms, most: 6 * time.Second},
	{kind: centralFault, name: "restart", weight: 2, least: 0, most: 3 * time.Second},
	{kind: brokerFault, name: "kill", weight: 5, least: 0, most: 6 * time.Second},
	{kind: brokerFault, name: "stop", weight: 5, least: 100 * ms, most: 6 * time.Second},
	{kind: brokerFault, name: "restart", weight: 2, least: 0, most: 3 * time.Second},
	{kind: cpuFault, name: "hogs", weight: 7, least: time.Second, most: 5 * time.Second},
	{kind: diskFault, name: "full", weight: 4, least: time.Second, most: 5 * time.Second},
}, linkEntries()...)

func linkEntries() []catalogueEntry {
	var all []catalogueEntry
	for _, k := range []faultKind{engineLink, centralLink} {
		all = append(all,
			linkEntry(k, faultproxy.Impairment{Kind: faultproxy.Slow, Delay: 20 * ms}, 5*time.Second),
			linkEntry(k, faultproxy.Impairment{Kind: faultproxy.Slow, Delay: 300 * ms}, 5*time.Second),
			linkEntry(k, faultproxy.Impairment{Kind: faultproxy.BlackHole}, 8*time.Second),
			linkEntry(k, faultproxy.Impairment{Kind: faultproxy.Hang}, 8*time.Second),
			linkEntry(k, faultproxy.Impairment{Kind: faultproxy.HalfOpenUp}, 6*time.Second),
			linkEntry(k, faultproxy.Impairment{Kind: faultproxy.HalfOpenDown}, 6*time.Second),
			linkEntry(k, faultproxy.Impairment{Kind: faultproxy.Reset}, 5*time.Second),
			linkEntry(k, faultproxy.Impairment{Kind: faultproxy.Refuse}, 5*time.Second),
		)
	}
	return all
}

// ofOneCP reports whether a fault strikes one charge point.
func (k faultKind) ofOneCP() bool {
	switch k {
	case centralFault, brokerFault, cpuFault, diskFault:
		return false
	default:
		return true
	}
}
