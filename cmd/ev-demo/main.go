// Command ev-demo is the five-minute tour of EV_CP_M: six charge points with their
// Monitors, Central and a broker in one process. Try ev-demo --help.
package main

import (
	"context"
	"os"
	"os/signal"

	"evcp/internal/cli"
	"evcp/internal/console"
	"evcp/internal/demo"
	"evcp/internal/version"
)

const name = "ev-demo"

func main() {
	ctx, hurry, stop := interrupts()
	code := run(ctx, hurry, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// interrupts gives a context that ends at the first signal, and one that ends at
// the second. No further one breaks the end off: it is bounded, and it removes
// the files.
func interrupts() (first, second context.Context, stop func()) {
	first, endFirst := context.WithCancel(context.Background())
	second, endSecond := context.WithCancel(context.Background())
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, cli.StopSignals()...)
	go func() {
		defer close(done)
		for _, end := range []func(){endFirst, endSecond} {
			if _, more := <-signals; !more {
				return
			}
			end()
		}
	}()
	return first, second, func() { signal.Stop(signals); close(signals); <-done; endFirst(); endSecond() }
}

// run is the program: answers go to stdout, what happens to stderr.
func run(ctx, hurry context.Context, args []string, stdout, stderr *os.File) int {
	var o options
	p := program(&o)
	if _, code, goOn := cli.LoadSettings(p, args, stdout, stderr); !goOn {
		return code
	}
	if err := play(ctx, hurry, o, stderr); err != nil {
		return cli.PrintError(stderr, name, err)
	}
	return cli.ExitOK
}

func play(ctx, hurry context.Context, o options, stderr *os.File) error {
	c := console.Open(console.Options{Out: stderr, Getenv: os.Getenv, Color: o.color})
	keys, restore := cli.Keys(ctx, c)
	defer restore()
	return demo.Run(ctx, hurry, demo.Options{
		Console: c, Keys: keys, Version: version.String(),
		PagePort: o.page, KafkaPort: o.kafka, CentralPort: o.central,
	})
}
