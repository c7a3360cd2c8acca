package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"evcp/internal/oracle"
)

// options say what campaign to carry out.
type options struct {
	bin, dir string
	seed     uint64
	faults   int
	monitors int
	every    time.Duration
	kafka    string
	scenario string
	show     bool
	keep     string
	out      *os.File // nil: stdout
}

// Bounds of a campaign.
const (
	maxMonitors = 40
	maxFaults   = 100_000
)

func (o *options) check(f *flag.FlagSet) error {
	err := o.validate()
	if err != nil {
		fmt.Fprintln(f.Output(), "faults:", err)
	}
	return err
}

func (o *options) validate() error {
	switch {
	case o.monitors < 1 || o.monitors > maxMonitors:
		return fmt.Errorf("-monitors is 1 to %d", maxMonitors)
	case o.faults < 1 || o.faults > maxFaults:
		return fmt.Errorf("-faults is 1 to %d", maxFaults)
	case o.kafka != "fake" && o.kafka != "real":
		return errors.New("-kafka is fake or real")
	case o.dir == "" && !o.show:
		return errors.New("-dir is missing")
	case o.scenario != "" && len(chosen(o.scenario)) == 0:
		return fmt.Errorf("no such scenario; there are %s", scenarioNames())
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000) + 1
	}
	if o.every == 0 {
		o.every = 6 * time.Second / time.Duration(o.monitors)
	}
	return nil
}

func (o *options) output() *os.File {
	if o.out == nil {
		return os.Stdout
	}
	return o.out
}

// The pace of a random campaign: a quarter of the real one. The timeout leaves a
// check with a mute Engine time to end, grace included, before the next is due;
// 0.9 of so short an interval would not, and each would swallow the next.
const (
	interval    = 250 * time.Millisecond
	timeout     = 180 * time.Millisecond
	reportEvery = 5 * time.Second
	heartbeat   = time.Second
)

// timing is how a Monitor is set, and so what may be asked of it.
type timing struct {
	interval, timeout, reportEvery, heartbeat time.Duration
}

var campaignTiming = timing{interval, timeout, reportEvery, heartbeat}

// realTiming is the pace of design and defaults.
var realTiming = timing{time.Second, 900 * time.Millisecond, 30 * time.Second, 5 * time.Second}

func (p timing) rules() oracle.Rules {
	return oracle.Rules{Interval: p.interval, Timeout: p.timeout, Fall: 3, ReportEvery: p.reportEvery, Ready: 1500 * time.Millisecond}
}

// run does what the options say and answers how many promises were broken.
func (o *options) run(ctx context.Context) (broken int, err error) {
	if o.scenario != "" {
		return o.runScenarios(ctx)
	}
	plan := newPlan(o.seed, o.faults, o.monitors, o.every)
	if o.show {
		plan.print(o.output())
		return 0, nil
	}
	came, err := o.runPlan(ctx, plan)
	return came.broken(), err
}
