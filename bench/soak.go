package main

import (
	"context"
	"fmt"
	"time"

	"evcp/internal/process"
	"evcp/internal/testbed"
	"evcp/internal/wait"
)

// soakedMonitor is a Monitor that runs through all rounds.
type soakedMonitor struct {
	*process.Child
	name    string
	engine  *testbed.TextPeer
	since   time.Time // the end of its warm-up
	written int64     // bytes, until then
}

// startSoak starts the Monitors that run through all rounds. The first two have the
// defaults, with and without a reachable broker; the others show what --sync-every
// saves.
func (h *harness) startSoak(ctx context.Context, central, broker, away string) (all []*soakedMonitor, err error) {
	for _, m := range []struct {
		name, cp, broker string
		flags            []string
	}{
		{name: "ev-cp-m", cp: "CP_LONG", broker: broker},
		{name: "ev-cp-m, broker away", cp: "CP_LONG_AWAY", broker: away},
		{name: `ev-cp-m, no broker (--kafka-brokers "")`, cp: "CP_LONG_NONE"},
		{name: "the same, --sync-every 10s", cp: "CP_LONG_10S", flags: []string{"--sync-every", "10s"}},
		{name: "the same, --sync-every 60s", cp: "CP_LONG_60S", flags: []string{"--sync-every", "60s"}},
	} {
		s, err := h.soak(ctx, m.name, monitorOf(m.cp, central, m.broker, m.flags...))
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

func stopSoak(all []*soakedMonitor) {
	for _, s := range all {
		s.stop()
	}
}

// soak starts a Monitor and lets it warm up; what it writes is counted from then on.
func (h *harness) soak(ctx context.Context, name string, start startFunc) (*soakedMonitor, error) {
	engine, err := stubPeer(false, engineReplies(0, func(time.Time) {}))
	if err != nil {
		return nil, err
	}
	c, err := start(ctx, h, testbed.Port(engine.Address))
	if err != nil {
		engine.Close()
		return nil, err
	}
	s := &soakedMonitor{Child: c, name: name, engine: engine}
	if !wait.For(ctx, h.sizes.warmup) {
		s.stop()
		return nil, ctx.Err()
	}
	s.since = time.Now()
	if s.written, err = bytesWritten(c); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *soakedMonitor) stop() {
	stop(s.Child)
	s.engine.Close()
}

// addMemory adds its memory at the end. A round is too short for that: Go's heap has
// not yet grown to its first collection.
func (s *soakedMonitor) addMemory(t *resultTable) error {
	m, err := readMemory(s.Child)
	if err != nil {
		return err
	}
	peak, err := peakResident(s.Child)
	name := fmt.Sprintf("%s, after %s (peak %s)", s.name, time.Since(s.since).Round(time.Second), figure(megabytes(peak)))
	t.add(name, "1", figure(megabytes(m.resident)), figure(megabytes(m.proportional)), figure(megabytes(m.private)),
		figure(megabytes(m.anonymous)), verdict(megabytes(peak), residentAtMost))
	return err
}

// diskTable extrapolates what was written to a day.
func diskTable(all []*soakedMonitor) (resultTable, error) {
	t := resultTable{name: "disk", title: "Written to disk by one Monitor", head: []string{"", "watched for", "written", "extrapolated to a day", "per check"}}
	for _, s := range all {
		until, err := bytesWritten(s.Child)
		if err != nil {
			return t, err
		}
		watched := time.Since(s.since)
		bytes := float64(until - s.written)
		t.add(s.name, watched.Round(time.Second).String(), figure(bytes/1e6)+" MB", figure(bytes/1e6/watched.Hours()*24)+" MB",
			figure(bytes/1e3/watched.Seconds())+" kB")
	}
	return t, nil
}
