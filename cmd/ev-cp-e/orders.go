package main

import (
	"context"
	"errors"

	"evcp/internal/cli"
	"evcp/internal/engine"
	"evcp/internal/engine/remote"
	"evcp/internal/status"
)

// order is a behaviour that somebody commands from afar.
type order struct {
	behaviour engine.Behaviour
	done      chan struct{} // closed when it is in force
}

// listen takes orders by HTTP until ctx ends, and then says on ended how it went.
// Without an address nobody listens.
func (s *stage) listen(ctx context.Context, address string) (ended <-chan error, err error) {
	done := make(chan error, 1)
	if address == "" {
		done <- nil
		return done, nil
	}
	ln, err := cli.Listen(ctx, address, "--http")
	if err != nil {
		return nil, err
	}
	control := remote.Control{Behaviour: s.Behaviour, Set: func(asked context.Context, b engine.Behaviour) error { return s.obey(ctx, asked, b) }}
	go func() { done <- status.Serve(ctx, ln, control.Handler()) }()
	s.log.Info("takes orders", "address", ln.Addr().String())
	return done, nil
}

var errStops = errors.New("the Engine stops")

// obey hands an order to the stage, which owns the script, and waits for it.
func (s *stage) obey(ctx, asked context.Context, b engine.Behaviour) error {
	o := order{b, make(chan struct{})}
	select {
	case s.orders <- o:
	case <-ctx.Done():
		return errStops
	case <-asked.Done():
		return asked.Err()
	}
	<-o.done
	return nil
}
