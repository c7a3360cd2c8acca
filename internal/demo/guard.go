package demo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"evcp/internal/watch"
)

// guard is one Monitor at work.
type guard struct {
	leash *leash
	stop  context.CancelFunc
	done  chan struct{}
	err   error                // how it ended; after done
	stats func() watch.Figures // of this Monitor, also after its end
}

// guardWith starts a Monitor and returns when it is open, or why it could not be.
func guardWith(o watch.Options) (*guard, error) {
	ctx, stop := context.WithCancel(context.Background())
	g := &guard{leash: &leash{central: o.Central}, stop: stop, done: make(chan struct{})}
	begun := make(chan struct{})
	o.Dialer = g.leash
	o.Opened = func(stats func() watch.Figures) { g.stats = stats; close(begun) }
	go func() {
		defer close(g.done)
		g.err = watch.Run(ctx, o)
	}()
	select {
	case <-begun:
		return g, nil
	case <-g.done:
		stop()
		return nil, g.err
	}
}

// begin starts all Monitors at once.
func (s *set) begin() error {
	s.undone(s.endMonitors)
	var all sync.WaitGroup
	errs := make([]error, len(s.chargers))
	for i, c := range s.chargers {
		all.Go(func() { errs[i] = s.watchOver(c) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// endMonitors ends all Monitors side by side. Each takes 2.5 s at most.
func (s *set) endMonitors() error {
	var errs []error
	all := s.dismissed()
	for _, g := range all {
		g.stop()
	}
	for _, g := range all {
		<-g.done
		errs = append(errs, g.err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range all {
		s.late += int(g.stats().Missed)
	}
	return errors.Join(errs...)
}

// dismissed takes all Monitors off the stage.
func (s *set) dismissed() []*guard {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.AppendSeq(slices.Collect(maps.Values(s.guards)), maps.Values(s.lost))
	clear(s.guards)
	clear(s.lost)
	return all
}
