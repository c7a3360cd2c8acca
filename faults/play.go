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
	// settle is how long everybody is left in peace before the reckoning: the
	// longest back-off, an unanswered question, and room.
	settle = 14 * time.Second
	// catchUp is how long the events may take to the topic after that.
	catchUp = 40 * time.Second
	// closing is how long before the stop the reckoning ends.
	closing = time.Second
)

// outcome is what came of a campaign.
type outcome struct {
	verdict *oracle.Verification
	also    []string      // programs that ended by themselves, or did not end
	busy    time.Duration // as a canary has it
	took    time.Duration
}

// broken is how many promises were.
func (o outcome) broken() int {
	if o.verdict == nil {
		return 0
	}
	return len(o.verdict.Violations) + len(o.also)
}

// playPlan carries a random plan out and judges it.
func (o *options) playPlan(ctx context.Context, p plan) (outcome, error) {
	out := o.output()
	fmt.Fprintf(out, "seed %d: %d faults in about %s, %d Monitors every %s (1/%d of the real interval), %s broker\n",
		p.seed, len(p.faults), p.ends().Round(time.Second), o.monitors, interval, time.Second/interval, o.kafka)
	ctx, cancel := context.WithTimeout(ctx, p.ends()+3*time.Minute)
	defer cancel()
	began := time.Now()
	c, err := open(ctx, o, quick, usual(o.monitors))
	if err != nil {
		return outcome{}, err
	}
	defer c.close()
	if c.noDisk != nil {
		fmt.Fprintf(out, "***** SKIPPED: full disk: %v *****\n", c.noDisk)
	}
	progress := newProgress(os.Stderr, len(p.faults))
	if err := c.carry(ctx, p, progress.tell); err != nil {
		return outcome{}, err
	}
	r, v, err := c.reckon(ctx)
	if err != nil {
		return outcome{}, err
	}
	c.printFaults(out, p)
	came := c.outcome(v, began)
	c.printOutcome(out, came)
	fmt.Fprintf(out, "Repeat it: make faults SEED=%d FAULTS=%d MONITORS=%d EVERY=%s KAFKA=%s\n", p.seed, len(p.faults), o.monitors, o.every, o.kafka)
	return came, c.keepRecord(r, came.broken() > 0)
}

func (c *campaign) outcome(v *oracle.Verification, began time.Time) outcome {
	return outcome{verdict: v, also: c.journal.misfortunes(), busy: c.journal.wasBusy(), took: time.Since(began)}
}

// reckon leaves everybody in peace, stops the Monitors, reads the topic and asks
// the oracle.
func (c *campaign) reckon(ctx context.Context) (oracle.Trace, *oracle.Verification, error) {
	if !wait.For(ctx, settle) {
		return oracle.Trace{}, nil, fmt.Errorf("before the reckoning: %w", context.Cause(ctx))
	}
	shown, err := c.shown(ctx)
	if err != nil {
		return oracle.Trace{}, nil, err
	}
	reader, err := newReader(c.broker.address())
	if err != nil {
		return oracle.Trace{}, nil, err
	}
	defer reader.close()
	settled := now()
	reading, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	if behind := reader.until(reading, c.points, func(e evcp.Event) bool { return e.At >= settled }); len(behind) > 0 {
		c.journal.misfortune(fmt.Sprintf("the events of %v do not reach the topic", behind))
	}
	wait.For(ctx, closing)
	to := now() - evcp.Stamp(closing.Microseconds())/2
	c.fallen()
	for _, p := range c.points {
		p.retire(p.process())
	}
	last, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if behind := reader.until(last, c.points, func(e evcp.Event) bool { return e.Action == evcp.MonitorStopped && e.At > to }); len(behind) > 0 {
		c.journal.misfortune(fmt.Sprintf("the end of %v does not reach the topic", behind))
	}
	r, err := c.testimony(to, shown, reader.entries)
	if err != nil {
		return r, nil, err
	}
	return r, oracle.Verify(r), ctx.Err()
}

// keepRecord writes what the oracle read to where it was asked for, and beside the
// logs if a promise was broken.
func (c *campaign) keepRecord(r oracle.Trace, broken bool) error {
	c.wanted = broken
	switch {
	case c.o.keep != "":
		return writeRecord(c.o.keep, r)
	case broken:
		fmt.Fprintf(os.Stderr, "What the oracle read, and the logs: %s\n", c.o.dir)
		return writeRecord(filepath.Join(c.o.dir, "record.json"), r)
	}
	return nil
}
