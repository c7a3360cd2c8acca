// Command ev-cp-e is a simulated Engine of a charge point, whose faults are
// commanded by keys or by a script. Try ev-cp-e --help.
package main

import (
	"context"
	"errors"
	"os"

	"evcp/internal/cli"
	"evcp/internal/console"
	"evcp/internal/engine"
)

const name = "ev-cp-e"

func main() { cli.Main(run) }

// run is the program: answers go to stdout, the log to stderr.
func run(ctx context.Context, args []string, stdout, stderr *os.File) int {
	var o options
	if _, code, goOn := cli.LoadSettings(o.table(), args, stdout, stderr); !goOn {
		return code
	}
	if err := serve(ctx, o, stderr); err != nil {
		return cli.PrintError(stderr, name, err)
	}
	return cli.ExitOK
}

// serve runs an Engine and its stage until ctx is done or somebody presses q.
func serve(ctx context.Context, o options, stderr *os.File) error {
	port, err := engine.Bind(ctx, o.listen)
	if err != nil {
		return cli.PortError(err, o.listen, "--listen")
	}
	c := console.Open(console.Options{Out: stderr, Getenv: os.Getenv, Format: o.format, Color: o.color, Level: o.level})
	defer c.Close()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	e := engine.New(engine.Options{Listen: port.Listen, Behaviour: o.behaviour, CloseAfterReply: o.closes, Log: c.Logger()})
	s := stage{Engine: e, console: c, log: c.Logger(), quit: quit, orders: make(chan order)}
	commanded, err := s.listen(ctx, o.http)
	if err != nil {
		return err
	}
	keys, restore := cli.Keys(ctx, c)
	defer restore()
	ended := make(chan error, 1)
	go func() { ended <- e.Serve(ctx) }()
	s.open(port.Addr().String(), o, keys != nil)
	s.run(ctx, o.script, keys)
	quit()
	err = errors.Join(<-ended, <-commanded)
	s.close()
	return err
}
