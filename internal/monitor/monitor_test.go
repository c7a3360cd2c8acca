package monitor_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/monitor"
	"evcp/internal/outbox"
	"evcp/internal/probe"
	"evcp/internal/simnet"
)

// fixture runs a Monitor on a network in memory, under synctest, with a real outbox on
// disk and one Engine for all charge points.
type fixture struct {
	t          *testing.T
	dir        string
	net        *simnet.Net
	reply      atomic.Value // string: the Engine's; "" is none
	replyDelay atomic.Int64 // how long the Engine takes to reply
	slept      atomic.Int64 // how long the machine has slept
	sleptReads atomic.Int64 // how often the Monitor read that
	sleptDelay atomic.Int64 // how long the Monitor stands still in the next such reading
	writeDelay atomic.Int64 // how long the Monitor stands still in its next write
	gate       chan struct{}

	fleet  int // 0: a lone Monitor of CP_001
	shards int

	recheckAfter time.Duration
	greet        bool
	interval     time.Duration
	timeout      time.Duration

	mu    sync.Mutex // guards what follows
	asked []time.Time
	by    map[evcp.CPID][]time.Time // asked, for each charge point
}

func (f *fixture) cps() (cps []evcp.CPID) {
	for i := range max(f.fleet, 1) {
		cps = append(cps, evcp.CPID(fmt.Sprintf("CP_%03d", i+1)))
	}
	return cps
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{
		t: t, dir: t.TempDir(), net: &simnet.Net{}, gate: make(chan struct{}),
		interval: time.Second, timeout: 900 * time.Millisecond, by: map[evcp.CPID][]time.Time{},
	}
	f.reply.Store("OK")
	close(f.gate)
	return f
}

// DialContext makes connections whose writes can be delayed.
func (f *fixture) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := f.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return delayedConn{c, f}, nil
}

type delayedConn struct {
	net.Conn
	f *fixture
}

func (c delayedConn) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(c.f.writeDelay.Swap(0)))
	return c.Conn.Write(p)
}

// engine replies to every health check.
func (f *fixture) engine(ctx context.Context) {
	l, err := f.net.Listen("engine")
	if err != nil {
		f.t.Error(err)
		return
	}
	context.AfterFunc(ctx, func() { l.Close() })
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		context.AfterFunc(ctx, func() { c.Close() })
		go f.serve(c)
	}
}

// questions are the times of all health checks.
func (f *fixture) questions() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// questionsTo are those of one charge point.
func (f *fixture) questionsTo(cp evcp.CPID) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.by[cp])
}

func (f *fixture) serve(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 1024)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		f.mu.Lock()
		cp := evcp.CPID(strings.Fields(string(buf[:n]))[1])
		f.asked, f.by[cp] = append(f.asked, time.Now()), append(f.by[cp], time.Now())
		f.mu.Unlock()
		time.Sleep(time.Duration(f.replyDelay.Load()))
		if r := f.reply.Load().(string); r != "" {
			c.Write([]byte(r))
		}
	}
}

func (f *fixture) policy() *evcp.Policy {
	return &evcp.Policy{Fall: 3, Rise: 1, Instance: "bench", Interval: f.interval, Timeout: f.timeout}
}

func (f *fixture) engineOf(cp evcp.CPID) probe.Target {
	return probe.Target{CP: cp, Address: "engine", Dialer: f, Greet: f.greet, Rules: evcp.EvidenceRules{Timeout: f.timeout, Grace: evcp.DefaultGrace}}
}

// run runs one Monitor for as long as meanwhile takes and returns the kept events.
func (f *fixture) run(meanwhile func(m *monitor.Monitor)) []evcp.Event {
	f.t.Helper()
	box, err := outbox.Open(f.dir, outbox.Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	tail := box.Tail(10000, false)
	slept := func() time.Duration {
		f.sleptReads.Add(1)
		time.Sleep(time.Duration(f.sleptDelay.Swap(0)))
		return time.Duration(f.slept.Load())
	}
	var targets []monitor.Target
	policy := f.policy()
	for _, cp := range f.cps() {
		targets = append(targets, monitor.Target{Policy: policy, Engine: f.engineOf(cp)})
	}
	m, err := monitor.New(monitor.Options{
		Targets: targets, Shards: f.shards, RecheckAfter: f.recheckAfter,
		Lone: f.fleet == 0, Gate: f.gate, Box: box, Slept: slept, Version: "test",
		NewProber: func() (probe.Prober, error) { return probe.New(probe.Portable, probe.Options{}) },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(f.t.Context())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	meanwhile(m)
	stop()
	running.Wait()
	if err := box.Close(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	var kept []evcp.Event
	for {
		select {
		case batch := <-tail.C:
			kept = append(kept, batch...)
		default:
			return kept
		}
	}
}

// withEngine runs a test under synctest, with an Engine.
func withEngine(t *testing.T, test func(f *fixture)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		f := newFixture(t)
		ctx, stop := context.WithCancel(t.Context())
		go f.engine(ctx)
		test(f)
		stop()
		time.Sleep(time.Minute)
	})
}

func count(events []evcp.Event, a evcp.Action) int {
	n := 0
	for _, e := range events {
		if e.Action == a {
			n++
		}
	}
	return n
}

// TestChecksDoNotDrift counts the checks of an hour against an Engine that takes
// 300 ms: 3,600 and not 2,770.
func TestChecksDoNotDrift(t *testing.T) {
	withEngine(t, func(f *fixture) {
		f.replyDelay.Store(int64(300 * time.Millisecond))
		events := f.run(func(*monitor.Monitor) { time.Sleep(time.Hour) })
		if n := count(events, evcp.HealthCheck); n < 3599 || n > 3602 {
			t.Errorf("%d checks in an hour", n)
		}
		asked := f.questions()
		for i := 2; i < len(asked)-1; i++ {
			if every := asked[i+1].Sub(asked[i]); every != time.Second {
				t.Fatalf("check %d came %s after the one before", i, every)
			}
		}
	})
}

// TestTheEndIsDatedWhenItComes, not by the last wake-up.
func TestTheEndIsDatedWhenItComes(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		f := newFixture(t)
		var stopped time.Time
		events := f.run(func(*monitor.Monitor) {
			time.Sleep(3400 * time.Millisecond) // between two checks
			stopped = time.Now()
		})
		if last := events[len(events)-1]; last.Action != evcp.MonitorStopped || last.At != evcp.StampOf(stopped) {
			t.Errorf("%s at %s, want a stop at %s", last.Action, last.At.Time(), stopped)
		}
	})
}

// TestAnIncidentFromEndToEnd fails the Engine for ten checks.
func TestAnIncidentFromEndToEnd(t *testing.T) {
	withEngine(t, func(f *fixture) {
		var fault time.Time
		events := f.run(func(*monitor.Monitor) {
			time.Sleep(5 * time.Second)
			fault = time.Now()
			f.reply.Store("KO")
			time.Sleep(10 * time.Second)
			f.reply.Store("OK")
			time.Sleep(5 * time.Second)
		})
		if count(events, evcp.EngineFailed) != 1 || count(events, evcp.EngineRecovered) != 1 {
			t.Fatalf("%d failed, %d recovered", count(events, evcp.EngineFailed), count(events, evcp.EngineRecovered))
		}
		for _, e := range events {
			if e.Action == evcp.EngineFailed {
				if took := e.At.Sub(evcp.StampOf(fault)); took > 3*time.Second {
					t.Errorf("detected after %s", took)
				}
			}
		}
	})
}

// TestAMuteEngineIsFoundInTime allows 3.9 s and three graces.
func TestAMuteEngineIsFoundInTime(t *testing.T) {
	withEngine(t, func(f *fixture) {
		var fault time.Time
		events := f.run(func(*monitor.Monitor) {
			time.Sleep(5*time.Second + time.Millisecond)
			fault = time.Now()
			f.reply.Store("")
			time.Sleep(10 * time.Second)
		})
		for _, e := range events {
			if e.Action == evcp.EngineFailed {
				if took := e.At.Sub(evcp.StampOf(fault)); took > 3900*time.Millisecond+3*evcp.DefaultGrace {
					t.Errorf("detected after %s", took)
				}
				return
			}
		}
		t.Error("never detected")
	})
}

// TestARestartIsInvisible restarts the Monitor at two failures of three.
func TestARestartIsInvisible(t *testing.T) {
	withEngine(t, func(f *fixture) {
		first := f.run(func(*monitor.Monitor) {
			time.Sleep(2900 * time.Millisecond)
			f.reply.Store("KO")
			time.Sleep(2 * time.Second)
		})
		if count(first, evcp.EngineFailed) != 0 {
			t.Fatal("too many checks failed before the restart")
		}
		second := f.run(func(*monitor.Monitor) { time.Sleep(100 * time.Millisecond) })
		if count(second, evcp.EngineFailed) != 1 {
			t.Errorf("the next failed check opened no incident: %v", second)
		}
		last := first[len(first)-1]
		if e := second[0]; e.Action != evcp.MonitorStarted || !e.Resumed || e.Epoch != last.Epoch || e.Seq != last.Seq+1 {
			t.Errorf("after %v came %v", last, e)
		}
	})
}

// TestALoneMonitorWaitsForCentral gives Central 200 ms before the first check.
func TestALoneMonitorWaitsForCentral(t *testing.T) {
	withEngine(t, func(f *fixture) {
		f.gate = make(chan struct{})
		began := time.Now()
		f.run(func(*monitor.Monitor) { time.Sleep(time.Second) })
		if waited := f.questions()[0].Sub(began); waited != 200*time.Millisecond {
			t.Errorf("waited %s", waited)
		}
	})
	withEngine(t, func(f *fixture) { // Central replies after the first check, which changes nothing
		f.gate = make(chan struct{})
		time.AfterFunc(300*time.Millisecond, func() { close(f.gate) })
		f.run(func(*monitor.Monitor) { time.Sleep(5 * time.Second) })
		asked := f.questions()
		if wait := asked[1].Sub(asked[0]); wait < 500*time.Millisecond || asked[3].Sub(asked[2]).Round(time.Millisecond) != time.Second {
			t.Errorf("asked at %v", asked)
		}
	})
}

// TestAStallIsOneEvent stops the Monitor for 2.3 s in the middle of a write: the check
// without a result and the missed ticks are one event.
func TestAStallIsOneEvent(t *testing.T) {
	withEngine(t, func(f *fixture) {
		events := f.run(func(*monitor.Monitor) {
			time.Sleep(3 * time.Second)
			f.writeDelay.Store(int64(2300 * time.Millisecond))
			time.Sleep(7 * time.Second)
		})
		e := first(events, evcp.MonitorStalled)
		if n := count(events, evcp.MonitorStalled); n != 1 || e.Span.Round(time.Millisecond) != 2300*time.Millisecond {
			t.Errorf("%d stalls recorded, of %s", n, e.Span)
		}
		unknown := 0
		for i, e := range events {
			if e.Action == evcp.HealthCheck && e.Status == evcp.Unknown {
				if unknown++; events[i+1].Action != evcp.MonitorStalled {
					t.Errorf("the unknown check is followed by %s", events[i+1].Action)
				}
			}
		}
		if unknown != 1 {
			t.Errorf("%d checks are unknown", unknown)
		}
	})
}

// TestAMachineThatSlept: a sleep of an hour is one stall, and no failure.
func TestAMachineThatSlept(t *testing.T) {
	withEngine(t, func(f *fixture) {
		events := f.run(func(*monitor.Monitor) {
			time.Sleep(3500 * time.Millisecond)
			f.reply.Store("")
			f.slept.Add(int64(time.Hour))
			time.Sleep(5 * time.Second)
			f.reply.Store("OK")
			time.Sleep(5 * time.Second)
		})
		for _, e := range events {
			if e.Action == evcp.MonitorStalled && (e.Span != time.Hour || e.Missed != 3600) {
				t.Errorf("stood still for %s and missed %d ticks", e.Span, e.Missed)
			}
		}
		if n := count(events, evcp.MonitorStalled); n != 1 {
			t.Errorf("%d stalls recorded", n)
		}
		if n := count(events, evcp.ClockStep); n != 1 { // synctest's wall clock did not go on during the sleep
			t.Errorf("%d steps of the wall clock recorded", n)
		}
		if n := count(events, evcp.EngineFailed); n != 0 {
			t.Errorf("%d incidents after a sleep", n)
		}
	})
}

// TestObserve judges the observations of others, and refuses them after the end.
func TestObserve(t *testing.T) {
	withEngine(t, func(f *fixture) {
		var m *monitor.Monitor
		events := f.run(func(running *monitor.Monitor) {
			m = running
			if !m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registering}) {
				t.Error("a running Monitor refused an observation")
			}
			m.Observe(evcp.Observation{CP: "CP_999", Kind: evcp.Registering})
			m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registered, Response: "OK"})
			time.Sleep(time.Second)
		})
		if count(events, evcp.RegisterToCentral) != 1 || count(events, evcp.AuthenticatedWithCentral) != 1 {
			t.Errorf("%v", events)
		}
		if m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registering}) {
			t.Error("a stopped Monitor took an observation")
		}
	})
}

// TestObservationsAreDatedAfterTheyCame: a Monitor that stands still in a wake-up, after it has
// read the clock, dates none of what came meanwhile by that reading.
func TestObservationsAreDatedAfterTheyCame(t *testing.T) {
	withEngine(t, func(f *fixture) {
		var came evcp.Stamp
		events := f.run(func(m *monitor.Monitor) {
			time.Sleep(2 * time.Second)
			f.sleptDelay.Store(int64(50 * time.Millisecond))
			for f.sleptDelay.Load() != 0 {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(20 * time.Millisecond)
			came = evcp.StampOf(time.Now())
			m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registering})
			time.Sleep(time.Second)
		})
		for _, e := range events {
			if e.Action == evcp.RegisterToCentral && e.At < came {
				t.Errorf("dated %s before it came", came.Sub(e.At))
			}
		}
		if count(events, evcp.RegisterToCentral) != 1 {
			t.Errorf("%v", events)
		}
	})
}

// TestAStallIsNoStepOfTheClock: a Monitor that stands still in a wake-up takes the Engine's reply
// after what Central said later. The wall clock was not set for that.
func TestAStallIsNoStepOfTheClock(t *testing.T) {
	withEngine(t, func(f *fixture) {
		f.replyDelay.Store(int64(200 * time.Millisecond))
		events := f.run(func(m *monitor.Monitor) {
			time.Sleep(2500 * time.Millisecond)
			for asked := len(f.questions()); len(f.questions()) == asked; {
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(50 * time.Millisecond)
			f.sleptDelay.Store(int64(3 * time.Second))
			m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registering})
			time.Sleep(time.Second)
			m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registered, Response: "OK"})
			time.Sleep(5 * time.Second)
		})
		if count(events, evcp.ClockStep) != 0 || count(events, evcp.AuthenticatedWithCentral) != 1 || count(events, evcp.MonitorStalled) != 1 {
			t.Errorf("%v", events)
		}
	})
}

// TestSleptIsReadOncePerWakeUp counts the readings of the time slept. A check of a lone
// Monitor has two wake-ups, the tick and its result; a check of a fleet has no more,
// and fewer where charge points share one.
func TestSleptIsReadOncePerWakeUp(t *testing.T) {
	for _, fleet := range []int{0, 20} {
		withEngine(t, func(f *fixture) {
			f.fleet = fleet
			f.run(func(*monitor.Monitor) { time.Sleep(time.Minute) })
			const others = 5 // at the start, for the gate and at the end
			if reads, checks := f.sleptReads.Load(), int64(len(f.questions())); reads > 2*checks+others || reads < checks {
				t.Errorf("fleet of %d: %d readings in %d checks", fleet, reads, checks)
			}
		})
	}
}
