package demo

import (
	"fmt"
	"strconv"
	"time"

	"evcp"
	"evcp/internal/display"
	"evcp/internal/engine"
	"evcp/internal/language"
	"evcp/internal/watch"
)

// LoneCPs is how many charge points have a Monitor each; more of them are a fleet with one
// Monitor for all, and their Engines run in a child process.
const LoneCPs = 6

// MostCPs is as many as fit in the open files that a process usually may have (20,000).
const MostCPs = 15_000

// MemoryLimit is from how many bytes on the memory of the Monitor's process is better freed
// more often: together with that of the Engines, ten thousand stay below 200 MB.
func MemoryLimit(cps int) int64 { return 60<<20 + int64(cps)*7<<10 }

// fleetName names the state folder of the fleet's Monitor.
const fleetName = "fleet"

// idText is the id of a charge point by its number from 1, or of the range from first to last,
// as wide as the highest of all.
func idText(first, last, of int) string {
	width := max(3, len(strconv.Itoa(of)))
	if first == last {
		return fmt.Sprintf("CP_%0*d", width, first)
	}
	return fmt.Sprintf("CP_[%0*d-%0*d]", width, first, width, last)
}

// openFleet starts the Engines of a fleet.
func (e *env) openFleet(ids []evcp.CPID) error {
	p, end, err := startEngines(enginesOptions{CPs: idText(1, len(ids), len(ids)), Timeout: e.o.timeout()})
	if err != nil {
		return language.Errorf("start the Engines: %w", err)
	}
	e.onClose(end)
	e.fleet = p
	return nil
}

// startFleet starts the Monitor of all charge points.
func (e *env) startFleet() error {
	targets := make([]watch.Target, len(e.ids))
	var p *evcp.Policy
	for i, cp := range e.ids {
		if i%siteSize == 0 { // shared by a site
			policy := e.policy(siteName(i))
			p = &policy
		}
		targets[i] = watch.Target{CP: cp, Address: e.fleet.address, Policy: p}
	}
	if err := e.startMonitor(fleetName, targets, &watch.Fleet{Name: fleetName}); err != nil {
		return language.Errorf("start the Monitor: %w", err)
	}
	return nil
}

// assign puts a behaviour in force for some charge points of a fleet; for all if of is "".
func (e *env) assign(of string, b engine.Behaviour) error {
	if of != "" {
		of += " "
	}
	_, err := e.fleet.do(order{Assign: of + b.String()})
	return err
}

var fleetScript = Script{
	Round: 90 * time.Second,
	Steps: []ScriptStep{
		{10 * time.Second, "1 in 100 answers KO", "red after 3 failed checks", assignShare(0, 1, ko)},
		{25 * time.Second, "a fifth stops answering", "red after 3 timeouts, at most 3.9 s", assignShare(20, 40, mute)},
		{40 * time.Second, "the fifth answers again", "green a second later", assignShare(20, 40, ok)},
		{50 * time.Second, "the broker freezes for 15 s", "nothing is late, nothing is lost", (*env).freezeBroker},
		{65 * time.Second, "", "", (*env).thawBroker},
		{75 * time.Second, "all is well again", "", (*env).restoreAll},
	},
}

// assignShare makes the charge points after the first from percent, until to percent, behave;
// one at least.
func assignShare(from, to int, b engine.Behaviour) func(*env) {
	return func(e *env) {
		first := len(e.ids)*from/100 + 1
		e.assignOrLog(idText(first, max(first, len(e.ids)*to/100), len(e.ids)), b)
	}
}

// assignOrLog logs the error of assign: the process of the Engines has ended.
func (e *env) assignOrLog(of string, b engine.Behaviour) {
	if err := e.assign(of, b); err != nil {
		e.aggregator.logf("", display.Failed, "%v", err)
	}
}

// fleetShare is a part of the fleet that the keys have chosen, in percent; 0 is all.
type fleetShare int

func (s fleetShare) in(said language.Language) string {
	if s == 0 {
		return said.Text("all of them")
	}
	return said.Sprintf("%d percent of them", int(s))
}

// commandShare makes a part of the fleet behave as a key asks, and logs text.
func (e *env) commandShare(s fleetShare, b engine.Behaviour, text string) error {
	of := ""
	if s > 0 {
		of = strconv.Itoa(int(s)) + "%"
	}
	err := e.assign(of, b)
	if err == nil {
		said := e.o.Console.Language()
		e.aggregator.logf("", display.Note, "%s: %s", s.in(said), said.Text(text))
	}
	return err
}
