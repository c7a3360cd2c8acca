package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"evcp/internal/oracle"
)

// progress says on one line how far a campaign is.
type progress struct {
	out    io.Writer
	faults int

	mu   sync.Mutex
	begun int
	next time.Time
}

func newProgress(out io.Writer, faults int) *progress { return &progress{out: out, faults: faults} }

func (p *progress) report(f plannedFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun++
	if p.begun == p.faults || time.Now().After(p.next) {
		p.next = time.Now().Add(10 * time.Second)
		fmt.Fprintf(p.out, "%d of %d: %s\n", p.begun, p.faults, f)
	}
}

// printFaults counts what was done to whom.
func (c *campaign) printFaults(out io.Writer, p plan) {
	counts := map[string]int{}
	for _, f := range p.faults {
		if f.kind == diskFault && c.diskErr != nil {
			continue
		}
		counts[fmt.Sprintf("%-13s%s", f.kind, f.name)]++
	}
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintln(out, "\nfault                         times")
	for _, name := range names {
		fmt.Fprintf(out, "  %-26s %6d\n", name, counts[name])
	}
}

// maxViolations is how many lines the table may be followed by.
const maxViolations = 40

// printResult prints the table and what is behind it.
func (c *campaign) printResult(out io.Writer, o campaignResult) {
	printTable(out, o.verification)
	printViolations(out, o.verification, maxViolations)
	for _, text := range o.problems {
		fmt.Fprintln(out, "also:", strings.ReplaceAll(text, "\n", "\n      "))
	}
	fmt.Fprintf(out, "\n%s on %s.\n%s\n", o.took.Round(time.Second), machine(), c.truth.stallSummary())
}

func printTable(out io.Writer, v *oracle.Verification) {
	fmt.Fprintln(out, "\npromise                       broken")
	for _, column := range oracle.Promises() {
		fmt.Fprintf(out, "  %-26s %6d\n", column, v.Count(column))
	}
	fmt.Fprintf(out, "\nLooked at: %d questions to Engines, %d events (and %d sent again), %d checks\n", v.EngineChecks, v.Events, v.Repeats, v.Checks)
	fmt.Fprintf(out, "(%d failed, %d unknown), %d incidents, %d receipts, %d messages to Central, %d epochs.\n", v.Failed, v.Unknown, v.Incidents, v.Reports, v.Messages, v.Epochs)
	fmt.Fprintf(out, "Held against a bound: %d verdicts, %d intervals, %d reports.\n", v.Bounds, v.Intervals, v.TimelyReports)
	fmt.Fprintf(out, "Monitors excused themselves %d times (%s) when nobody had stopped or hogged them.\n", v.SelfExcused, v.SelfExcusedFor.Round(ms))
}

func printViolations(out io.Writer, v *oracle.Verification, most int) {
	if len(v.Violations) > 0 {
		fmt.Fprintln(out)
	}
	for i, f := range v.Violations {
		if i == most {
			fmt.Fprintf(out, "… and %d more\n", len(v.Violations)-most)
			return
		}
		fmt.Fprintln(out, f)
	}
}
