package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wait"
)

// runPlan runs a random campaign and verifies it.
func (o *options) runPlan(ctx context.Context, p plan) (campaignResult, error) {
	fmt.Fprintf(o.out, "seed %d: %d faults in about %s, %s every %s (1/%d of the real interval), --probe %s, %s broker%s\n",
		p.seed, len(p.faults), p.ends().Round(time.Second), o.watchedText(), campaignTiming.Interval, realTiming.Interval/campaignTiming.Interval, o.probe, o.kafka, o.tlsText())
	ctx, cancel := context.WithTimeout(ctx, p.ends()+3*time.Minute)
	defer cancel()
	began := time.Now()
	with := *o
	with.history = true
	o = &with
	c, err := open(ctx, o, campaignTiming, usualBehaviours(o.monitors), o.subjects().groups, layout{})
	if err != nil {
		return campaignResult{}, err
	}
	defer c.close()
	if c.diskErr != nil {
		fmt.Fprintf(o.out, "***** SKIPPED: full disk: %v *****\n", c.diskErr)
	}
	if err := c.runPlan(ctx, p); err != nil {
		return campaignResult{}, err
	}
	r, err := c.finish(ctx, began)
	if err != nil {
		return campaignResult{}, err
	}
	c.printFaults(p)
	c.printResult(r)
	fmt.Fprintf(o.out, "Repeat it: make faults SEED=%d FAULTS=%d %s=%d PROBE=%s EVERY=%s KAFKA=%s TLS=%s\n", p.seed, len(p.faults), o.sizeVariable(), o.monitors, o.probe, o.every, o.kafka, o.tlsVariable())
	return r, c.saveTrace(r.trace, r.broken() > 0)
}

// tlsVariable is the value of TLS for scripts/faults.sh.
func (o *options) tlsVariable() string {
	if o.tls {
		return "1"
	}
	return ""
}

// sizeVariable is the variable of scripts/faults.sh that has the number of charge points.
func (o *options) sizeVariable() string {
	if o.fleet {
		return "FLEET"
	}
	return "MONITORS"
}

// fleetText is watchedText for a scenario, which says itself how many Monitors it has.
func (o *options) fleetText() string {
	if o.fleet {
		return o.watchedText() + ", "
	}
	return ""
}

func (o *options) watchedText() string {
	if o.fleet {
		return fmt.Sprintf("a fleet of %d", o.monitors)
	}
	return fmt.Sprintf("%d Monitors", o.monitors)
}

func (o *options) tlsText() string {
	if o.tls {
		return ", TLS"
	}
	return ""
}

// campaignResult is what a campaign found.
type campaignResult struct {
	trace        oracle.Trace
	verification *oracle.Verification
	problems     []string         // programs that exited unexpectedly, or did not stop
	metrics      []scenarioMetric // by a scenario while it ran
	busy         time.Duration    // as machineProbe found
	took         time.Duration
}

// broken is how many promises were broken.
func (r campaignResult) broken() int {
	if r.verification == nil {
		return 0
	}
	return len(r.verification.Violations) + len(r.problems)
}

// timeBounds are the promises that a busy machine alone can break.
var timeBounds = []oracle.Promise{oracle.MissedIncident, oracle.MissingReport, oracle.LateCheck, oracle.WrongFinalState, oracle.WrongHistory}

// machineWasBusy is whether something else had the CPUs for a tenth of the time.
func (r campaignResult) machineWasBusy() bool { return r.busy > r.took/10 }

// counted are the violations, without those of timeBounds if the machine was busy.
func (r campaignResult) counted(busy bool) []oracle.Violation {
	return slices.DeleteFunc(slices.Clone(r.verification.Violations), func(v oracle.Violation) bool {
		return busy && slices.Contains(timeBounds, v.Promise)
	})
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
	log, err := c.newTopicLog()
	if err != nil {
		return campaignResult{}, err
	}
	defer log.Close()
	quiet := now()
	c.awaitEvents(ctx, log, topicTimeout, "the events of %v do not reach the topic", func(e evcp.Event) bool { return e.At >= quiet })
	wait.For(ctx, stopDelay)
	to := now().Add(-stopDelay / 2)
	c.stoppedAt = to
	for _, m := range c.monitors() {
		m.noteUnexpectedExit()
	}
	if c.central.UnexpectedExit() {
		c.truth.addProblem("Central ended by itself: " + c.central.Tail())
	}
	for _, m := range c.monitors() {
		m.stopMonitor(m.child())
	}
	c.awaitEvents(ctx, log, stopTimeout, "the last event of %v does not reach the topic", func(e evcp.Event) bool {
		return e.Action == evcp.MonitorStopped && e.At > to
	})
	busy, err := c.readMachineProbe()
	if err != nil {
		return campaignResult{}, err
	}
	t, err := c.trace(to, states, log.records)
	if err == nil {
		err = c.learnHistory(ctx, &t, log.records)
	}
	if err != nil {
		return campaignResult{}, err
	}
	r := campaignResult{trace: t, verification: oracle.Verify(t), busy: busy, took: time.Since(began)}
	r.problems, r.metrics = c.truth.findings()
	return r, ctx.Err()
}

// awaitEvents reads the topic until the newest event of every Monitor is as wanted, and
// notes a problem with the names of those of which it is not in time.
func (c *campaign) awaitEvents(ctx context.Context, log *topicLog, timeout time.Duration, problem string, wanted func(evcp.Event) bool) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		var missing []string
		for _, p := range c.cps {
			if !wanted(log.newest[p.name()]) {
				missing = append(missing, p.name())
			}
		}
		switch {
		case len(missing) == 0:
			return
		case ctx.Err() != nil:
			c.truth.addProblem(fmt.Sprintf(problem, missing))
			return
		}
		log.read(ctx)
	}
}

// verifyFile verifies a saved trace again; it returns the exit code.
func verifyFile(file string, out io.Writer) int {
	var t oracle.Trace
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err != nil {
		return fail(err)
	}
	v := oracle.Verify(t)
	printTable(out, v)
	printViolations(out, v, len(v.Violations))
	return min(len(v.Violations), 1)
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
	fmt.Fprintf(out, "\n%s on %s.\n%s\n", r.took.Round(time.Second), machine(), r.stallSummary())
}

// stallSummary is how often the campaign's process or the machine was too busy to hold a
// Monitor to a bound.
func (r campaignResult) stallSummary() string {
	stalls, total := 0, time.Duration(0)
	for _, w := range r.trace.Shared {
		if w.Kind == oracle.HarnessStalled {
			stalls++
			total += w.To.Sub(w.From)
		}
	}
	return fmt.Sprintf("The process of the campaign stalled %d times (%s); the machine probe found the machine busy for %s in all.", stalls, total.Round(ms), r.busy.Round(ms))
}

func printTable(out io.Writer, v *oracle.Verification) {
	fmt.Fprintln(out, "\npromise                       broken")
	for _, promise := range oracle.Promises() {
		fmt.Fprintf(out, "  %-26s %6d\n", promise, v.Count(promise))
	}
	fmt.Fprintf(out, "\nVerified: %d checks received by Engines, %d events (and %d records that repeat one), %d checks by Monitors\n", v.EngineChecks, v.Events, v.Repeats, v.Checks)
	fmt.Fprintf(out, "(%d failed, %d unknown), %d incidents, %d receipts, %d messages to Central, %d epochs.\n", v.Failed, v.Unknown, v.Incidents, v.Reports, v.Messages, v.Epochs)
	fmt.Fprintf(out, "Compared with a bound: %d states of Engines, %d intervals, %d reports; %d segments of Central's history.\n", v.Bounds, v.Intervals, v.TimelyReports, v.Segments)
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

// machine is the number of cores, the CPU and the version of Go.
func machine() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // only Linux has it
	_, model, _ := strings.Cut(string(info), "model name\t: ")
	model, _, _ = strings.Cut(model, "\n")
	return fmt.Sprintf("%d × %s, %s", runtime.NumCPU(), cmp.Or(model, runtime.GOOS), runtime.Version())
}
