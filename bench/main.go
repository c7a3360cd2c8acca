// Command bench measures what one Monitor costs and how punctual it is, beside a
// checker of the least possible cost on the same machine at the same time, and
// writes the tables of docs/BENCHMARKS.md. scripts/bench.sh builds what it needs
// and starts it; everything stays on loopback and in one folder.
//
// Figures are compared only with the bounds that the design promises. A bound that
// is missed is a word in a table, never a failure: the machine may be slow. It exits
// 1 only if something could not be measured.
//
// It reads /proc and the processor clocks of other processes, and so needs Linux.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"evcp/internal/process"
	"evcp/internal/testbed"
)

// measurement fills one or more tables of the document.
type measurement struct {
	name string
	run  func(context.Context, *harness) ([]resultTable, error)
}

var measurements = []measurement{
	{"start", measureStart},
	{"rounds", measureRounds},
	{"tls", measureTLS},
	{"lateness", measureLateness},
	{"detection", measureDetection},
	{"gobench", measureGo},
	{"fleet", measureFleet},
	{"parts", measureParts},
	{"storm", measureStorm},
	{"year", inOneTable((*harness).measureYear)},
	{"load", inOneTable((*harness).measureLoad)},
	{"catchup", inOneTable((*harness).measureCatchUp)},
}

// sampleSizes is how long and how often is measured.
type sampleSizes struct {
	starts    int           // of each kind
	rounds    int           // of the comparison
	warmup    time.Duration // before each measured time
	window    time.Duration // measured in each round
	intervals time.Duration // over which intervals are collected
	faults    int           // of each kind
	goCount   string        // runs of each Go benchmark
	goTime    string        // length of each run

	fleetRounds int           // of each size
	fleetWindow time.Duration // measured in each round

	load     time.Duration // of events at a steady rate
	backlogs []backlog     // what has waited on a topic
}

// The document is written from full. Its memory is "resident after 60 s of
// watching", hence the window; a median of fewer than five rounds says little.
var (
	full = sampleSizes{starts: 20, rounds: 5, warmup: 3 * time.Second, window: time.Minute, intervals: 3 * time.Minute, faults: 10, goCount: "5", goTime: "1s", fleetRounds: 5, fleetWindow: 8 * time.Second,
		load: time.Minute, backlogs: []backlog{{"10,000 charge points, 5 min", 10_000, 5 * time.Minute}, {"40 charge points, a day", 40, 24 * time.Hour}}}
	quick = sampleSizes{starts: 4, rounds: 2, warmup: 2 * time.Second, window: 12 * time.Second, intervals: 15 * time.Second, faults: 2, goCount: "1", goTime: "200ms", fleetRounds: 1, fleetWindow: 5 * time.Second,
		load: 10 * time.Second, backlogs: []backlog{{"10,000 charge points, 1 min", 10_000, time.Minute}, {"10 charge points, a day", 10, 24 * time.Hour}}}
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) == 2 && args[0] == "broker" { // started by harness.broker
		return exitCode(testbed.ServeBroker(ctx, args[1], testbed.BrokerOptions{}))
	}
	if len(args) == 4 && args[0] == "year" { // started by harness.startYear: FOLDER NAME forwards|backwards
		return exitCode(writeYear(args[1], args[2], args[3] == "backwards"))
	}
	var names []string
	for _, m := range measurements {
		names = append(names, m.name)
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	bin := f.String("bin", "bin", "folder of the programs that are measured, and of their peers")
	dir := f.String("dir", "", "empty folder, on a real disk, for state and logs")
	document := f.String("document", "", "file whose marked tables are rewritten; none: only print")
	only := f.String("only", "", "comma-separated measurements: "+strings.Join(names, ", "))
	sizes := f.String("fleet", defaultFleetSizes, "sizes of fleets, as 1000,15000@200ms")
	rounds := f.Int("rounds", 0, "rounds of fleets; 0: five")
	kafka := f.String("kafka", "", "port of a broker on 127.0.0.1 for fleets; none: one in memory")
	isQuick := f.Bool("quick", false, "shorter and fewer; for a look, not for a document")
	if f.Parse(args) != nil {
		return 2
	}
	h := &harness{sizes: full, ports: testbed.NewPorts(), children: process.NewGroup(), folders: new(atomic.Int32)}
	defer h.children.Close()
	if *isQuick {
		h.sizes = quick
	}
	if *rounds > 0 {
		h.sizes.fleetRounds = *rounds
	}
	if *only != "" {
		names = strings.Split(*only, ",")
	}
	h.kafka, h.fleetNamed = *kafka, *sizes != defaultFleetSizes
	if *document != "" {
		h.plots = filepath.Dir(*document)
	}
	var err error
	if h.fleetSizes, err = parseFleetSizes(*sizes); err != nil {
		return exitCode(err)
	}
	if h.bin, err = filepath.Abs(*bin); err != nil {
		return exitCode(err)
	}
	if h.dir, err = filepath.Abs(*dir); err != nil {
		return exitCode(err)
	}
	return exitCode(measureAll(ctx, h, names, *document))
}

func exitCode(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// measureAll runs the measurements one after another. If one fails the others still
// run, but the document is not rewritten.
func measureAll(ctx context.Context, h *harness, names []string, document string) error {
	before := readMachine(ctx)
	fmt.Printf("%s, commit %s, load %s\n", before.date(), before.commit, before.load)
	var tables []resultTable
	var failed []error
	for _, m := range measurements {
		if !slices.Contains(names, m.name) || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s  %s …\n", time.Now().Format(time.TimeOnly), m.name)
		scope := h.scope()
		got, err := m.run(ctx, scope)
		scope.close()
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", m.name, err))
		}
		tables = append(tables, got...)
		for _, t := range got {
			fmt.Printf("\n%s\n\n%s", t.title, t.markdown())
		}
	}
	tables = append(tables, before.table(ctx))
	if err := errors.Join(append(failed, ctx.Err())...); err != nil {
		return fmt.Errorf("not everything could be measured:\n%w", err)
	}
	if document == "" {
		return nil
	}
	return rewrite(document, tables)
}

// measureGo runs the Go benchmarks of the code that every check runs through.
func measureGo(ctx context.Context, h *harness) ([]resultTable, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Next|AppendJSON)$", "-benchmem",
		"-count", h.sizes.goCount, "-benchtime", h.sizes.goTime, ".").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	t := resultTable{name: "gobench", title: "Judging and encoding one check", head: []string{"", "ns", "bytes allocated", "allocations"}}
	for _, name := range []string{"Next", "AppendJSON"} {
		var ns, space, allocs samples
		for _, m := range goBenchLine.FindAllStringSubmatch(string(out), -1) {
			if m[1] == name {
				ns.add(number(m[2]))
				space.add(number(m[3]))
				allocs.add(number(m[4]))
			}
		}
		if len(ns) == 0 {
			return nil, fmt.Errorf("no Benchmark%s in the root package", name)
		}
		t.add("`"+name+"`", ns.String(), fmt.Sprint(space.max()), fmt.Sprint(allocs.max()))
	}
	return []resultTable{t}, nil
}

// goBenchLine matches "BenchmarkNext-2  123  45.6 ns/op  0 B/op  0 allocs/op".
var goBenchLine = regexp.MustCompile(`(?m)^Benchmark(\w+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op\s+(\d+) B/op\s+(\d+) allocs/op`)
