package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"evcp/internal/wait"
)

// residentAtMost is the number to hold for a lone Monitor, in MB.
const residentAtMost = 20.0

// reference is the checker whose cost is 1.
const reference = "C, epoll (limit.c)"

// measureRounds lets all checkers work side by side, each with an Engine of its
// own, round after round: whatever else the machine does meets all of them. A few
// more Monitors run through all rounds and show what a round is too short for.
func measureRounds(ctx context.Context, l *lab) ([]table, error) {
	b, err := l.broker(ctx)
	if err != nil {
		return nil, err
	}
	defer b.stop()
	c, central, err := l.central(ctx)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	away, err := l.free()
	if err != nil {
		return nil, err
	}
	long, err := l.stayAll(ctx, central, b.port, away)
	defer stopAll(long)
	if err != nil {
		return nil, err
	}
	checkers := checkers(central, b.port, away)
	for range l.effort.rounds {
		if err := l.round(ctx, checkers); err != nil {
			return nil, err
		}
	}
	memory := memoryTable(checkers)
	for _, s := range long[:2] {
		if err := s.addTo(&memory); err != nil {
			return nil, err
		}
	}
	disk, err := diskTable(long)
	return []table{memory, costTable(checkers), disk}, err
}

// checkers are all that are compared; at away no broker listens.
func checkers(central, broker, away string) []*checker {
	all := []*checker{
		{name: "ev-cp-m", targets: 1, start: ours("CP_KEPT", central, broker)},
		{name: "ev-cp-m, Engine closes after each reply", targets: 1, closes: true, start: ours("CP_CLOSED", central, broker)},
		{name: "ev-cp-m, broker away", targets: 1, start: ours("CP_AWAY", central, away)},
		{name: `ev-cp-m, no broker (--kafka-brokers "")`, targets: 1, start: ours("CP_NONE", central, "")},
		{name: reference, targets: 1, start: plainC("limit", 1)},
		{name: reference, targets: 100, start: plainC("limit", 100)},
		{name: "C, 10 ms ticks (floor.c)", targets: 1, start: plainC("floor", 1)},
		{name: "C, 10 ms ticks (floor.c)", targets: 100, start: plainC("floor", 100)},
	}
	if haproxyPath() == "" {
		fmt.Fprint(os.Stderr, "\n***** SKIPPED: HAProxy is not installed (Debian: apt-get install haproxy) *****\n\n")
		return all
	}
	return append(all, &checker{name: "HAProxy tcp-check, fresh connections", targets: 1, start: haproxy})
}

// round starts everybody, lets them settle, and reads twice.
func (l *lab) round(ctx context.Context, checkers []*checker) error {
	var duties []*duty
	defer func() {
		for _, d := range duties {
			d.stop()
		}
	}()
	for _, c := range checkers {
		d, err := c.serve(ctx, l)
		if d != nil {
			duties = append(duties, d)
		}
		if err != nil {
			return err
		}
	}
	if !wait.For(ctx, l.effort.warm) {
		return ctx.Err()
	}
	return l.window(ctx, duties)
}

// window notes what each duty used in it.
func (l *lab) window(ctx context.Context, duties []*duty) error {
	before := make([]duty, len(duties))
	for i, d := range duties {
		if err := d.read(ctx); err != nil {
			return err
		}
		before[i] = *d
	}
	if !wait.For(ctx, l.effort.window) {
		return ctx.Err()
	}
	unit := 0.0
	for i, d := range duties {
		if err := d.read(ctx); err != nil {
			return err
		}
		if err := d.note(before[i]); err != nil {
			return err
		}
		if d.name == reference && d.targets == 1 {
			unit = d.cost[len(d.cost)-1]
		}
	}
	for _, d := range duties {
		d.share.add(d.cost[len(d.cost)-1] / unit)
	}
	return nil
}

func (d *duty) note(before duty) error {
	checks := d.asked - before.asked
	if checks == 0 {
		return fmt.Errorf("%s did not check at all: %s", d.name, d.process.tail())
	}
	d.cost.add(float64((d.cpu - before.cpu).Nanoseconds()) / 1e3 / float64(checks))
	d.pace.add(float64(checks) / float64(d.targets) / d.at.Sub(before.at).Seconds())
	d.resident.add(megabytes(d.memory.resident))
	d.fairly.add(megabytes(d.memory.proportional))
	d.private.add(megabytes(d.memory.private))
	d.heap.add(megabytes(d.memory.anonymous))
	return nil
}

func costTable(all []*checker) table {
	t := table{name: "cost", title: "Processor time per check, µs: median (min–max)", head: []string{"", "targets", "µs per check", "× limit.c, 1 target", "checks per target and second"}}
	for _, c := range all {
		t.add(c.name, fmt.Sprint(c.targets), c.cost.String(), figure(c.share.median()), fmt.Sprintf("%.3f", c.pace.median()))
	}
	return t
}

func memoryTable(all []*checker) table {
	t := table{name: "memory", title: "Memory, MB: median (min–max)", head: []string{"", "targets", "resident", "proportional", "private", "anonymous", "20 MB"}}
	for _, c := range all {
		held := "–"
		if strings.HasPrefix(c.name, "ev-cp-m") {
			held = verdict(c.resident.median(), residentAtMost)
		}
		t.add(c.name, fmt.Sprint(c.targets), c.resident.String(), figure(c.fairly.median()), figure(c.private.median()), figure(c.heap.median()), held)
	}
	return t
}
