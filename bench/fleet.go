package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"evcp"
	"evcp/internal/pace"
	"evcp/internal/process"
	"evcp/internal/wait"
)

// fleetSize is how many Engines are checked, and how often.
type fleetSize struct {
	cps      int
	interval time.Duration
}

func (s fleetSize) String() string {
	return fmt.Sprintf("%d at %.0f Hz", s.cps, 1/s.interval.Seconds())
}

// perSecond is how many checks are due in a second.
func (s fleetSize) perSecond() float64 { return float64(s.cps) / s.interval.Seconds() }

// fleetChecker is a program that checks a fleet of Engines, and what was measured of it, one
// sample for each round.
type fleetChecker struct {
	name   string
	closes bool // its Engines close each connection after one reply
	start  func(context.Context, *fleetRig) (*process.Child, error)
	asks   bool // with the id of each charge point, so that the Engine knows how late it is

	cost, relative      samples // µs of processor time per check; divided by that of limit.c in the same round
	resident            samples // MB
	rate                samples // checks made of those due, in percent
	p50, p99, max       samples // ms of lateness, as the Engine saw it
	missed              samples // ticks
	checked, registered samples // seconds until all were checked, and registered
}

// fleetRig is what one checker is started with.
type fleetRig struct {
	*harness
	size    fleetSize
	engine  string // its port
	central *countingCentral
	broker  string // port; "": none is needed
}

func cpName(n int) evcp.CPID { return evcp.CPID(fmt.Sprintf("CP_%05d", n)) }

// startEngines starts peers/engine.c with the phases of the ticks of all charge points.
func (r *fleetRig) startEngines(ctx context.Context, closes bool) error {
	dir, err := r.folder("phases")
	if err != nil {
		return err
	}
	var phases strings.Builder
	for n := range r.size.cps {
		now := time.Now()
		tick := now.Add(pace.NewGrid(cpName(n+1), r.size.interval, now).Phase)
		fmt.Fprintln(&phases, tick.UnixNano()%int64(r.size.interval))
	}
	file := filepath.Join(dir, "phases")
	if err := os.WriteFile(file, []byte(phases.String()), 0o600); err != nil {
		return err
	}
	if r.engine, err = r.freePort(); err != nil {
		return err
	}
	mode := "keep"
	if closes {
		mode = "close"
	}
	_, err = r.startServer(ctx, r.engine, r.program("engine"), r.engine, mode, fmt.Sprint(r.size.interval.Nanoseconds()), file)
	return err
}

// fleetParts are the parts of ev-cp-m that a row measures.
type fleetParts struct{ kafka, central bool }

// start starts ev-cp-m with a fleet file. Without Central it registers and then says nothing.
func (p fleetParts) start(ctx context.Context, r *fleetRig) (*process.Child, error) {
	dir, err := r.folder("fleet")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "bench.yaml")
	text := fmt.Sprintf("defaults:\n  interval: %s\ncps:\n  - cp_id: CP_[00001-%05d]\n    engine: 127.0.0.1:%s\n", r.size.interval, r.size.cps, r.engine)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	heartbeat, brokers := "0", ""
	if p.central {
		heartbeat = "5s"
	}
	if p.kafka {
		brokers = "127.0.0.1:" + r.broker
	}
	return r.harness.start(ctx, r.program("ev-cp-m"), "--fleet", file, "--instance", "bench",
		"--central-ip", "127.0.0.1", "--central-port", r.central.port, "--heartbeat", heartbeat, "--framing", "line",
		"--kafka-brokers", brokers, "--state-dir", filepath.Join(dir, "state"))
}

// plainFleet starts a program of peers/ in C.
func plainFleet(program string) func(context.Context, *fleetRig) (*process.Child, error) {
	return func(ctx context.Context, r *fleetRig) (*process.Child, error) {
		return r.harness.start(ctx, r.program(program), r.engine, fmt.Sprint(r.size.cps), fmt.Sprint(r.size.interval.Milliseconds()))
	}
}

func haproxyFleet(ctx context.Context, r *fleetRig) (*process.Child, error) {
	return startHAProxy(ctx, r.harness, r.engine, r.size.cps, r.size.interval)
}

// The rows of a fleet; each measurement takes some.
func limitRow() *fleetChecker { return &fleetChecker{name: reference, start: plainFleet("limit")} }
func floorRow() *fleetChecker {
	return &fleetChecker{name: "C, 10 ms ticks (floor.c)", start: plainFleet("floor")}
}

func closingRow() *fleetChecker {
	return &fleetChecker{name: "C, Engines close (closing.c)", closes: true, start: plainFleet("closing")}
}

func monitorRow(name string, closes bool, p fleetParts) *fleetChecker {
	return &fleetChecker{name: name, closes: closes, asks: true, start: p.start}
}

// haproxyRow is nil if HAProxy is not installed, which has been said.
func haproxyRow(closes bool) []*fleetChecker {
	if !haproxyInstalled() {
		return nil
	}
	name := "HAProxy tcp-check, fresh connections"
	if closes {
		name = "HAProxy tcp-check, Engines close"
	}
	return []*fleetChecker{{name: name, closes: closes, start: haproxyFleet}}
}

// fleetRounds measures the checkers one after another, in several rounds: so whatever else the
// machine does affects all of them. The first checker is the reference.
func (h *harness) fleetRounds(ctx context.Context, size fleetSize, checkers []*fleetChecker) error {
	central, err := h.countingCentral()
	if err != nil {
		return err
	}
	for range h.sizes.fleetRounds {
		for _, c := range checkers {
			if err := h.fleetRun(ctx, size, c, central); err != nil {
				return fmt.Errorf("%s, %s: %w", c.name, size, err)
			}
			c.relative.add(c.cost.last() / checkers[0].cost.last())
		}
	}
	return nil
}

// fleetRun starts one checker with Engines of its own, lets it warm up and measures it.
func (h *harness) fleetRun(ctx context.Context, size fleetSize, c *fleetChecker, central *countingCentral) error {
	central.reset()
	r := &fleetRig{harness: h.scope(), size: size, central: central}
	defer r.close()
	child, err := r.begin(ctx, c)
	if err != nil {
		return err
	}
	if c.asks {
		if err := r.waitForAll(ctx, c, child); err != nil {
			return err
		}
	}
	if !wait.For(ctx, h.sizes.warmup) {
		return ctx.Err()
	}
	return r.measure(ctx, c, child)
}

func (r *fleetRig) begin(ctx context.Context, c *fleetChecker) (*process.Child, error) {
	if err := r.startEngines(ctx, c.closes); err != nil {
		return nil, err
	}
	if c.asks {
		var err error
		if r.broker, err = r.fleetBroker(ctx); err != nil {
			return nil, err
		}
	}
	return c.start(ctx, r)
}

// fleetBroker is the port of the broker: the one that was named, or a new one in memory.
func (r *fleetRig) fleetBroker(ctx context.Context) (string, error) {
	if r.kafka != "" {
		return r.kafka, nil
	}
	_, port, err := r.harness.broker(ctx)
	return port, err
}

// startLimit is how long is waited for all charge points. Who has not registered by then is told in the
// table; who has not been checked ends the measurement.
const startLimit = 45 * time.Second

// waitForAll waits until all charge points were checked and have registered.
func (r *fleetRig) waitForAll(ctx context.Context, c *fleetChecker, child *process.Child) error {
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	checked, registered := math.NaN(), math.NaN()
	for math.IsNaN(checked) || math.IsNaN(registered) {
		if err := endedError(child); err != nil {
			return err
		}
		seen, err := askEngine(ctx, r.engine, "seen", 1)
		if err != nil {
			return err
		}
		if math.IsNaN(checked) && seen[0] >= int64(r.size.cps) {
			checked = time.Since(child.Started).Seconds()
		}
		known := len(r.central.heard(false))
		if math.IsNaN(registered) && known >= r.size.cps {
			registered = time.Since(child.Started).Seconds()
		}
		if wait.For(limited, 20*time.Millisecond) {
			continue
		}
		if ctx.Err() != nil || math.IsNaN(checked) {
			return fmt.Errorf("within %s %d of %d were checked and %d registered: %s", startLimit, seen[0], r.size.cps, known, child.Tail())
		}
		fmt.Fprintf(os.Stderr, "%s, %s: only %d registered within %s\n", c.name, r.size, known, startLimit)
		break
	}
	c.checked.add(checked)
	c.registered.add(registered)
	return nil
}

// fleetReading is what a checker has used up to a moment.
type fleetReading struct {
	at     time.Time
	cpu    time.Duration
	checks int64
}

func (r *fleetRig) read(ctx context.Context, child *process.Child) (fleetReading, error) {
	if err := endedError(child); err != nil {
		return fleetReading{}, err
	}
	checks, err := replies(ctx, r.engine)
	if err != nil {
		return fleetReading{}, err
	}
	at := time.Now()
	cpu, err := processorTime(child)
	return fleetReading{at: at, cpu: cpu, checks: checks}, err
}

// measure adds one sample of each kind.
func (r *fleetRig) measure(ctx context.Context, c *fleetChecker, child *process.Child) error {
	if _, err := r.lateness(ctx); err != nil { // begins anew
		return err
	}
	before, err := r.read(ctx, child)
	if err != nil {
		return err
	}
	if !wait.For(ctx, r.sizes.fleetWindow) {
		return ctx.Err()
	}
	after, err := r.read(ctx, child)
	if err != nil {
		return err
	}
	late, err := r.lateness(ctx)
	if err != nil {
		return err
	}
	memory, err := readMemory(child)
	if err != nil {
		return err
	}
	checks := float64(after.checks - before.checks)
	if checks == 0 {
		return fmt.Errorf("it made no check: %s", child.Tail())
	}
	c.cost.add(float64((after.cpu - before.cpu).Nanoseconds()) / 1e3 / checks)
	c.rate.add(100 * checks / r.size.perSecond() / after.at.Sub(before.at).Seconds())
	c.resident.add(memory.resident)
	if c.asks {
		c.p50.add(late.p50)
		c.p99.add(late.p99)
		c.max.add(late.max)
		c.missed.add(late.missed)
	}
	return nil
}

// fleetLateness is what the Engine recorded since the last report, in ms.
type fleetLateness struct{ questions, p50, p99, max, missed, early float64 }

func (r *fleetRig) lateness(ctx context.Context) (fleetLateness, error) {
	n, err := askEngine(ctx, r.engine, "report", 6)
	if err != nil {
		return fleetLateness{}, err
	}
	return fleetLateness{float64(n[0]), float64(n[1]) / 1e3, float64(n[2]) / 1e3, float64(n[3]) / 1e3, float64(n[4]), float64(n[5])}, nil
}

// askEngine sends a command to peers/engine.c and reads the numbers that it replies.
func askEngine(ctx context.Context, port, command string, numbers int) ([]int64, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // fails only on a closed connection
	if _, err := io.WriteString(conn, command); err != nil {
		return nil, err
	}
	all := make([]int64, numbers)
	for i := range all {
		if _, err := fmt.Fscan(conn, &all[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", command, err)
		}
	}
	return all, nil
}

// memoryPerCP is what one more charge point takes, in KiB, beyond the same program with one.
func memoryPerCP(c, one *fleetChecker, cps int) float64 {
	return (c.resident.median() - one.resident.median()) / megabytesPerKiB / float64(cps-1)
}
