package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"evcp/internal/process"
	"evcp/internal/wait"
)

// residentAtMost bounds the memory of a Monitor of one charge point, in MB.
const residentAtMost = 20.0

// These bound what a Monitor of one charge point writes to its disk, in MB a day: at the
// default of --sync-every, and at 10s.
const (
	writtenAtMost    = 400.0
	writtenAtMost10s = 100.0
)

// reference is the checker with whose cost, for one target, the others are compared.
const reference = "C, epoll (limit.c)"

// startFunc starts a program that checks the Engine on a port.
type startFunc func(ctx context.Context, h *harness, engine string) (*process.Child, error)

// checker is a program that checks Engines once a second, and what was measured of
// it, one sample for each round.
type checker struct {
	name    string
	targets int
	closes  bool // its Engine closes each connection after one reply
	start   startFunc

	cost         samples // µs of processor time per check
	relative     samples // cost, divided by the reference's of the same round
	rate         samples // checks per target and second
	resident     samples // MB, and so below
	proportional samples
	private      samples
	anonymous    samples
}

// measureRounds runs all checkers at the same time, each with an Engine of its own,
// in several rounds: so whatever else the machine does affects all of them. A few
// more Monitors run through all rounds, for what takes longer to show.
func measureRounds(ctx context.Context, h *harness) ([]resultTable, error) {
	central, broker, err := h.centralAndBroker(ctx)
	if err != nil {
		return nil, err
	}
	away, err := h.freePort()
	if err != nil {
		return nil, err
	}
	soaked, err := h.startSoak(ctx, central, broker, away)
	if err != nil {
		return nil, err
	}
	checkers := allCheckers(central, broker, away)
	for range h.sizes.rounds {
		if err := h.round(ctx, checkers); err != nil {
			return nil, err
		}
	}
	memory := memoryTable(checkers)
	for _, m := range soaked[:2] {
		if err := m.addMemory(&memory); err != nil {
			return nil, err
		}
	}
	disk, err := diskTable(soaked)
	return []resultTable{memory, costTable(checkers), disk}, err
}

// allCheckers lists what is compared. On port away no broker listens.
func allCheckers(central, broker, away string) []*checker {
	all := []*checker{
		{name: "ev-cp-m", targets: 1, start: monitorConfig{cp: "CP_KEPT", central: central, broker: broker}.start},
		{name: "ev-cp-m, Engine closes after each reply", targets: 1, closes: true, start: monitorConfig{cp: "CP_CLOSED", central: central, broker: broker}.start},
		{name: "ev-cp-m, broker away", targets: 1, start: monitorConfig{cp: "CP_AWAY", central: central, broker: away}.start},
		{name: `ev-cp-m, no broker (--kafka-brokers "")`, targets: 1, start: monitorConfig{cp: "CP_NONE", central: central}.start},
		{name: reference, targets: 1, start: plainC("limit", 1)},
		{name: reference, targets: 100, start: plainC("limit", 100)},
		{name: "C, 10 ms ticks (floor.c)", targets: 1, start: plainC("floor", 1)},
		{name: "C, 10 ms ticks (floor.c)", targets: 100, start: plainC("floor", 100)},
	}
	if !haproxyInstalled() {
		return all
	}
	return append(all, &checker{name: "HAProxy tcp-check, fresh connections", targets: 1, start: haproxy})
}

// plainC starts peers/limit.c or peers/floor.c.
func plainC(program string, targets int) startFunc {
	return func(ctx context.Context, h *harness, engine string) (*process.Child, error) {
		return h.start(ctx, h.program(program), engine, fmt.Sprint(targets), "1000")
	}
}

func haproxy(ctx context.Context, h *harness, engine string) (*process.Child, error) {
	return startHAProxy(ctx, h, engine, 1, time.Second)
}

// haproxyInstalled says loudly what is left out if it is not.
func haproxyInstalled() bool {
	if haproxyPath() != "" {
		return true
	}
	fmt.Fprint(os.Stderr, "\n***** SKIPPED: HAProxy is not installed (Debian: apt-get install haproxy) *****\n\n")
	return false
}

// startHAProxy starts HAProxy, configured by peers/haproxy.sh.
func startHAProxy(ctx context.Context, h *harness, engine string, targets int, interval time.Duration) (*process.Child, error) {
	dir, err := h.folder("haproxy-configuration")
	if err != nil {
		return nil, err
	}
	text, err := exec.CommandContext(ctx, "sh", h.program("haproxy.sh"), engine, fmt.Sprint(targets), fmt.Sprint(interval.Milliseconds())).Output()
	if err != nil {
		return nil, fmt.Errorf("write a configuration for HAProxy: %w", err)
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	return h.start(ctx, haproxyPath(), "-db", "-f", file)
}

// haproxyPath is "" if it is not installed. Debian installs it outside of a user's
// PATH.
func haproxyPath() string {
	for _, name := range []string{"haproxy", "/usr/sbin/haproxy"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func haproxyVersion(ctx context.Context) string {
	if haproxyPath() == "" {
		return "not installed, left out"
	}
	return firstLine(ctx, haproxyPath(), "-v")
}

// runningChecker is a checker in one round, and what it has used up to at.
type runningChecker struct {
	*checker
	engine  string // its port
	process *process.Child
	at      time.Time
	checks  int64
	cpu     time.Duration
	memory  memoryUse
}

// round starts all checkers, lets them warm up, and measures them.
func (h *harness) round(ctx context.Context, checkers []*checker) error {
	h = h.scope()
	defer h.close()
	var running []*runningChecker
	for _, c := range checkers {
		r, err := h.startChecker(ctx, c)
		if err != nil {
			return err
		}
		running = append(running, r)
	}
	if !wait.For(ctx, h.sizes.warmup) {
		return ctx.Err()
	}
	return h.measureWindow(ctx, running)
}

// startChecker starts a checker and its Engine.
func (h *harness) startChecker(ctx context.Context, c *checker) (*runningChecker, error) {
	port, err := h.freePort()
	if err != nil {
		return nil, err
	}
	mode := "keep"
	if c.closes {
		mode = "close"
	}
	if _, err := h.startServer(ctx, port, h.program("engine"), port, mode); err != nil {
		return nil, err
	}
	child, err := c.start(ctx, h, port)
	return &runningChecker{checker: c, engine: port, process: child}, err
}

// measureWindow adds one sample to each checker.
func (h *harness) measureWindow(ctx context.Context, running []*runningChecker) error {
	before := make([]runningChecker, len(running))
	for i, r := range running {
		if err := r.read(ctx); err != nil {
			return err
		}
		before[i] = *r
	}
	if !wait.For(ctx, h.sizes.window) {
		return ctx.Err()
	}
	unit := 0.0
	for i, r := range running {
		if err := r.read(ctx); err != nil {
			return err
		}
		if err := r.addSamples(before[i]); err != nil {
			return err
		}
		if r.name == reference && r.targets == 1 {
			unit = r.cost.last()
		}
	}
	for _, r := range running {
		r.relative.add(r.cost.last() / unit)
	}
	return nil
}

// read takes what the checker has used since its start.
func (r *runningChecker) read(ctx context.Context) (err error) {
	if err := endedError(r.process); err != nil {
		return err
	}
	if r.checks, err = replies(ctx, r.engine); err != nil {
		return err
	}
	r.at = time.Now()
	if r.cpu, err = processorTime(r.process); err != nil {
		return err
	}
	r.memory, err = readMemory(r.process)
	return err
}

func (r *runningChecker) addSamples(before runningChecker) error {
	checks := r.checks - before.checks
	if checks == 0 {
		return fmt.Errorf("%s made no check: %s", r.name, r.process.Tail())
	}
	r.cost.add(float64((r.cpu - before.cpu).Nanoseconds()) / 1e3 / float64(checks))
	r.rate.add(float64(checks) / float64(r.targets) / r.at.Sub(before.at).Seconds())
	r.resident.add(r.memory.resident)
	r.proportional.add(r.memory.proportional)
	r.private.add(r.memory.private)
	r.anonymous.add(r.memory.anonymous)
	return nil
}

func costTable(all []*checker) resultTable {
	t := resultTable{name: "cost", title: "Processor time per check, µs: median (min–max)", head: []string{"", "targets", "µs per check", "× limit.c, 1 target", "checks per target and second"}}
	for _, c := range all {
		t.add(c.name, fmt.Sprint(c.targets), c.cost.String(), figure(c.relative.median()), fmt.Sprintf("%.3f", c.rate.median()))
	}
	return t
}

func memoryTable(all []*checker) resultTable {
	t := resultTable{name: "memory", title: "Memory, MB: median (min–max)", head: []string{"", "targets", "resident", "proportional", "private", "anonymous", "at most 20"}}
	for _, c := range all {
		held := "–"
		if strings.HasPrefix(c.name, "ev-cp-m") {
			held = verdict(c.resident.median(), residentAtMost)
		}
		t.add(c.name, fmt.Sprint(c.targets), c.resident.String(), figure(c.proportional.median()), figure(c.private.median()), figure(c.anonymous.median()), held)
	}
	return t
}

// soakedMonitor is a Monitor that runs through all rounds.
type soakedMonitor struct {
	*process.Child
	name    string
	atMost  float64   // MB that it may write in a day; 0 is no bound
	since   time.Time // the end of its warm-up
	written int64     // bytes, until then
}

// startSoak starts the Monitors that run through all rounds. The first two have the
// defaults, with and without a reachable broker; the others show what --sync-every
// saves.
func (h *harness) startSoak(ctx context.Context, central, broker, away string) (all []*soakedMonitor, err error) {
	for _, s := range []struct {
		name   string
		atMost float64
		monitorConfig
	}{
		{"ev-cp-m", writtenAtMost, monitorConfig{cp: "CP_LONG", broker: broker}},
		{"ev-cp-m, broker away", writtenAtMost, monitorConfig{cp: "CP_LONG_AWAY", broker: away}},
		{`ev-cp-m, no broker (--kafka-brokers "")`, writtenAtMost, monitorConfig{cp: "CP_LONG_NONE"}},
		{"ev-cp-m, --sync-every 10s", writtenAtMost10s, monitorConfig{cp: "CP_LONG_KAFKA_10S", broker: broker, flags: []string{"--sync-every", "10s"}}},
		{"no broker, --sync-every 10s", writtenAtMost10s, monitorConfig{cp: "CP_LONG_10S", flags: []string{"--sync-every", "10s"}}},
		{"no broker, --sync-every 60s", 0, monitorConfig{cp: "CP_LONG_60S", flags: []string{"--sync-every", "60s"}}},
	} {
		s.central = central
		m, err := h.soak(ctx, s.name, s.monitorConfig)
		if err != nil {
			return nil, err
		}
		m.atMost = s.atMost
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
	return &soakedMonitor{Child: c, name: name, since: since, written: written}, err
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
	t := resultTable{name: "disk", title: "Written to disk by one Monitor", head: []string{"", "watched for", "written", "extrapolated to a day", "per check", "MB a day at most"}}
	for _, s := range all {
		until, err := bytesWritten(s.Child)
		if err != nil {
			return t, err
		}
		watched := time.Since(s.since)
		bytes := float64(until - s.written)
		day, held := bytes/1e6/watched.Hours()*24, "–"
		if s.atMost > 0 {
			held = figure(s.atMost) + " " + verdict(day, s.atMost)
		}
		t.add(s.name, watched.Round(time.Second).String(), figure(bytes/1e6)+" MB", figure(day)+" MB",
			figure(bytes/1e3/watched.Seconds())+" kB", held)
	}
	return t, nil
}
