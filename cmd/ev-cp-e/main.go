// Command ev-cp-e is a simulated Engine of a charge point, whose faults are
// commanded by keys or by a script. Try ev-cp-e --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"evcp/internal/console"
	"evcp/internal/engine"
	"evcp/internal/version"
)

const name = "ev-cp-e"

// Exit codes.
const (
	stopped = 0 // as asked
	failed  = 1 // could not go on
	misused = 2 // wrong usage
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var o options
	table := o.table()
	switch loaded, err := table.Load(args, os.Getenv, os.ReadFile); {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return misused
	case loaded.Help:
		fmt.Fprint(os.Stdout, table.Help())
		return stopped
	case loaded.Version:
		fmt.Fprintln(os.Stdout, name, version.String())
		return stopped
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, explain(err, o.listen))
		return failed
	}
	return stopped
}

// serve runs an Engine and its stage until ctx is done or somebody presses q.
func serve(ctx context.Context, o options) error {
	port, err := engine.OpenPort(ctx, o.listen)
	if err != nil {
		return err
	}
	c := console.Open(console.Options{Out: os.Stderr, Getenv: os.Getenv, Format: o.format, Color: o.color, Level: o.level})
	defer c.Close()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	e := engine.New(engine.Options{Listen: port.Listen, Behaviour: o.behaviour, CloseAfterReply: o.closes, Log: c.Logger()})
	s := stage{Engine: e, console: c, log: c.Logger(), quit: quit, orders: make(chan order)}
	commanded, err := s.listen(ctx, o.http)
	if err != nil {
		return err
	}
	keys, restore := pressed(ctx, c)
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

// pressed are the keys of the terminal, nil when nobody sits there.
func pressed(ctx context.Context, c *console.Console) (<-chan rune, func()) {
	if !c.Terminal() {
		return nil, func() {}
	}
	keys, restore, err := console.Keys(ctx, os.Stdin)
	if err != nil {
		c.Logger().Warn("no keys: "+err.Error(), "error", err)
	}
	return keys, restore
}

// explain says what went wrong and what to do first.
func explain(err error, address string) string {
	flag := "--listen"
	if orders := (httpError{}); errors.As(err, &orders) {
		flag, address = "--http", orders.address
	}
	port := address[strings.LastIndexByte(address, ':')+1:]
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Sprintf("port %s is taken by another program.\nStop that program, or choose another port with %s.", port, flag)
	case errors.Is(err, syscall.EACCES):
		return fmt.Sprintf("port %s is not allowed to this user.\nChoose one from 1024 on with %s.", port, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf("%s is no address of this machine.\nListen on all of them: %s :%s", address, flag, port)
	}
	return err.Error()
}
