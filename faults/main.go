// Command faults is the fault campaign. It runs real Monitors, Central and a broker, with
// simulated Engines and failing links, on loopback or in network namespaces; injects faults from a seeded
// random plan or a written scenario; and lets internal/oracle verify what was promised.
// The table that it prints ends with the command that repeats the plan.
//
// scripts/faults.sh builds what it needs and starts it. The programs under trial are the
// static binaries as they are shipped. Engines and links run in this process, which so
// knows what they did. Every process that this program starts it ends, also on Ctrl-C;
// on Linux the kernel ends them when this program is killed.
//
// Where to read on:
//   - catalogue.go: every fault that can be injected; plan.go: a seed's choice of them
//   - inject.go: how each is injected, to one charge point (chargepoint.go), its Monitor
//     (monitor.go), a group of a fleet (fleet.go), or to all
//   - campaign.go: what runs; processes.go: child processes; disk_linux.go: a disk to fill
//   - groundtruth.go, evidence.go: what the oracle reads; result.go: run, verify, print
//   - scenarios.go: the written scenarios; metrics.go: what they measure
//   - certificates.go: those of a campaign with TLS
//   - network_linux.go: a network of its own for scenarios of names, interfaces and routes
//
// Exit codes: 0 every promise was held; 1 one was broken, or the campaign failed;
// 2 wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"evcp/internal/oracle"
	"evcp/internal/probe"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	if code, done := runSubcommand(ctx, args); done {
		return code
	}
	var o options
	if err := o.parse(args); err != nil {
		return 2
	}
	broken, err := o.run(ctx)
	if err != nil {
		return fail(err)
	}
	return min(broken, 1)
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "faults:", err)
	return 1
}

// The subcommands. All but verify are children that a campaign starts of itself.
const (
	partBroker       = "broker"       // PORT DIR [CERTIFICATE KEY PASSWORD]
	partMachineProbe = "machineprobe" // DIR
	partVerify       = "verify"       // FILE: verifies a saved trace again
	partIsolated     = "isolated"     // FLAGS: one scenario in the namespaces of this process
)

// runSubcommand runs the subcommand that args name, if they do.
func runSubcommand(ctx context.Context, args []string) (code int, done bool) {
	switch {
	case len(args) >= 3 && args[0] == partBroker:
		if err := serveBroker(ctx, args[1], args[2], args[3:]); err != nil {
			return fail(err), true
		}
	case len(args) == 2 && args[0] == partMachineProbe:
		if err := machineProbe(ctx, args[1], os.Stdout); err != nil {
			return fail(err), true
		}
	case len(args) == 2 && args[0] == partVerify:
		return verifyFile(args[1], os.Stdout), true
	case len(args) > 1 && args[0] == partIsolated:
		return runInNamespaces(ctx, args[1:]), true
	default:
		return 0, false
	}
	return 0, true
}

// runInNamespaces runs the scenario that args name, in the network of this process. It
// returns the exit code for runIsolated.
func runInNamespaces(ctx context.Context, args []string) int {
	o := options{isolated: true}
	if err := o.parse(args); err != nil {
		return isolatedFailed
	}
	broken, err := o.runScenarios(ctx)
	if err != nil {
		fail(err)
		return isolatedFailed
	}
	return min(broken, maxIsolatedBroken)
}

// options say which campaign to run.
type options struct {
	bin, dir string
	seed     uint64
	faults   int
	monitors int  // charge points
	fleet    bool // one Monitor watches them all
	probe    string
	every    time.Duration // mean time from fault to fault
	kafka    string
	scenario string
	kills    int  // of scenario history-kills
	history  bool // Central keeps it, and the oracle verifies it
	tls      bool // on every connection
	lenient  bool // bounds of time do not count while the machine is busy
	isolated bool // the network is this process's own
	show     bool
	keep     string
	out      *os.File // nil: stdout
}

const (
	maxMonitors = 40
	maxFleet    = 1_000
	leastFleet  = 10 // in a scenario
	maxFaults   = 100_000

	historyKills = 50
	maxKills     = 1_000
)

func (o *options) parse(args []string) error {
	f := flag.NewFlagSet("faults", flag.ContinueOnError)
	f.StringVar(&o.bin, "bin", "bin", "folder of ev-cp-m and ev-central")
	f.StringVar(&o.dir, "dir", "", "empty folder, on a real disk, for state and logs")
	f.Uint64Var(&o.seed, "seed", 0, "repeats a plan; 0 = a new one")
	f.IntVar(&o.faults, "faults", 200, "number of faults")
	f.IntVar(&o.monitors, "monitors", 6, "number of charge points; in a scenario, of those of a fleet")
	f.BoolVar(&o.fleet, "fleet", false, "one Monitor watches all charge points, in a scenario too")
	f.StringVar(&o.probe, "probe", "auto", "--probe of the Monitors: auto, portable or raw")
	f.DurationVar(&o.every, "every", 0, "mean time from fault to fault; 0 = 6s over the monitors, or over the groups of a fleet")
	f.StringVar(&o.kafka, "kafka", "fake", "fake, or real: Apache Kafka by scripts/kafka.sh")
	f.StringVar(&o.scenario, "scenario", "", "run one written scenario, or all, instead of a random plan: "+scenarioNames())
	f.IntVar(&o.kills, "kills", historyKills, "kills in scenario history-kills")
	f.BoolVar(&o.tls, "tls", false, "TLS on every connection, a certificate for every Monitor, and a login at the broker")
	f.BoolVar(&o.lenient, "lenient", false, "in a scenario, bounds of time do not count while something else uses the machine")
	f.BoolVar(&o.show, "show", false, "only print the plan")
	f.StringVar(&o.keep, "keep", "", "file for what the oracle read; faults verify FILE verifies it again")
	if err := f.Parse(args); err != nil {
		return err
	}
	err := o.validate()
	if err != nil {
		fmt.Fprintln(f.Output(), "faults:", err)
	}
	return err
}

// validate also fills in what was left to chance or to the other options.
func (o *options) validate() error {
	switch {
	case !o.fleet && (o.monitors < 1 || o.monitors > maxMonitors):
		return fmt.Errorf("-monitors is 1 to %d", maxMonitors)
	case o.fleet && (o.monitors < 1 || o.monitors > maxFleet):
		return fmt.Errorf("-monitors is 1 to %d with -fleet", maxFleet)
	case o.fleet && o.scenario != "" && o.monitors < leastFleet:
		return fmt.Errorf("-monitors is at least %d with -fleet and -scenario, which makes groups", leastFleet)
	case o.faults < 1 || o.faults > maxFaults:
		return fmt.Errorf("-faults is 1 to %d", maxFaults)
	case o.kills < 1 || o.kills > maxKills:
		return fmt.Errorf("-kills is 1 to %d", maxKills)
	case !slices.Contains(probe.DriverNames, o.probe):
		return fmt.Errorf("-probe is one of %s", strings.Join(probe.DriverNames, ", "))
	case o.kafka != "fake" && o.kafka != "real":
		return errors.New("-kafka is fake or real")
	case (o.tls || slices.ContainsFunc(chosen(o.scenario), func(s writtenScenario) bool { return s.tls })) && o.kafka == "real":
		return errors.New("-tls goes with -kafka fake")
	case o.dir == "" && !o.show:
		return errors.New("-dir is missing")
	case o.scenario != "" && len(chosen(o.scenario)) == 0:
		return fmt.Errorf("no such scenario; there are %s", scenarioNames())
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000) + 1
	}
	if o.every == 0 {
		o.every = 6 * time.Second / time.Duration(o.subjects().groups)
	}
	if o.out == nil {
		o.out = os.Stdout
	}
	return nil
}

// timing is how a Monitor is configured, and so what the oracle may ask of it.
type timing struct {
	oracle.Rules
	heartbeat time.Duration
}

func newTiming(interval, timeout, reportEvery, heartbeat time.Duration) timing {
	return timing{oracle.Rules{Interval: interval, Timeout: timeout, Fall: 3, ReportEvery: reportEvery, Ready: 1500 * ms}, heartbeat}
}

var (
	// campaignTiming is a quarter of the real one. The timeout leaves a check of a mute
	// Engine time to end, grace included, before the next is due. 0.9 of so short an
	// interval would not: each such check would make Monitors skip the next.
	campaignTiming = newTiming(250*ms, 180*ms, 5*time.Second, time.Second)
	// realTiming is that of design and defaults.
	realTiming = newTiming(time.Second, 900*ms, 30*time.Second, 5*time.Second)
	// tlsTiming is the real one with heartbeats that find a broken connection sooner.
	tlsTiming = newTiming(time.Second, 900*ms, 30*time.Second, 2*time.Second)
	// networkTiming is the real one with more heartbeats: Central calls a state unverified
	// after ten of them without an outcome.
	networkTiming = newTiming(time.Second, 900*ms, 30*time.Second, time.Second)
)

// noticing is how late a Monitor takes notice of a reply on a machine that is not busy. The raw
// driver looks at its sockets every 10 ms, or is woken by a goroutine that watches them; each
// of the two may run 40 ms late before the machine probe calls the machine busy.
func (o *options) noticing() time.Duration {
	if o.probe == "portable" {
		return 0
	}
	return 2 * (10*ms + probeTolerance)
}

// run runs what the options say and returns how many promises were broken.
func (o *options) run(ctx context.Context) (broken int, err error) {
	if o.scenario != "" {
		return o.runScenarios(ctx)
	}
	plan := newPlan(o.seed, o.faults, o.subjects(), o.every)
	if o.show {
		for _, f := range plan.faults {
			fmt.Fprintln(o.out, f)
		}
		return 0, nil
	}
	result, err := o.runPlan(ctx, plan)
	return result.broken(), err
}
