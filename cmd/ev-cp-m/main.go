// Command ev-cp-m is EV_CP_M, the Monitor of a charge point: it checks the Engine,
// reports to Central when it fails, and writes every event to Kafka.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"evcp/internal/cli"
	"evcp/internal/console"
	"evcp/internal/selftest"
	"evcp/internal/systemd"
	"evcp/internal/uplink"
	"evcp/internal/watch"
)

const name = "ev-cp-m"

// exitRefused is the one exit code that only the Monitor has.
const exitRefused = 3

// gcPercent lets the heap grow by half between collections, where Go's own 100 lets it
// double. With 100 a lone Monitor was seen above the 20 MB that it may have within ten
// minutes; with 50 it was 1 MB below, and 25 gained nothing more.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	cli.Main(run)
}

// run is the program: answers go to stdout, the log to stderr.
func run(ctx context.Context, args []string, stdout, stderr *os.File) int {
	var o options
	loaded, code, goOn := cli.LoadSettings(program(&o), args, stdout, stderr)
	if !goOn {
		return code
	}
	o.complete(loaded, os.Hostname, os.Getenv)
	if err := cli.CheckStateDir(o.StateDir); err != nil {
		return cli.PrintError(stderr, name, err)
	}
	command := strings.Join(loaded.Args, " ") // one at most
	if why := o.misplacedFlag(command); why != "" {
		fmt.Fprintln(stderr, "ev-cp-m:", why)
		return cli.ExitUsage
	}
	switch {
	case command != "":
		return runCommand(ctx, command, o, stdout, stderr)
	case o.test:
		return runSelfTest(ctx, o, stdout)
	default:
		return runMonitor(ctx, o, stderr)
	}
}

func runSelfTest(ctx context.Context, o options, stdout *os.File) int {
	style := console.StyleOf(stdout, os.Getenv, o.log.Color)
	passed := selftest.Run(ctx, selftest.Options{
		CP: o.cp, Central: o.Central, Engine: o.Targets[0].Address, Framing: o.Framing, Timeout: o.Timeout, Brokers: o.Brokers, Topic: o.Topic,
		Dialer: o.Dialer, Slept: o.Slept,
	}, func(line string) { fmt.Fprintln(stdout, style.Line(line, columns)) })
	if !passed {
		return cli.ExitFailed
	}
	return cli.ExitOK
}

// columns is the widest line of an answer.
const columns = 80

func runMonitor(ctx context.Context, o options, stderr *os.File) int {
	if o.http != "" {
		l, err := cli.Listen(ctx, o.http, "--http")
		if err != nil {
			return cli.PrintError(stderr, name, err)
		}
		defer l.Close()
		o.HTTP = l
	}
	o.Console = o.log.Open(stderr)
	o.Notify = systemd.Open(os.Getenv, o.Console.Logger())
	return exitCode(watch.Run(ctx, o.Options), o, stderr)
}

func exitCode(err error, o options, stderr io.Writer) int {
	var refused *uplink.RefusedError
	switch {
	case err == nil:
		return cli.ExitOK
	case errors.As(err, &refused):
		fmt.Fprintf(stderr, "ev-cp-m: %s does not know this Monitor, and never did.\n", o.Central)
		fmt.Fprintf(stderr, "Add %s to Central's --registry file or correct --cp-id.\n", o.cp)
		return exitRefused
	default:
		return cli.PrintError(stderr, name, err)
	}
}
