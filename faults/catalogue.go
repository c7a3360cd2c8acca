package main

import (
	"time"

	"evcp/internal/engine"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
)

const ms = time.Millisecond

// faultDomain is what a fault happens to.
type faultDomain string

const (
	engineFault  faultDomain = "engine"       // the Engine of one charge point, or those of a group
	engineLink   faultDomain = "engine link"  // between one Monitor and its Engine, or those of a group
	centralLink  faultDomain = "central link" // between one Monitor and Central
	monitorFault faultDomain = "monitor"      // one Monitor's process
	centralFault faultDomain = "central"
	brokerFault  faultDomain = "broker"
	cpuFault     faultDomain = "cpu"  // of the machine
	diskFault    faultDomain = "disk" // of the last charge point, or of the fleet
	reloadFault  faultDomain = "fleet file"
)

// catalogueEntry is one fault that can be injected.
type catalogueEntry struct {
	domain     faultDomain
	name       string
	weight     int           // of its probability
	least      time.Duration // it lasts at least so long,
	most       time.Duration // and less than this
	impairment faultproxy.Impairment
	expect     oracle.Expectation // Engine: what a check of it must find, delay aside
	delay      time.Duration      // Engine: until each reply is complete
	split      bool               // Engine: the reply's first byte is not delayed
	shut       bool               // Engine: it does not listen
}

func engineEntry(name string, expect oracle.Expectation, delay time.Duration) catalogueEntry {
	return catalogueEntry{domain: engineFault, name: name, weight: 3, least: 300 * ms, most: 6 * time.Second, expect: expect, delay: delay}
}

// failing is an Engine of which every check fails.
func failing(name string) catalogueEntry { return engineEntry(name, oracle.ExpectFailure, 0) }

// splitEntry is an Engine that sends the O of its OK at once, and the K after delay.
func splitEntry(delay time.Duration) catalogueEntry {
	e := engineEntry("split="+delay.String(), oracle.ExpectOK, delay)
	e.split = true
	return e
}

// behaviour is that of the simulated Engine; connHook splits its replies.
func (e catalogueEntry) behaviour() (engine.Behaviour, error) {
	if e.split {
		return engine.ParseBehaviour("ok")
	}
	return engine.ParseBehaviour(e.name)
}

// catalogue has every fault. Monitors must also survive those that are too short to be
// noticed. A seed's plan depends on the order and on every figure.
var catalogue = append([]catalogueEntry{
	failing("ko"), failing("mute"), failing("drip"), failing("reset"),
	failing("close"), failing("garbage"), failing("split"), failing("say=BROKEN"),
	engineEntry("slow=375ms", oracle.ExpectOK, 375*ms), // late for every check
	splitEntry(375 * ms),
	engineEntry("slow=100ms", oracle.ExpectOK, 100*ms), // in time
	engineEntry(`say="OK 23.5C"`, oracle.ExpectOK, 0),
	engineEntry("intermittent", oracle.ExpectEither, 0), engineEntry("delayed-ko", oracle.ExpectEither, 0),
	{domain: engineFault, name: "refuse", weight: 3, least: 300 * ms, most: 6 * time.Second, expect: oracle.ExpectFailure, shut: true},
	{domain: engineFault, name: "ko", weight: 4, least: 7 * time.Second, most: 14 * time.Second, expect: oracle.ExpectFailure}, // its report is repeated

	{domain: monitorFault, name: "kill", weight: 12, least: 0, most: 3 * time.Second},
	{domain: monitorFault, name: "stop", weight: 8, least: 50 * ms, most: 800 * ms},
	{domain: monitorFault, name: "stop", weight: 5, least: 800 * ms, most: 6 * time.Second},
	{domain: monitorFault, name: "repeated-stop", weight: 8, least: time.Second, most: 5 * time.Second},
	{domain: monitorFault, name: "restart", weight: 4, least: 0, most: time.Second},

	{domain: centralFault, name: "kill", weight: 3, least: 0, most: 5 * time.Second},
	{domain: centralFault, name: "stop", weight: 3, least: 100 * ms, most: 6 * time.Second},
	{domain: centralFault, name: "restart", weight: 2, least: 0, most: 3 * time.Second},
	{domain: brokerFault, name: "kill", weight: 5, least: 0, most: 6 * time.Second},
	{domain: brokerFault, name: "stop", weight: 5, least: 100 * ms, most: 6 * time.Second},
	{domain: brokerFault, name: "restart", weight: 2, least: 0, most: 3 * time.Second},
	{domain: cpuFault, name: "load", weight: 7, least: time.Second, most: 5 * time.Second},
	{domain: diskFault, name: "full", weight: 4, least: time.Second, most: 5 * time.Second},
}, linkEntries()...)

// reloadEntry removes a group from the fleet's file for a while.
var reloadEntry = catalogueEntry{domain: reloadFault, name: "removed", weight: 8, least: 300 * ms, most: 6 * time.Second}

// linkEntries are the impairments of links, each for both kinds of link.
func linkEntries() []catalogueEntry {
	var all []catalogueEntry
	for _, k := range []faultDomain{engineLink, centralLink} {
		add := func(i faultproxy.Impairment, most time.Duration) {
			all = append(all, catalogueEntry{domain: k, name: i.String(), weight: 3, least: 300 * ms, most: most, impairment: i})
		}
		add(faultproxy.Impairment{Kind: faultproxy.Slow, Delay: 20 * ms}, 5*time.Second)
		add(faultproxy.Impairment{Kind: faultproxy.Slow, Delay: 300 * ms}, 5*time.Second)
		add(faultproxy.Impairment{Kind: faultproxy.BlackHole}, 8*time.Second)
		add(faultproxy.Impairment{Kind: faultproxy.Hang}, 8*time.Second)
		add(faultproxy.Impairment{Kind: faultproxy.HalfOpenUp}, 6*time.Second)
		add(faultproxy.Impairment{Kind: faultproxy.HalfOpenDown}, 6*time.Second)
		add(faultproxy.Impairment{Kind: faultproxy.Reset}, 5*time.Second)
		add(faultproxy.Impairment{Kind: faultproxy.Refuse}, 5*time.Second)
	}
	return all
}
