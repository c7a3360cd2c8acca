package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wait"
)

// runPlan runs a random campaign and verifies it.
func (o *options) runPlan(ctx context.Context, p plan) (campaignResult, error) {
	fmt.Fprintf(o.out, "seed %d: %d faults in about %s, %d Monitors every %s (1/%d of the real interval), %s broker\n",
		p.seed, len(p.faults), p.ends().Round(time.Second), o.monitors, campaignTiming.interval, realTiming.interval/campaignTiming.interval, o.kafka)
	ctx, cancel := context.WithTimeout(ctx, p.ends()+3*time.Minute)
	defer cancel()
	began := time.Now()
	c, err := open(ctx, o, campaignTiming, usualBehaviours(o.monitors))
	if err != nil {
		return campaignResult{}, err
	}
	defer c.close()
	if c.diskErr != nil {
		fmt.Fprintf(o.out, "***** SKIPPED: full disk: %v *****\n", c.diskErr)
	}
	progress := progress{out: os.Stderr, faults: len(p.faults)}
	if err := c.runPlan(ctx, p, progress.report); err != nil {
		return campaignResult{}, err
	}
	r, err := c.finish(ctx, began)
	if err != nil {
		return campaignResult{}, err
	}
	c.printFaults(p)
	c.printResult(r)
	fmt.Fprintf(o.out, "Repeat it: make faults SEED=%d FAULTS=%d MONITORS=%d EVERY=%s KAFKA=%s\n", p.seed, len(p.faults), o.monitors, o.every, o.kafka)
	return r, c.saveTrace(r.trace, r.broken() > 0)
}

// campaignResult is what a campaign found.
type campaignResult struct {
	trace        oracle.Trace
	verification *oracle.Verification
	problems     []string         // programs that exited unexpectedly, or did not stop
	metrics      []scenarioMetric // by a scenario while it ran
	busy         time.Duration    // as schedProbe found
	took         time.Duration
}

// broken is how many promises were broken.
func (r campaignResult) broken() int {
	if r.verification == nil {
		return 0
	}
	return len(r.verification.Violations) + len(r.problems)
}

// Durations of the end of a campaign.
const (
	// quietTime without a fault comes first: the longest backoff, a message without an
	// answer, and some more.
	quietTime = 14 * time.Second
	// topicTimeout bounds how long the events may take to the topic after that.
	topicTimeout = 40 * time.Second
	// stopDelay is then left until the Monitors are stopped. The oracle reads half of it.
	stopDelay = time.Second
	// stopTimeout bounds how long the last events may take to the topic.
	stopTimeout = 15 * time.Second
)

// finish waits for quiet, stops the Monitors, reads the topic and asks the oracle.
func (c *campaign) finish(ctx context.Context, began time.Time) (campaignResult, error) {
	if !wait.For(ctx, quietTime) {
		return campaignResult{}, fmt.Errorf("wait without faults: %w", context.Cause(ctx))
	}
	states, err := c.centralStates(ctx)
	if err != nil {
		return campaignResult{}, err
	}
	log, err := newTopicLog(c.broker.address())
	if err != nil {
		return campaignResult{}, err
	}
	defer log.Close()
	quiet := now()
	c.awaitEvents(ctx, log, topicTimeout, "the events of %v do not reach the topic", func(e evcp.Event) bool { return e.At >= quiet })
	wait.For(ctx, stopDelay)
	to := now().Add(-stopDelay / 2)
	for _, p := range c.cps {
		p.noteUnexpectedExit()
	}
	if c.central.UnexpectedExit() {
		c.truth.addProblem("Central ended by itself: " + c.central.Tail())
	}
	for _, p := range c.cps {
		p.stopMonitor(p.process())
	}
	c.awaitEvents(ctx, log, stopTimeout, "the last event of %v does not reach the topic", func(e evcp.Event) bool {
		return e.Action == evcp.MonitorStopped && e.At > to
	})
	t, err := c.trace(to, states, log.bySource())
	if err != nil {
		return campaignResult{}, err
	}
	r := campaignResult{trace: t, verification: oracle.Verify(t), took: time.Since(began)}
	r.problems, r.metrics, r.busy = c.truth.findings()
	return r, ctx.Err()
}

// awaitEvents reads the topic until every Monitor has sent an event as wanted, and notes a
// problem with the names of those that did not in time.
func (c *campaign) awaitEvents(ctx context.Context, log *topicLog, timeout time.Duration, problem string, wanted func(evcp.Event) bool) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if missing := log.readUntil(ctx, c.cps, wanted); len(missing) > 0 {
		c.truth.addProblem(fmt.Sprintf(problem, missing))
	}
}

// verifyFile verifies a saved trace again; it returns the exit code.
func verifyFile(file string, out io.Writer) int {
	t, err := readTrace(file)
	if err != nil {
		return fail(err)
	}
	v := oracle.Verify(t)
	printTable(out, v)
	printViolations(out, v, len(v.Violations))
	return min(len(v.Violations), 1)
}

// progress prints how far a campaign is, every 10 s.
type progress struct {
	out    io.Writer
	faults int

	mu    sync.Mutex // guards all below
	begun int
	next  time.Time
}

func (p *progress) report(f plannedFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun++
	if p.begun == p.faults || time.Now().After(p.next) {
		p.next = time.Now().Add(10 * time.Second)
		fmt.Fprintf(p.out, "%d of %d: %s\n", p.begun, p.faults, f)
	}
}

// printFaults prints how often each fault was injected.
func (c *campaign) printFaults(p plan) {
	counts := map[string]int{}
	for _, f := range p.faults {
		if f.domain != diskFault || c.diskErr == nil {
			counts[fmt.Sprintf("%-13s%s", f.domain, f.name)]++
		}
	}
	fmt.Fprintln(c.o.out, "\nfault                         times")
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(c.o.out, "  %-26s %6d\n", name, counts[name])
	}
}

// maxViolations is how many lines may follow the table.
const maxViolations = 40

// printResult prints the table, the violations and where the campaign ran.
func (c *campaign) printResult(r campaignResult) {
	out := c.o.out
	printTable(out, r.verification)
	printViolations(out, r.verification, maxViolations)
	for _, text := range r.problems {
		fmt.Fprintln(out, "problem:", strings.ReplaceAll(text, "\n", "\n         "))
	}
	fmt.Fprintf(out, "\n%s on %s.\n%s\n", r.took.Round(time.Second), machine(), c.truth.stallSummary())
}

func printTable(out io.Writer, v *oracle.Verification) {
	fmt.Fprintln(out, "\npromise                       broken")
	for _, promise := range oracle.Promises() {
		fmt.Fprintf(out, "  %-26s %6d\n", promise, v.Count(promise))
	}
	fmt.Fprintf(out, "\nVerified: %d checks received by Engines, %d events (and %d records that repeat one), %d checks by Monitors\n", v.EngineChecks, v.Events, v.Repeats, v.Checks)
	fmt.Fprintf(out, "(%d failed, %d unknown), %d incidents, %d receipts, %d messages to Central, %d epochs.\n", v.Failed, v.Unknown, v.Incidents, v.Reports, v.Messages, v.Epochs)
	fmt.Fprintf(out, "Compared with a bound: %d states of Engines, %d intervals, %d reports.\n", v.Bounds, v.Intervals, v.TimelyReports)
	fmt.Fprintf(out, "Monitors recorded %d stalls (%s) without a known cause.\n", v.SelfExcused, v.SelfExcusedFor.Round(ms))
}

func printViolations(out io.Writer, v *oracle.Verification, most int) {
	if len(v.Violations) > 0 {
		fmt.Fprintln(out)
	}
	for i, violation := range v.Violations {
		if i == most {
			fmt.Fprintf(out, "… and %d more\n", len(v.Violations)-most)
			return
		}
		fmt.Fprintln(out, violation)
	}
}

// machine is the CPU, the number of its cores and the version of Go.
func machine() string {
	model := runtime.GOOS
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s", runtime.NumCPU(), model, runtime.Version())
}
