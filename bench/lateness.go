package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"evcp/internal/wait"
)

// measureLateness watches three Engines side by side, and beside them only
// sleeps: what that is late by, no Monitor can be blamed for.
func measureLateness(ctx context.Context, l *lab) ([]table, error) {
	c, central, err := l.central(ctx)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	all := []*rhythm{
		{name: "calm", every: time.Second},
		{name: "broker frozen (SIGSTOP)", every: time.Second, ices: true},
		{name: "Engine takes 300 ms", every: time.Second, takes: 300 * time.Millisecond},
	}
	var stops []func()
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	for i, r := range all {
		stop, err := l.keepRhythm(ctx, r, fmt.Sprintf("CP_%d", i), central)
		if err != nil {
			return nil, err
		}
		stops = append(stops, stop)
	}
	if !wait.For(ctx, l.effort.warm) {
		return nil, ctx.Err()
	}
	for _, r := range all {
		r.reset()
	}
	sleepers := []*rhythm{
		{name: "nothing but sleep, a second at a time", every: time.Second},
		{name: "nothing but sleep, 10 ms at a time", every: 10 * time.Millisecond},
	}
	if err := sleepAll(ctx, sleepers, l.effort.watch); err != nil {
		return nil, err
	}
	return []table{latenessTable(all, sleepers)}, nil
}

// keepRhythm starts a Monitor with an Engine and a broker of its own. A frozen
// broker is frozen once the Monitor has settled with it.
func (l *lab) keepRhythm(ctx context.Context, r *rhythm, cp, central string) (stop func(), err error) {
	b, err := l.broker(ctx)
	if err != nil {
		return nil, err
	}
	engine, err := listen(false, asEngine(r.takes, r.note))
	if err != nil {
		b.stop()
		return nil, err
	}
	m, err := ours(cp, central, b.port)(ctx, l, engine.port())
	if err != nil {
		engine.stop()
		b.stop()
		return nil, err
	}
	if r.ices {
		wait.For(ctx, l.effort.warm)
		b.freeze()
	}
	return func() {
		b.thaw()
		m.stop()
		engine.stop()
		b.stop()
	}, nil
}

func sleepAll(ctx context.Context, all []*rhythm, watch time.Duration) error {
	var sleeping sync.WaitGroup
	for _, r := range all {
		sleeping.Go(func() { r.sleep(ctx, watch) })
	}
	sleeping.Wait()
	return ctx.Err()
}

// sleep is the rhythm of nobody. Like a Monitor it leaves out what it notices too
// late, and never makes up for it.
func (r *rhythm) sleep(ctx context.Context, watch time.Duration) {
	start, tooLate := time.Now(), max(r.every/10, 50*time.Millisecond)
	for at := time.Duration(0); at <= watch; at = time.Since(start).Truncate(r.every) + r.every {
		if !wait.For(ctx, time.Until(start.Add(at))) {
			return
		}
		if now := time.Now(); now.Sub(start.Add(at)) <= tooLate {
			r.note(now)
		}
	}
}
