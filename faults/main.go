// Command faults is the fault campaign: real Monitors, Central and a broker, and
// Engines and links of our own, all on loopback and all made to fail by a seeded
// random schedule; then an oracle (internal/oracle) says what was promised and
// not held. The table it prints ends with the seed that repeats the schedule.
//
// scripts/faults.sh builds what it needs and starts it. The programs under trial
// are the static binaries as they are shipped; the Engines and the links run in
// this process, since they are the witnesses. Everything that this program starts
// it ends, by process id, also on Ctrl-C, and the kernel ends it should this
// program be killed.
//
// Where to read on: menu.go has all faults and plan.go draws from it; act.go does
// them, to a charge point (point.go, mouth.go), a program (child.go, broker.go) or
// the machine (hog.go, disk_linux.go). scenario.go has the written stories, one in
// each story_*.go. journal.go, witness.go and topic.go gather what the oracle
// reads; play.go is a campaign from its beginning to the verdict, table.go and
// figure.go print it.
//
// Exit codes: 0 every promise was held; 1 one was not, or the campaign could not
// be carried out; 2 wrong usage.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	if code, ours := runSubcommand(ctx, args); ours {
		return code
	}
	var o options
	if err := o.parse(args); err != nil {
		return 2
	}
	broken, err := o.run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
	}
	if err != nil || broken > 0 {
		return 1
	}
	return 0
}

// runSubcommand is what this program does as a child of itself: be the broker, want
// all the CPU there is, or say who gets none.
func runSubcommand(ctx context.Context, args []string) (code int, ours bool) {
	switch {
	case len(args) == 3 && args[0] == partBroker:
		if err := serveBroker(ctx, args[1], args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "faults:", err)
			return 1, true
		}
		return 0, true
	case len(args) == 1 && args[0] == partCPULoad:
		cpuLoad(ctx)
		return 0, true
	case len(args) == 1 && args[0] == partSchedProbe:
		schedProbe(ctx, os.Stdout)
		return 0, true
	case len(args) == 2 && args[0] == partVerify:
		return verifyFile(args[1], os.Stdout), true
	}
	return 0, false
}

// Names of the parts.
const (
	partBroker = "broker"
	partCPULoad    = "hog"
	partSchedProbe = "canary"
	partVerify  = "judge" // a record that was kept, once more
)

func (o *options) parse(args []string) error {
	f := flag.NewFlagSet("faults", flag.ContinueOnError)
	f.StringVar(&o.bin, "bin", "bin", "folder of ev-cp-m and ev-central")
	f.StringVar(&o.dir, "dir", "", "empty folder, on a real disk, for state and logs")
	f.Uint64Var(&o.seed, "seed", 0, "repeats a schedule; 0 = a new one")
	f.IntVar(&o.faults, "faults", 200, "how many")
	f.IntVar(&o.monitors, "monitors", 6, "how many charge points")
	f.DurationVar(&o.every, "every", 0, "mean time from fault to fault; 0 = 6s over the monitors")
	f.StringVar(&o.kafka, "kafka", "fake", "fake, or real: Apache Kafka by scripts/kafka.sh")
	f.StringVar(&o.scenario, "scenario", "", "play one written story, or all, instead of a random schedule: "+scenarioNames())
	f.BoolVar(&o.show, "show", false, "only print the schedule")
	f.StringVar(&o.keep, "keep", "", "file for the record that the oracle read; faults judge FILE reads it again")
	if err := f.Parse(args); err != nil {
		return err
	}
	return o.check(f)
}
