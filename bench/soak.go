package main

import (
	"context"
	"fmt"
	"time"

	"evcp/internal/process"
	"evcp/internal/wait"
)

// soakedMonitor is a Monitor that runs through all rounds.
type soakedMonitor struct {
	*process.Child
	name    string
	since   time.Time // the end of its warm-up
	written int64     // bytes, until then
}

// startSoak starts the Monitors that run through all rounds. The first two have the
// defaults, with and without a reachable broker; the others show what --sync-every
// saves.
func (h *harness) startSoak(ctx context.Context, central, broker, away string) (all []*soakedMonitor, err error) {
	for _, s := range []struct {
		name string
		monitorConfig
	}{
		{"ev-cp-m", monitorConfig{cp: "CP_LONG", broker: broker}},
		{"ev-cp-m, broker away", monitorConfig{cp: "CP_LONG_AWAY", broker: away}},
		{`ev-cp-m, no broker (--kafka-brokers "")`, monitorConfig{cp: "CP_LONG_NONE"}},
		{"the same, --sync-every 10s", monitorConfig{cp: "CP_LONG_10S", flags: []string{"--sync-every", "10s"}}},
		{"the same, --sync-every 60s", monitorConfig{cp: "CP_LONG_60S", flags: []string{"--sync-every", "60s"}}},
	} {
		s.central = central
		m, err := h.soak(ctx, s.name, s.monitorConfig)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// soak starts a Monitor and lets it warm up; what it writes is counted from then on.
func (h *harness) soak(ctx context.Context, name string, m monitorConfig) (*soakedMonitor, error) {
	engine, err := h.peer(false, engineReplies(0, func(time.Time) {}))
	if err != nil {
		return nil, err
	}
	c, err := m.start(ctx, h, engine)
	if err != nil {
		return nil, err
	}
	if !wait.For(ctx, h.sizes.warmup) {
		return nil, ctx.Err()
	}
	since := time.Now()
	written, err := bytesWritten(c)
	return &soakedMonitor{c, name, since, written}, err
}

// addMemory adds its memory at the end. A round is too short for that: Go's heap has
// not yet grown to its first collection.
func (s *soakedMonitor) addMemory(t *resultTable) error {
	m, err := readMemory(s.Child)
	if err != nil {
		return err
	}
	peak, err := peakResident(s.Child)
	name := fmt.Sprintf("%s, after %s (peak %s)", s.name, time.Since(s.since).Round(time.Second), figure(peak))
	t.add(name, "1", figure(m.resident), figure(m.proportional), figure(m.private),
		figure(m.anonymous), verdict(peak, residentAtMost))
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
