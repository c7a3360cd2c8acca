// Command ev-demo shows EV_CP_M at work: six charge points with their Monitors,
// Central and a broker in one process, or thousands. Try ev-demo --help.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"

	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/demo"
	"evcp/internal/language"
	"evcp/internal/version"
)

const name = "ev-demo"

// options are the values of the flags.
type options struct {
	cps                  int
	page, kafka, central uint16
	log                  cli.LogSettings
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == demo.EnginesArgument {
		playEngines()
		return
	}
	var o options
	cli.Main(program(&o), o.play)
}

// playEngines is the child process of a demo with a fleet.
func playEngines() {
	signal.Ignore(cli.StopSignals()...)
	if err := demo.PlayEngines(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "%s: the Engines: %v\n", name, err)
		os.Exit(cli.ExitFailed)
	}
}

func (o *options) play(ctx context.Context, in config.Invocation) error {
	if o.cps > demo.LoneCPs {
		debug.SetMemoryLimit(demo.MemoryLimit(o.cps))
	}
	hurry, stop := secondSignal()
	defer stop()
	c := o.log.OpenLog(in.Language)
	defer c.Close()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	keys, restore := cli.Keys(ctx, c)
	defer restore()
	return demo.Run(ctx, hurry, demo.Options{
		Console: c, Keys: keys, Quit: quit, Version: version.String(), CPs: o.cps, Past: o.cps == demo.LoneCPs,
		PagePort: o.page, KafkaPort: o.kafka, CentralPort: o.central,
	})
}

// secondSignal returns a context that ends at the second signal: the shutdown takes a
// bounded time, and has to remove the files.
func secondSignal() (ctx context.Context, stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, cli.StopSignals()...)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		<-signals
		<-signals
	}()
	return ctx, func() { signal.Stop(signals); close(signals); <-ctx.Done() }
}

// program declares the flags, their defaults and their help.
func program(o *options) config.Program {
	const fleet, ports, run = "Charge points", "Ports that are wanted; one that is taken gives way to the next; 0 is any", "Running"
	return config.Program{
		Name:  name,
		About: "Shows EV_CP_M at work: six charge points, Central, a broker, and faults.",
		Usage: []config.Usage{{Args: "[flags]", Help: "play until Ctrl-C; leaves nothing behind"}},
		Settings: append([]config.Setting{
			{Name: "cps", Arg: "N", Default: strconv.Itoa(demo.LoneCPs), Group: fleet, Help: "how many; more than six have one Monitor", Scope: config.FlagOnly, Set: o.setCPs},
			{Name: "page", Arg: "PORT", Default: "8080", Group: ports, Help: "Central's page", Scope: config.FlagOnly, Set: config.ListenPort(&o.page)},
			{Name: "kafka", Arg: "PORT", Default: "9092", Group: ports, Help: "the broker", Scope: config.FlagOnly, Set: config.ListenPort(&o.kafka)},
			{Name: "central", Arg: "PORT", Default: "5000", Group: ports, Help: "Central itself", Scope: config.FlagOnly, Set: config.ListenPort(&o.central)},
		}, o.log.ShownSettings(run)...),
		Notes: []string{"Exit: 0 stopped as asked, 1 could not go on, 2 wrong usage."},
	}
}

func (o *options) setCPs(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < demo.LoneCPs || n > demo.MostCPs {
		return language.Errorf("a whole number from %d to %d is needed", demo.LoneCPs, demo.MostCPs)
	}
	o.cps = n
	return nil
}
