// Command bench measures what one Monitor costs and how exact it is, beside what
// the least possible checker costs on the same machine at the same time, and
// writes the tables of docs/BENCHMARKS.md. scripts/bench.sh builds what it needs
// and starts it; everything stays on loopback and in one folder.
//
// It judges nothing but what the design promises as a number, and a promise that
// is not held is a line in a table, never a failure: the machine may be slow. It
// exits 1 only if something could not be measured.
//
// It reads /proc and the kernel's clocks of other processes, and so needs Linux.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"evcp/internal/testbed"
)

// step is one measurement, and the sections of the document that it fills.
type step struct {
	name    string
	measure func(context.Context, *lab) ([]table, error)
}

var steps = []step{
	{"start", measureStart},
	{"rounds", measureRounds},
	{"lateness", measureLateness},
	{"detection", measureDetection},
	{"gobench", measureGo},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	if len(args) == 2 && args[0] == "broker" { // the process that a measurement freezes
		return complain(serveBroker(ctx, args[1]))
	}
	var o options
	if err := o.parse(args); err != nil {
		return 2
	}
	l := &lab{bin: o.bin, dir: o.dir, effort: full, ports: testbed.NewPorts()}
	if o.quick {
		l.effort = quick
	}
	return complain(measure(ctx, l, o))
}

func complain(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

type options struct {
	bin, dir, document, only string
	quick                    bool
}

func (o *options) parse(args []string) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.bin, "bin", "bin", "folder of the programs that are measured, and of their peers")
	f.StringVar(&o.dir, "dir", "", "empty folder, on a real disk, for state and logs")
	f.StringVar(&o.document, "document", "", "file whose marked tables are written anew; none: only print")
	f.StringVar(&o.only, "only", "", "comma-separated steps: "+names(steps))
	f.BoolVar(&o.quick, "quick", false, "shorter and fewer; good for a look, not for a document")
	return f.Parse(args)
}

// wants reports whether the step is to be measured.
func (o *options) wants(name string) bool {
	return o.only == "" || strings.Contains(","+o.only+",", ","+name+",")
}

func names(all []step) string {
	var list []string
	for _, s := range all {
		list = append(list, s.name)
	}
	return strings.Join(list, ", ")
}
