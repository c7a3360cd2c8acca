package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"evcp/internal/wait"
)

// Bounds of a fleet with everything on.
const (
	timesLimitAtMost          = 1.1 // × limit.c
	timesHAProxyAtMost        = 0.4 // × HAProxy, kept connections
	timesHAProxyClosingAtMost = 0.8 // × HAProxy, Engines that close
	kibPerCPAtMost            = 1.5
	latenessAtMost            = 5.0   // ms, p99
	muteReportedAtMost        = 3.975 // s: two intervals and the timeout after the next check, and three graces of 25 ms
)

// defaultFleetSizes are measured unless -fleet names others.
const defaultFleetSizes = "1,100,1000,5000,10000,15000,15000@200ms"

// parseFleetSizes reads "1000,15000@200ms"; a second is the interval of those without one.
func parseFleetSizes(list string) ([]fleetSize, error) {
	var all []fleetSize
	for _, item := range strings.Split(list, ",") {
		number, every, given := strings.Cut(item, "@")
		s := fleetSize{interval: time.Second}
		var err error
		if s.cps, err = strconv.Atoi(number); err != nil || s.cps < 1 {
			return nil, fmt.Errorf("%q is no number of charge points", item)
		}
		if given {
			if s.interval, err = time.ParseDuration(every); err != nil || s.interval < 10*time.Millisecond {
				return nil, fmt.Errorf("%q: an interval is a duration from 10ms", item)
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// fleetResult is one size, measured.
type fleetResult struct {
	size                  fleetSize
	limit, floor, monitor *fleetChecker
	haproxy               *fleetChecker // nil: not installed
}

// measureFleet measures fleets of several sizes with everything on.
func measureFleet(ctx context.Context, h *harness) ([]resultTable, error) {
	var all []fleetResult
	for _, size := range h.fleetSizes {
		r := fleetResult{size: size, limit: limitRow(), floor: floorRow(), monitor: monitorRow("ev-cp-m", false, fleetParts{kafka: true, central: true})}
		rows := []*fleetChecker{r.limit, r.floor, r.monitor}
		if size.interval >= time.Second {
			if more := haproxyRow(false); more != nil {
				r.haproxy = more[0]
				rows = append(rows, more...)
			}
		}
		if err := h.fleetRounds(ctx, size, rows); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	if h.plots != "" {
		if err := plotFleet(filepath.Join(h.plots, "img"), all); err != nil {
			return nil, err
		}
	}
	return []resultTable{fleetCostTable(all), fleetRhythmTable(all)}, nil
}

func fleetCostTable(all []fleetResult) resultTable {
	t := resultTable{name: "fleet", title: "A fleet with everything on: µs of processor time per check, memory",
		head: []string{"charge points", "limit.c", "floor.c", "HAProxy", "ev-cp-m", "× limit.c", "at most 1.1", "× HAProxy", "at most 0.4", "MB", "KiB per charge point", "at most 1.5"}}
	one := all[0].monitor
	for _, r := range all {
		cells := []string{r.size.String(), figure(r.limit.cost.median()), figure(r.floor.cost.median()), "–", r.monitor.cost.String(), figure(r.monitor.relative.median()), "–", "–", "–", figure(r.monitor.resident.median()), "–", "–"}
		if r.size.cps >= 1000 {
			cells[6] = verdict(r.monitor.relative.median(), timesLimitAtMost)
		}
		if r.haproxy != nil {
			ratio := r.monitor.cost.median() / r.haproxy.cost.median()
			cells[3], cells[7] = figure(r.haproxy.cost.median()), figure(ratio)
			if r.size.cps >= 1000 {
				cells[8] = verdict(ratio, timesHAProxyAtMost)
			}
		}
		if all[0].size.cps == 1 && r.size.cps >= 1000 {
			kib := memoryPerCP(r.monitor, one, r.size.cps)
			cells[10], cells[11] = figure(kib), verdict(kib, kibPerCPAtMost)
		}
		t.add(cells...)
	}
	return t
}

func fleetRhythmTable(all []fleetResult) resultTable {
	t := resultTable{name: "fleetrhythm", title: "A fleet with everything on: lateness in ms as the Engine saw it, missed ticks, start in s",
		head: []string{"charge points", "p50", "p99", "max", "p99 at most 5", "missed", "checks made of those due", "all checked after", "all registered after"}}
	for _, r := range all {
		m := r.monitor
		t.add(r.size.String(), figure(m.p50.median()), figure(m.p99.median()), figure(m.max.max()), verdict(m.p99.median(), latenessAtMost),
			fmt.Sprintf("%.0f", m.missed.sum()), fmt.Sprintf("%.2f %%", m.rate.median()), figure(m.checked.median())+" s", figure(m.registered.median())+" s")
	}
	return t
}

// largeFleet is the size of which the parts are measured: 10,000, or the last that -fleet names.
func (h *harness) largeFleet() fleetSize {
	if last := h.fleetSizes[len(h.fleetSizes)-1]; h.fleetNamed {
		return last
	}
	return fleetSize{cps: 10000, interval: time.Second}
}

// measureParts shows what each part of the Monitor costs.
func measureParts(ctx context.Context, h *harness) ([]resultTable, error) {
	rows := []*fleetChecker{
		limitRow(), floorRow(),
		monitorRow("ev-cp-m: checks, judgement, outbox", false, fleetParts{}),
		monitorRow("… and Kafka", false, fleetParts{kafka: true}),
		monitorRow("… and Central, no Kafka", false, fleetParts{central: true}),
		monitorRow("everything", false, fleetParts{kafka: true, central: true}),
	}
	rows = append(rows, haproxyRow(false)...)
	rows = append(rows, closingRow(), monitorRow("everything, Engines close", true, fleetParts{kafka: true, central: true}))
	rows = append(rows, haproxyRow(true)...)
	if err := h.fleetRounds(ctx, h.largeFleet(), rows); err != nil {
		return nil, err
	}
	t := resultTable{name: "parts", title: h.largeFleet().String() + ": what each part costs",
		head: []string{"", "µs per check", "× limit.c", "MB", "p99 lateness, ms", "missed", "checks made of those due"}}
	for _, c := range rows {
		p99, missed := "–", "–"
		if c.asks {
			p99, missed = figure(c.p99.median()), fmt.Sprintf("%.0f", c.missed.sum())
		}
		t.add(c.name, c.cost.String(), figure(c.relative.median()), c.resident.String(), p99, missed, fmt.Sprintf("%.2f %%", c.rate.median()))
	}
	return []resultTable{t}, nil
}

// measureStorm lets every fifth of the Engines go mute at once, and answer again.
func measureStorm(ctx context.Context, h *harness) ([]resultTable, error) {
	const every = 5
	central, err := h.countingCentral()
	if err != nil {
		return nil, err
	}
	r := &fleetRig{harness: h, size: h.largeFleet(), central: central}
	c := monitorRow("", false, fleetParts{kafka: true, central: true})
	child, err := r.begin(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := r.waitForAll(ctx, c, child); err != nil {
		return nil, err
	}
	if !wait.For(ctx, h.sizes.warmup) {
		return nil, ctx.Err()
	}
	calm := *c
	if err := r.measure(ctx, &calm, child); err != nil {
		return nil, err
	}
	storm := *c
	fault := time.Now()
	if err := r.mute(ctx, every); err != nil {
		return nil, err
	}
	before, err := r.read(ctx, child)
	if err != nil {
		return nil, err
	}
	if err := r.measure(ctx, &storm, child); err != nil {
		return nil, err
	}
	after, err := r.read(ctx, child)
	if err != nil {
		return nil, err
	}
	late, cancel := context.WithTimeout(ctx, 15*time.Second)
	wait.Until(late, 50*time.Millisecond, func() bool { return len(central.heard(true)) >= r.size.cps/every })
	cancel()
	if err := r.mute(ctx, 0); err != nil {
		return nil, err
	}
	took, wrong := detections(central.heard(true), fault, every)
	t := resultTable{name: "storm", title: fmt.Sprintf("%d of %d Engines go mute at once", r.size.cps/every, r.size.cps), head: []string{"", "calm", "with the mute ones", "at most"}}
	cpu := 100 * (after.cpu - before.cpu).Seconds() / after.at.Sub(before.at).Seconds()
	calmCPU := calm.cost.last() * r.size.perSecond() * calm.rate.last() / 1e6
	t.add("reported to Central", "0", fmt.Sprintf("%d, of others %d", len(took), wrong), fmt.Sprint(r.size.cps/every)+", of others 0")
	t.add("from the fault to the report, median, s", "–", figure(took.median()), "–")
	t.add("from the fault to the report, max, s", "–", figure(took.max()), fmt.Sprint(muteReportedAtMost)+" "+verdict(took.max(), muteReportedAtMost))
	t.add("p99 lateness of the others, ms", figure(calm.p99.last()), figure(storm.p99.last()), "5 "+verdict(storm.p99.last(), latenessAtMost))
	t.add("max lateness of the others, ms", figure(calm.max.last()), figure(storm.max.last()), "–")
	t.add("missed ticks of the others", figure(calm.missed.last()), figure(storm.missed.last()), "–")
	t.add("processor, % of a core", figure(calmCPU), figure(cpu), "1.5 × calm "+verdict(cpu, 1.5*calmCPU))
	return []resultTable{t}, nil
}

// detections are how many seconds after the fault each mute Engine was reported, and how many
// others were.
func detections(failed map[string]time.Time, fault time.Time, every int) (took samples, wrong int) {
	for cp, at := range failed {
		if n, err := strconv.Atoi(cp[len(cp)-5:]); err != nil || n%every != 0 {
			wrong++
			continue
		}
		took.add(at.Sub(fault).Seconds())
	}
	return took, wrong
}

// mute makes every n-th Engine mute; 0: none.
func (r *fleetRig) mute(ctx context.Context, every int) error {
	_, err := askEngine(ctx, r.engine, fmt.Sprintf("mute %d", every), 1)
	return err
}
