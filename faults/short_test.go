package main

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
)

// The short campaign. Its seed is the smallest whose plan has every fault of mustHave and
// is over in time: see TestShortPlanIsComplete. EVCP_FAULTS_SEED runs another one.
const (
	shortSeed     = 518188
	shortFaults   = 24
	shortMonitors = 4
	shortEvery    = 700 * ms
	shortEnds     = 22 * time.Second
)

// mustHave are the faults of the short campaign: every domain, and those of one that other
// code deals with.
var mustHave = map[string]func(plannedFault) bool{
	"an Engine that replies KO": func(f plannedFault) bool {
		return f.domain == engineFault && f.expect == oracle.ExpectFailure && !isSilent(f) && !f.shut
	},
	"an Engine that does not reply":  func(f plannedFault) bool { return f.domain == engineFault && isSilent(f) },
	"an Engine that does not listen": func(f plannedFault) bool { return f.domain == engineFault && f.shut },
	"an Engine that is late":         func(f plannedFault) bool { return f.domain == engineFault && f.delay > campaignTiming.Timeout },
	"a dead link to an Engine":       func(f plannedFault) bool { return f.domain == engineLink && isHeld(f) },
	"a broken link to an Engine":     func(f plannedFault) bool { return f.domain == engineLink && isBroken(f) },
	"a dead link to Central":         func(f plannedFault) bool { return f.domain == centralLink && isHeld(f) },
	"a broken link to Central":       func(f plannedFault) bool { return f.domain == centralLink && isBroken(f) },
	"a Monitor killed":               isFault(monitorFault, "kill"),
	"a Monitor stopped":              isFault(monitorFault, "stop"),
	"a Monitor paused repeatedly":    isFault(monitorFault, "repeated-stop"),
	"a Monitor restarted":            isFault(monitorFault, "restart"),
	"Central killed":                 isFault(centralFault, "kill"),
	"Central stopped":                isFault(centralFault, "stop"),
	"the broker killed":              isFault(brokerFault, "kill"),
	"the broker stopped":             isFault(brokerFault, "stop"),
	"busy CPUs":                      isFault(cpuFault, "load"),
	"a full disk":                    isFault(diskFault, "full"),
}

func isFault(k faultDomain, what string) func(plannedFault) bool {
	return func(f plannedFault) bool { return f.domain == k && f.name == what }
}

func isSilent(f plannedFault) bool { return f.name == "mute" || f.name == "drip" }
func isHeld(f plannedFault) bool {
	return f.impairment.Kind >= faultproxy.BlackHole && f.impairment.Kind <= faultproxy.HalfOpenDown
}
func isBroken(f plannedFault) bool { return f.impairment.Kind >= faultproxy.Reset }

func shortPlan(seed uint64) plan {
	return newPlan(seed, shortFaults, subjects{groups: shortMonitors}, shortEvery)
}

// missingFrom are the names of the faults that a plan does not have.
func missingFrom(p plan, want map[string]func(plannedFault) bool) []string {
	var all []string
	for name, is := range want {
		if !slices.ContainsFunc(p.faults, is) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// TestShortPlanIsComplete looks for another seed when the catalogue has changed and this
// one does not serve any more.
func TestShortPlanIsComplete(t *testing.T) {
	p := shortPlan(shortSeed)
	if serves(p) {
		return
	}
	seed := uint64(1)
	for !serves(shortPlan(seed)) {
		seed++
	}
	t.Errorf("seed %d lacks %q and takes %s; the smallest that lacks nothing and takes %s at most is %d", shortSeed, missingFrom(p, mustHave), p.ends(), shortEnds, seed)
}

func serves(p plan) bool { return len(missingFrom(p, mustHave)) == 0 && p.ends() <= shortEnds }

// TestShortCampaign is what make faults does, in less than a minute: Monitors of one charge point,
// and a fleet with each driver, all at once. Violations of time bounds are only logged when the
// machine was busy with something else.
func TestShortCampaign(t *testing.T) {
	defer goleak.VerifyNone(t)
	if testing.Short() {
		t.Skip("half a minute of faults")
	}
	seed := uint64(shortSeed)
	if s := os.Getenv("EVCP_FAULTS_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	dir := t.TempDir()
	var running sync.WaitGroup
	for name, o := range map[string]*options{
		"alone":           {seed: seed, faults: shortFaults, monitors: shortMonitors, probe: "auto", every: shortEvery},
		"fleet, raw":      shortFleetOptions("raw"),
		"fleet, portable": shortFleetOptions("portable"),
	} {
		if o.probe == "raw" && runtime.GOOS != "linux" {
			continue
		}
		running.Go(func() { runShort(t, name, dir, o) })
	}
	running.Wait()
}

func runShort(t *testing.T, name, dir string, o *options) {
	t.Helper()
	out, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Error(err)
		return
	}
	defer out.Close()
	o.bin, o.dir, o.kafka, o.out = programs, dir, "fake", out
	result, err := o.runPlan(t.Context(), newPlan(o.seed, o.faults, o.subjects(), o.every))
	table, _ := os.ReadFile(out.Name()) // it is only shown
	t.Logf("%s:\n%s", name, table)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if result.machineWasBusy() {
		t.Logf("%s: the machine was busy for %s of %s: bounds of time are not counted", name, result.busy, result.took)
	}
	for _, f := range result.counted(result.machineWasBusy()) {
		t.Errorf("%s: %s", name, f)
	}
	for _, text := range result.problems {
		t.Errorf("%s: %s", name, text)
	}
	if result.verification.EngineChecks == 0 || result.verification.Messages == 0 || result.verification.Events == 0 {
		t.Errorf("%s: nothing was verified: %+v", name, result.verification)
	}
}
