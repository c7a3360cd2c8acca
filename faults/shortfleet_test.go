package main

import (
	"slices"
	"testing"
	"time"
)

// The short campaign of a fleet, beside the one of shortSeed, with each driver.
const (
	shortFleetSeed   = 1708
	shortFleetFaults = 20
	shortFleetSize   = 12
	shortFleetEvery  = 700 * ms
	shortFleetEnds   = 18 * time.Second
)

// fleetMustHave are its faults: what a fleet shares, and what it does not.
var fleetMustHave = map[string]func(plannedFault) bool{
	"Engines that reply KO":                   mustHave["an Engine that replies KO"],
	"dead links to Engines":                   mustHave["a dead link to an Engine"],
	"broken links to Engines":                 mustHave["a broken link to an Engine"],
	"a dead or broken link to Central":        func(f plannedFault) bool { return f.domain == centralLink && (isHeld(f) || isBroken(f)) },
	"the Monitor killed":                      mustHave["a Monitor killed"],
	"the Monitor stopped":                     mustHave["a Monitor stopped"],
	"the Monitor restarted":                   mustHave["a Monitor restarted"],
	"the broker killed or stopped":            func(f plannedFault) bool { return f.domain == brokerFault },
	"charge points removed for a second":      func(f plannedFault) bool { return f.domain == reloadFault && f.lasts > time.Second },
	"charge points removed for less than one": func(f plannedFault) bool { return f.domain == reloadFault && f.lasts < time.Second },
}

func shortFleetOptions(probe string) *options {
	return &options{seed: shortFleetSeed, faults: shortFleetFaults, monitors: shortFleetSize, fleet: true, probe: probe, every: shortFleetEvery}
}

// servesFleet: a plan has every fault of fleetMustHave, is over in time, and leaves the CPUs to
// the other campaigns.
func servesFleet(p plan) bool {
	load := slices.ContainsFunc(p.faults, func(f plannedFault) bool { return f.domain == cpuFault })
	return len(missingFrom(p, fleetMustHave)) == 0 && p.ends() <= shortFleetEnds && !load
}

// TestShortFleetPlanIsComplete is TestShortPlanIsComplete for the fleet.
func TestShortFleetPlanIsComplete(t *testing.T) {
	of := shortFleetOptions("raw").subjects()
	plan := func(seed uint64) plan { return newPlan(seed, shortFleetFaults, of, shortFleetEvery) }
	if servesFleet(plan(shortFleetSeed)) {
		return
	}
	seed := uint64(1)
	for !servesFleet(plan(seed)) {
		seed++
	}
	t.Errorf("seed %d lacks %q; the smallest that serves is %d", shortFleetSeed, missingFrom(plan(shortFleetSeed), fleetMustHave), seed)
}
