// Command ev-demo shows EV_CP_M at work: six charge points with their Monitors,
// Central and a broker in one process. Try ev-demo --help.
package main

import (
	"context"
	"os"
	"os/signal"

	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/demo"
	"evcp/internal/version"
)

const name = "ev-demo"

// options are the values of the flags.
type options struct {
	page, kafka, central uint16
	log                  cli.LogSettings
}

func main() {
	var o options
	cli.Main(program(&o), o.play)
}

func (o *options) play(ctx context.Context, in config.Invocation) error {
	hurry, stop := secondSignal()
	defer stop()
	c := o.log.OpenLog(in.Language)
	defer c.Close()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	keys, restore := cli.Keys(ctx, c)
	defer restore()
	return demo.Run(ctx, hurry, demo.Options{
		Console: c, Keys: keys, Quit: quit, Version: version.String(),
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
	const ports, run = "Ports that are wanted; one that is taken gives way to the next; 0 is any", "Running"
	return config.Program{
		Name:  name,
		About: "Shows EV_CP_M at work: six charge points, Central, a broker, and faults.",
		Usage: []config.Usage{{Args: "[flags]", Help: "play until Ctrl-C; leaves nothing behind"}},
		Settings: append([]config.Setting{
			{Name: "page", Arg: "PORT", Default: "8080", Group: ports, Help: "Central's page", Scope: config.FlagOnly, Set: config.ListenPort(&o.page)},
			{Name: "kafka", Arg: "PORT", Default: "9092", Group: ports, Help: "the broker", Scope: config.FlagOnly, Set: config.ListenPort(&o.kafka)},
			{Name: "central", Arg: "PORT", Default: "5000", Group: ports, Help: "Central itself", Scope: config.FlagOnly, Set: config.ListenPort(&o.central)},
		}, o.log.ShownSettings(run)...),
		Notes: []string{"Exit: 0 stopped as asked, 1 could not go on, 2 wrong usage."},
	}
}
