// Command ev-cp-m is EV_CP_M, the Monitor of a charge point: it checks the Engine,
// reports to Central when it fails, and writes every event to Kafka.
package main

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/folder"
	"evcp/internal/language"
	"evcp/internal/selftest"
	"evcp/internal/status"
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
//
// The heap of a fleet is mostly what is known of its charge points, and that stays: each tenth
// that it may grow by is a megabyte of 10,000. Below fleetGCPercent collections would cost more
// than a few hundredths of the checks' CPU time.
const (
	gcPercent      = 50
	fleetGCPercent = 15
)

// setGCPercent sets how much the heap grows, unless the environment says it.
func setGCPercent(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// loneProcessors is how many processors Go uses for a lone charge point. What it does fits into
// a thousandth of one; with a second one, Go wakes a thread there for most of what it does, and that
// costs more than the work. A disk that stands still holds no check up, as Go's runtime takes
// the processor back from a system call. See docs/decisions/0059.
const loneProcessors = 1

// processors is how many Go is to use; 0: as many as it would without us.
func processors(fleet bool, setting string) int {
	if fleet || setting != "" {
		return 0
	}
	return loneProcessors
}

func main() {
	setGCPercent(gcPercent)
	o := options{hangups: make(chan os.Signal, 1)}
	cli.Main(program(&o), o.run, o.hangups)
}

func (o *options) run(ctx context.Context, in config.Invocation) error {
	if err := o.complete(in); err != nil {
		return err
	}
	switch {
	case in.Command != "":
		return o.runCommand(ctx, in)
	case o.test:
		return o.runSelfTest(ctx)
	}
	return o.runMonitor(ctx)
}

func (o *options) runSelfTest(ctx context.Context) error {
	out := o.log.OpenAnswer()
	passed := selftest.Run(ctx, selftest.Options{
		CP: o.Targets[0].CP, Central: o.Central, Engines: o.engines(), Fleet: o.Fleet != nil, Framing: o.Framing,
		Kafka: o.KafkaOptions(), Dialers: o.Dialers, Slept: o.Slept, Columns: out.Columns(), Origin: o.sources.In(o.said), Language: o.said,
		Local: o.localChecks(ctx),
	}, func(line string) { out.Print(line) })
	if !passed {
		return cli.ExitError{Code: cli.ExitFailed}
	}
	return nil
}

// engines are those that --test asks.
func (o *options) engines() (all []selftest.EngineToTest) {
	if o.Fleet == nil {
		return []selftest.EngineToTest{{CP: o.cp, Address: o.Targets[0].Address, Timeout: o.Timeout}}
	}
	for _, t := range o.Targets {
		all = append(all, selftest.EngineToTest{CP: t.CP, Address: t.Address, Site: t.Policy.Site, Timeout: t.Policy.Timeout, Dialer: t.Dialer})
	}
	return all
}

// localChecks are what a Monitor needs of this machine. The port of one that runs is taken by
// itself.
func (o *options) localChecks(ctx context.Context) []selftest.LocalCheck {
	checks := []selftest.LocalCheck{{
		Name: english.stateRow, Address: o.Dir(), Meaning: english.stateMeaning, Do: english.stateDo,
		Try: func(context.Context) error { return folder.Usable(o.Dir(), outboxFile) },
	}}
	if _, err := status.Get(ctx, o.Dir(), status.HealthPath); o.http == "" || !errors.Is(err, status.ErrNotRunning) {
		return checks
	}
	return append(checks, selftest.LocalCheck{
		Name: english.httpRow, Address: o.http, Meaning: english.httpMeaning, Stops: true,
		Try: func(ctx context.Context) error {
			l, err := cli.Listen(ctx, o.http, "--http")
			if err != nil {
				return err
			}
			return l.Close()
		},
	})
}

func (o *options) runMonitor(ctx context.Context) error {
	runtime.GOMAXPROCS(processors(o.Fleet != nil, os.Getenv("GOMAXPROCS")))
	pages, err := cli.ListenHTTP(ctx, o.http, &o.httpTLS, &o.files)
	if err != nil {
		return err
	}
	if pages != nil {
		defer pages.Close()
	}
	o.HTTP, o.Files = pages, &o.files
	o.Console = o.log.OpenLog(o.said)
	defer o.Console.Close()
	defer cli.WatchFiles(ctx, &o.files, o.Console.Logger(), o.Console.Language())()
	o.Origin = o.sources.In(o.Console.Language())
	o.Notify = systemd.Open(os.Getenv, o.Console.Logger())
	if o.fleet != nil {
		setGCPercent(fleetGCPercent)
		reloads := make(chan watch.Reload)
		o.Fleet.Reloads = reloads
		defer o.fleet.watchFile(ctx, o.hangups, reloads)()
	}
	ctx, end := cli.Attend(ctx, o.Console, o.Console.Language().Text(english.keys), o.Console.Language().Text(english.ask))
	defer end()
	err = watch.Run(ctx, o.Options)
	refusal, refused := errors.AsType[*uplink.RefusedError](err)
	switch {
	case refused && strings.Contains(refusal.Reply, "certificate"):
		return cli.ExitError{Code: exitRefused, Err: language.Errorf("%s refuses the certificate of this Monitor, or its lack: %q\n"+
			"Look at --central-tls and --central-cert: a certificate is for one --cp-id.", o.Central, refusal.Reply)}
	case refused:
		return cli.ExitError{Code: exitRefused, Err: language.Errorf("%s does not know this Monitor, and never did.\n"+
			"Add %s to Central's --registry file or correct --cp-id.", o.Central, o.cp)}
	}
	return err
}
