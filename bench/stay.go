package main

import (
	"context"
	"fmt"
	"time"

	"evcp/internal/wait"
)

// stayer is a Monitor that watches through all rounds.
type stayer struct {
	*process
	name   string
	engine *peer
	since  time.Time
	before int64 // written until then
}

// stayAll starts those that stay. The first two are as they come, with and without a
// broker that can be reached; the others show what --sync-every saves.
func (l *lab) stayAll(ctx context.Context, central, broker, away string) (all []*stayer, err error) {
	for _, one := range []struct {
		name, cp, broker string
		more             []string
	}{
		{name: "ev-cp-m", cp: "CP_LONG", broker: broker},
		{name: "ev-cp-m, broker away", cp: "CP_LONG_AWAY", broker: away},
		{name: `ev-cp-m, no broker (--kafka-brokers "")`, cp: "CP_LONG_NONE"},
		{name: "the same, --sync-every 10s", cp: "CP_LONG_10S", more: []string{"--sync-every", "10s"}},
		{name: "the same, --sync-every 60s", cp: "CP_LONG_60S", more: []string{"--sync-every", "60s"}},
	} {
		s, err := l.stay(ctx, one.name, ours(one.cp, central, one.broker, one.more...))
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

func stopAll(all []*stayer) {
	for _, s := range all {
		s.stop()
	}
}

// stay starts it, and counts from when it has settled.
func (l *lab) stay(ctx context.Context, name string, start func(context.Context, *lab, string) (*process, error)) (*stayer, error) {
	engine, err := listen(false, asEngine(0, func(time.Time) {}))
	if err != nil {
		return nil, err
	}
	p, err := start(ctx, l, engine.port())
	if err != nil {
		engine.stop()
		return nil, err
	}
	s := &stayer{process: p, name: name, engine: engine}
	if !wait.For(ctx, l.effort.warm) {
		s.stop()
		return nil, ctx.Err()
	}
	s.since = time.Now()
	s.before, err = p.written()
	if err != nil {
		s.stop()
	}
	return s, err
}

func (s *stayer) stop() {
	s.process.stop()
	s.engine.stop()
}

// addTo adds what it holds at the end: the first minute is over before Go's heap
// has grown to its first collection, and so says too little.
func (s *stayer) addTo(t *table) error {
	m, err := s.memory()
	if err != nil {
		return err
	}
	peak, err := s.peak()
	name := fmt.Sprintf("%s, after %s (peak %s)", s.name, time.Since(s.since).Round(time.Second), figure(megabytes(peak)))
	t.add(name, "1", figure(megabytes(m.resident)), figure(megabytes(m.proportional)), figure(megabytes(m.private)),
		figure(megabytes(m.anonymous)), verdict(megabytes(peak), residentAtMost))
	return err
}

// diskTable extrapolates from what the stayers wrote to a day.
func diskTable(all []*stayer) (table, error) {
	t := table{name: "disk", title: "Written to disk by one Monitor", head: []string{"", "watched for", "written", "extrapolated to a day", "per check"}}
	for _, s := range all {
		if err := s.addWritten(&t); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (s *stayer) addWritten(t *table) error {
	after, err := s.written()
	if err != nil {
		return err
	}
	watched := time.Since(s.since)
	bytes := float64(after - s.before)
	t.add(s.name, watched.Round(time.Second).String(), figure(bytes/1e6)+" MB", figure(bytes/1e6/watched.Hours()*24)+" MB",
		figure(bytes/1e3/watched.Seconds())+" kB")
	return nil
}
