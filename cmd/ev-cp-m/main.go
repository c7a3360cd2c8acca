// Command ev-cp-m is EV_CP_M, the Monitor of a charge point: it watches the
// Engine, tells Central when it fails, and writes what happened to Kafka.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"evcp"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/console"
	"evcp/internal/link"
	"evcp/internal/probe"
	"evcp/internal/selftest"
	"evcp/internal/systemd"
	"evcp/internal/uplink"
	"evcp/internal/version"
	"evcp/internal/watch"
)

const name = "ev-cp-m"

// exitRefused is the one exit code that only the Monitor has.
const exitRefused = 3

// gcPercent lets the heap grow by half between collections, and not to double.
// With Go's own 100 a lone Monitor was seen above the 20 MB that it may have
// within ten minutes; with 50 it was 1 MB below, and 25 gained nothing more.
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
	o.fill(os.Hostname, os.Getenv)
	if err := cli.CheckStateDir(o.stateDir); err != nil {
		return cli.PrintError(stderr, name, err)
	}
	command := strings.Join(loaded.Args, " ") // one at most
	if why := o.misplaced(command); why != "" {
		fmt.Fprintln(stderr, "ev-cp-m:", why)
		return cli.ExitUsage
	}
	if command != "" {
		return obey(ctx, command, o, stdout, stderr)
	}
	if o.test {
		return try(ctx, o, stdout)
	}
	return watchOver(ctx, o, loaded, stderr)
}

func try(ctx context.Context, o options, stdout *os.File) int {
	style := console.StyleOf(stdout, os.Getenv, o.color)
	well := selftest.Run(ctx, selftest.Options{
		CP: o.cp, Central: o.central(), Engine: o.engine(), Framing: o.form(), Timeout: o.timeout, Brokers: o.brokers, Topic: o.topic,
		Dialer: link.NewDialer(), Slept: watch.Slept,
	}, func(line string) { fmt.Fprintln(stdout, style.Line(line, columns)) })
	if !well {
		return cli.ExitFailed
	}
	return cli.ExitOK
}

// columns is the widest line of an answer.
const columns = 80

func watchOver(ctx context.Context, o options, loaded config.Invocation, stderr *os.File) int {
	var face net.Listener
	if o.http != "" {
		ln, err := cli.Listen(ctx, o.http, "--http")
		if err != nil {
			return cli.PrintError(stderr, name, err)
		}
		defer ln.Close()
		face = ln
	}
	c := console.Open(console.Options{Out: stderr, Getenv: os.Getenv, Format: o.format, Color: o.color, Level: cli.ParseLevel(o.level)})
	err := watch.Run(ctx, watch.Options{
		Targets: []probe.Target{{CP: o.cp, Address: o.engine()}}, Central: o.central(), Framing: o.form(),
		Policy:   evcp.Policy{Fall: uint32(o.fall), Rise: uint32(o.rise), Instance: o.instance},
		Interval: o.interval, Timeout: o.timeout, ReportEvery: o.reportEvery, Heartbeat: o.heartbeat,
		Brokers: o.brokers, Topic: o.topic, Compression: o.compression,
		StateDir: o.stateDir, StateMax: o.stateMax, Keep: o.keep, SyncEvery: o.syncEvery,
		Version: version.String(), Origin: loaded.Sources, Console: c, Dialer: link.NewDialer(), Slept: watch.Slept,
		HTTP: face, Notify: notifier(c),
	})
	return exitCode(err, o, stderr)
}

// notifier is nil unless systemd started this process. One that can't be reached
// is told: systemd will soon restart what it never hears of.
func notifier(c *console.Console) *systemd.Notifier {
	n, err := systemd.Open(os.Getenv)
	if err != nil {
		c.Logger().Warn(err.Error())
	}
	return n
}

func exitCode(err error, o options, stderr io.Writer) int {
	var refused *uplink.RefusedError
	switch {
	case err == nil:
		return cli.ExitOK
	case errors.As(err, &refused):
		fmt.Fprintf(stderr, "ev-cp-m: %s does not know this Monitor, and never did.\n", o.central())
		fmt.Fprintf(stderr, "Add %s to Central's --registry file or correct --cp-id.\n", o.cp)
		return exitRefused
	default:
		return cli.PrintError(stderr, name, err)
	}
}

func (o options) central() string { return hostPort(o.centralIP, o.centralPort) }
func (o options) engine() string  { return hostPort(o.engineIP, o.enginePort) }

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
