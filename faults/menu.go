package main

import (
	"time"

	"evcp/internal/engine"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
)

// kind is a sort of fault: what it strikes, and so what can't be struck twice at
// the same time.
type kind string

// The kinds.
const (
	engineFault  kind = "engine"       // of one charge point: its Engine behaves
	engineLink   kind = "engine link"  // its link to the Engine fails
	centralLink  kind = "central link" // its link to Central fails
	monitorFault kind = "monitor"      // its Monitor
	centralFault kind = "central"      // everybody's
	brokerFault  kind = "broker"
	cpuFault     kind = "cpu"
	diskFault    kind = "disk" // of the last charge point
)

// item is a line of the menu.
type item struct {
	kind   kind
	what   string
	weight int
	least  time.Duration // how long it lasts
	most   time.Duration
	mode   faultproxy.Impairment // links
	health oracle.Expectation    // engine: what its words are worth
	delay  time.Duration         // engine: until each answer is whole
	halves bool                  // engine: its first byte comes at once
	shut   bool
}

const ms = time.Millisecond

func say(what string, health oracle.Expectation, delay time.Duration) item {
	return item{kind: engineFault, what: what, weight: 3, least: 300 * ms, most: 6 * time.Second, health: health, delay: delay}
}

// halve is an Engine that says O in time, and K so much later.
func halve(later time.Duration) item {
	i := say("halves="+later.String(), oracle.ExpectOK, later)
	i.halves = true
	return i
}

// behaviour is what the Engine itself is told; halving is done by its mouth.
func (i item) behaviour() (engine.Behaviour, error) {
	if i.halves {
		return engine.ParseBehaviour("ok")
	}
	return engine.ParseBehaviour(i.what)
}

func link(k kind, m faultproxy.Impairment, most time.Duration) item {
	return item{kind: k, what: m.String(), weight: 3, least: 300 * ms, most: most, mode: m}
}

// menu is everything that can happen. Short ones are there too, to be survived.
var menu = append([]item{
	say("ko", oracle.ExpectFailure, 0), say("mute", oracle.ExpectFailure, 0), say("drip", oracle.ExpectFailure, 0), say("reset", oracle.ExpectFailure, 0),
	say("close", oracle.ExpectFailure, 0), say("garbage", oracle.ExpectFailure, 0), say("split", oracle.ExpectFailure, 0), say("say=BROKEN", oracle.ExpectFailure, 0),
	say("slow=375ms", oracle.ExpectOK, 375*ms), // late for every check
	halve(375 * ms),
	say("slow=100ms", oracle.ExpectOK, 100*ms), // in time
	say(`say="OK 23.5C"`, oracle.ExpectOK, 0),
	say("intermittent", oracle.ExpectEither, 0), say("delayed-ko", oracle.ExpectEither, 0),
	{kind: engineFault, what: "refuse", weight: 3, least: 300 * ms, most: 6 * time.Second, health: oracle.ExpectFailure, shut: true},
	{kind: engineFault, what: "ko", weight: 4, least: 7 * time.Second, most: 14 * time.Second, health: oracle.ExpectFailure}, // long enough to be repeated

	{kind: monitorFault, what: "kill", weight: 12, least: 0, most: 3 * time.Second},
	{kind: monitorFault, what: "stop", weight: 8, least: 50 * ms, most: 800 * ms},
	{kind: monitorFault, what: "stop", weight: 5, least: 800 * ms, most: 6 * time.Second},
	{kind: monitorFault, what: "stutter", weight: 8, least: time.Second, most: 5 * time.Second},
	{kind: monitorFault, what: "restart", weight: 4, least: 0, most: time.Second},

	{kind: centralFault, what: "kill", weight: 3, least: 0, most: 5 * time.Second},
	{kind: centralFault, what: "stop", weight: 3, least: 100 * ms, most: 6 * time.Second},
	{kind: centralFault, what: "restart", weight: 2, least: 0, most: 3 * time.Second},
	{kind: brokerFault, what: "kill", weight: 5, least: 0, most: 6 * time.Second},
	{kind: brokerFault, what: "stop", weight: 5, least: 100 * ms, most: 6 * time.Second},
	{kind: brokerFault, what: "restart", weight: 2, least: 0, most: 3 * time.Second},
	{kind: cpuFault, what: "hogs", weight: 7, least: time.Second, most: 5 * time.Second},
	{kind: diskFault, what: "full", weight: 4, least: time.Second, most: 5 * time.Second},
}, links()...)

func links() []item {
	var all []item
	for _, k := range []kind{engineLink, centralLink} {
		all = append(all,
			link(k, faultproxy.Impairment{Kind: faultproxy.Slow, Delay: 20 * ms}, 5*time.Second),
			link(k, faultproxy.Impairment{Kind: faultproxy.Slow, Delay: 300 * ms}, 5*time.Second),
			link(k, faultproxy.Impairment{Kind: faultproxy.BlackHole}, 8*time.Second),
			link(k, faultproxy.Impairment{Kind: faultproxy.Hang}, 8*time.Second),
			link(k, faultproxy.Impairment{Kind: faultproxy.HalfOpenUp}, 6*time.Second),
			link(k, faultproxy.Impairment{Kind: faultproxy.HalfOpenDown}, 6*time.Second),
			link(k, faultproxy.Impairment{Kind: faultproxy.Reset}, 5*time.Second),
			link(k, faultproxy.Impairment{Kind: faultproxy.Refuse}, 5*time.Second),
		)
	}
	return all
}

// ofOne reports whether a fault strikes one charge point.
func (k kind) ofOne() bool {
	switch k {
	case centralFault, brokerFault, cpuFault, diskFault:
		return false
	default:
		return true
	}
}
