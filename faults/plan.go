package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// plannedFault is one line of a plan.
type plannedFault struct {
	catalogueEntry
	at    time.Duration // from the start of the campaign
	lasts time.Duration
	cp    int // whose; in a fleet the number of a group; -1: everybody's
	fleet bool
}

func (f plannedFault) String() string {
	cp := "all"
	switch {
	case f.cp >= 0 && f.fleet:
		cp = siteName(f.cp)
	case f.cp >= 0:
		cp = string(cpID(f.cp))
	}
	return fmt.Sprintf("%8.3fs %-6s %-12s %-14s %6.3fs", f.at.Seconds(), cp, f.domain, f.name, f.lasts.Seconds())
}

// plan is a random campaign, in order of time. The same seed and numbers give the same
// plan.
type plan struct {
	seed   uint64
	faults []plannedFault
}

// Pauses between two faults of one resource, so that Monitors notice the end of the
// first. The outbox retries a failing disk every 30 s. While Central can't be reached, and for
// 11.5 s more, no report has a bound: a fleet, whose reports all go one way, is given a longer
// time in which they have.
const (
	minPause  = 500 * ms
	maxPause  = 4 * time.Second
	diskPause = 36 * time.Second
	wayPause  = 30 * time.Second
)

// resource is what has at most one fault at a time.
type resource struct {
	domain faultDomain
	cp     int
}

func (f plannedFault) resource() resource { return resource{f.domain, f.cp} }

// subjects are whom faults happen to: charge points with a Monitor each, or the groups of
// a fleet that one Monitor watches.
type subjects struct {
	groups int
	fleet  bool
}

// newPlan draws faults until there are count. Faults of different resources overlap;
// one whose resource is still busy is drawn again, since the two would undo each other.
func newPlan(seed uint64, count int, of subjects, every time.Duration) plan {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	p := plan{seed: seed}
	free := map[resource]time.Duration{}
	for now := time.Duration(0); len(p.faults) < count; {
		f := drawFault(r, now, of)
		if free[f.resource()] > f.at || !compatible(f, free, of) {
			now += every / 20
			continue
		}
		free[f.resource()] = f.at + f.lasts + drawPause(r, f)
		p.faults = append(p.faults, f)
		now = f.at + time.Duration(r.ExpFloat64()*float64(every))
	}
	return p
}

func drawFault(r *rand.Rand, now time.Duration, of subjects) plannedFault {
	f := plannedFault{catalogueEntry: drawEntry(r, of.catalogue()), at: now.Round(ms), cp: -1, fleet: of.fleet}
	f.lasts = (f.least + time.Duration(r.Int64N(int64(f.most-f.least)))).Round(ms)
	switch f.domain {
	case centralFault, brokerFault, cpuFault:
	case diskFault, monitorFault, centralLink:
		f.cp = of.watched(r, f.domain)
	default:
		f.cp = r.IntN(of.groups)
	}
	return f
}

// watched is whom a fault of a Monitor, its disk or its link to Central happens to.
func (of subjects) watched(r *rand.Rand, domain faultDomain) int {
	switch {
	case of.fleet:
		return -1
	case domain == diskFault:
		return of.groups - 1
	}
	return r.IntN(of.groups)
}

// catalogue has the faults that can happen to them.
func (of subjects) catalogue() []catalogueEntry {
	if of.fleet {
		return append(slices.Clone(catalogue), reloadEntry)
	}
	return catalogue
}

func drawEntry(r *rand.Rand, catalogue []catalogueEntry) catalogueEntry {
	sum := 0
	for _, e := range catalogue {
		sum += e.weight
	}
	n := r.IntN(sum)
	at := slices.IndexFunc(catalogue, func(e catalogueEntry) bool { n -= e.weight; return n < 0 })
	return catalogue[at]
}

func drawPause(r *rand.Rand, f plannedFault) time.Duration {
	switch {
	case f.domain == diskFault:
		return diskPause
	case f.fleet && (f.domain == centralFault || f.domain == centralLink):
		return wayPause
	}
	return minPause + time.Duration(r.Int64N(int64(maxPause-minPause)))
}

// compatible keeps a full disk and the end of its Monitor apart. While the disk is full,
// events are in memory only and end with the process: no promise covers both.
func compatible(f plannedFault, free map[resource]time.Duration, of subjects) bool {
	last := of.groups - 1
	if of.fleet {
		last = -1
	}
	switch {
	case f.domain == monitorFault && f.cp == last && (f.name == "kill" || f.name == "restart"):
		return free[resource{diskFault, last}] <= f.at
	case f.domain == diskFault:
		return free[resource{monitorFault, last}] <= f.at
	}
	return true
}

// ends is when the last fault is over.
func (p plan) ends() time.Duration {
	end := time.Duration(0)
	for _, f := range p.faults {
		end = max(end, f.at+f.lasts)
	}
	return end
}
