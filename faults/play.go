package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wait"
)

// Bounds of the end of a campaign.
const (
	// quietTime is how long everybody is left in peace before the reckoning: the
	// longest back-off, an unanswered question, and room.
	quietTime = 14 * time.Second
	// topicTimeout is how long the events may take to the topic after that.
	topicTimeout = 40 * time.Second
	// stopDelay is how long before the stop the reckoning ends.
	stopDelay = time.Second
)

// campaignResult is what came of a campaign.
type campaignResult struct {
	verification *oracle.Verification
	problems    []string      // programs that ended by themselves, or did not end
	busy    time.Duration // as a canary has it
	took    time.Duration
}

// broken is how many promises were.
func (o campaignResult) broken() int {
	if o.verification == nil {
		return 0
	}
	return len(o.verification.Violations) + len(o.problems)
}

// runPlan carries a random plan out and judges it.
func (o *options) runPlan(ctx context.Context, p plan) (campaignResult, error) {
	out := o.output()
	fmt.Fprintf(out, "seed %d: %d faults in about %s, %d Monitors every %s (1/%d of the real interval), %s broker\n",
		p.seed, len(p.faults), p.ends().Round(time.Second), o.monitors, interval, time.Second/interval, o.kafka)
	ctx, cancel := context.WithTimeout(ctx, p.ends()+3*time.Minute)
	defer cancel()
	began := time.Now()
	c, err := open(ctx, o, campaignTiming, usualBehaviours(o.monitors))
	if err != nil {
		return campaignResult{}, err
	}
	defer c.close()
	if c.diskErr != nil {
		fmt.Fprintf(out, "***** SKIPPED: full disk: %v *****\n", c.diskErr)
	}
	progress := newProgress(os.Stderr, len(p.faults))
	if err := c.runPlan(ctx, p, progress.report); err != nil {
		return campaignResult{}, err
	}
	r, v, err := c.collect(ctx)
	if err != nil {
		return campaignResult{}, err
	}
	c.printFaults(out, p)
	came := c.result(v, began)
	c.printResult(out, came)
	fmt.Fprintf(out, "Repeat it: make faults SEED=%d FAULTS=%d MONITORS=%d EVERY=%s KAFKA=%s\n", p.seed, len(p.faults), o.monitors, o.every, o.kafka)
	return came, c.saveTrace(r, came.broken() > 0)
}

func (c *campaign) result(v *oracle.Verification, began time.Time) campaignResult {
	return campaignResult{verification: v, problems: c.truth.problemList(), busy: c.truth.busyTime(), took: time.Since(began)}
}

// collect leaves everybody in peace, stops the Monitors, reads the topic and asks
// the oracle.
func (c *campaign) collect(ctx context.Context) (oracle.Trace, *oracle.Verification, error) {
	if !wait.For(ctx, quietTime) {
		return oracle.Trace{}, nil, fmt.Errorf("before the reckoning: %w", context.Cause(ctx))
	}
	shown, err := c.centralView(ctx)
	if err != nil {
		return oracle.Trace{}, nil, err
	}
	reader, err := newReader(c.broker.address())
	if err != nil {
		return oracle.Trace{}, nil, err
	}
	defer reader.close()
	settled := now()
	reading, cancel := context.WithTimeout(ctx, topicTimeout)
	defer cancel()
	if behind := reader.until(reading, c.cps, func(e evcp.Event) bool { return e.At >= settled }); len(behind) > 0 {
		c.truth.addProblem(fmt.Sprintf("the events of %v do not reach the topic", behind))
	}
	wait.For(ctx, stopDelay)
	to := now() - evcp.Stamp(stopDelay.Microseconds())/2
	c.noteExits()
	for _, p := range c.cps {
		p.stopMonitor(p.process())
	}
	last, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if behind := reader.until(last, c.cps, func(e evcp.Event) bool { return e.Action == evcp.MonitorStopped && e.At > to }); len(behind) > 0 {
		c.truth.addProblem(fmt.Sprintf("the end of %v does not reach the topic", behind))
	}
	r, err := c.trace(to, shown, reader.entries)
	if err != nil {
		return r, nil, err
	}
	return r, oracle.Verify(r), ctx.Err()
}

// saveTrace writes what the oracle read to where it was asked for, and beside the
// logs if a promise was broken.
func (c *campaign) saveTrace(r oracle.Trace, broken bool) error {
	c.keepFolder = broken
	switch {
	case c.o.keep != "":
		return writeTrace(c.o.keep, r)
	case broken:
		fmt.Fprintf(os.Stderr, "What the oracle read, and the logs: %s\n", c.o.dir)
		return writeTrace(filepath.Join(c.o.dir, "record.json"), r)
	}
	return nil
}
