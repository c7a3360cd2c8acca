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
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/monitor"
	"evcp/internal/outbox"
	"evcp/internal/probe"
	"evcp/internal/simnet"
)

// bench is a Monitor of one charge point on a network in memory, with a real
// outbox on disk. Run under synctest: time is free.
type bench struct {
	t      *testing.T
	dir    string
	net    *simnet.Net
	answer atomic.Value // string: the Engine's; "" is silence
	slow   atomic.Int64 // how long it takes
	slept  atomic.Int64
	frozen atomic.Int64 // how long the next question takes to leave: the Monitor stood still
	gate   chan struct{}

	fleet    int // 0: a lone Monitor of CP_001
	greet    bool
	interval time.Duration
	timeout  time.Duration

	mu    sync.Mutex // guards what follows
	asked []time.Time
	by    map[evcp.CPID][]time.Time // asked, for each charge point
}

func (b *bench) cps() (cps []evcp.CPID) {
	for i := range max(b.fleet, 1) {
		cps = append(cps, evcp.CPID(fmt.Sprintf("CP_%03d", i+1)))
	}
	return cps
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		t: t, dir: t.TempDir(), net: &simnet.Net{}, gate: make(chan struct{}),
		interval: time.Second, timeout: 900 * time.Millisecond, by: map[evcp.CPID][]time.Time{},
	}
	b.answer.Store("OK")
	close(b.gate)
	return b
}

// DialContext makes connections whose questions can be frozen.
func (b *bench) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := b.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return icy{c, b}, nil
}

type icy struct {
	net.Conn
	b *bench
}

func (c icy) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(c.b.frozen.Swap(0)))
	return c.Conn.Write(p)
}

// engine answers every health check as it is told to.
func (b *bench) engine(ctx context.Context) {
	l, err := b.net.Listen("engine")
	if err != nil {
		b.t.Error(err)
		return
	}
	context.AfterFunc(ctx, func() { l.Close() })
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		context.AfterFunc(ctx, func() { c.Close() })
		go b.serve(c)
	}
}

// questions are when any charge point was asked.
func (b *bench) questions() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

// questionsTo are when one was.
func (b *bench) questionsTo(cp evcp.CPID) []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.by[cp])
}

func (b *bench) serve(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 1024)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		b.mu.Lock()
		cp := evcp.CPID(strings.Fields(string(buf[:n]))[1])
		b.asked, b.by[cp] = append(b.asked, time.Now()), append(b.by[cp], time.Now())
		b.mu.Unlock()
		time.Sleep(time.Duration(b.slow.Load()))
		if a := b.answer.Load().(string); a != "" {
			c.Write([]byte(a))
		}
	}
}

// life runs one Monitor for as long as play takes and returns what it kept.
func (b *bench) life(play func(m *monitor.Monitor)) []evcp.Event {
	b.t.Helper()
	box, err := outbox.Open(b.dir, outbox.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	tail := box.Tail(10000)
	slept := func() time.Duration { return time.Duration(b.slept.Load()) }
	var targets []probe.Target
	for _, cp := range b.cps() {
		targets = append(targets, probe.Target{CP: cp, Address: "engine"})
	}
	p := probe.New(probe.Options{
		Targets: targets, Greet: b.greet,
		Rules:  evcp.EvidenceRules{Timeout: b.timeout, Grace: evcp.DefaultGrace},
		Dialer: b, Slept: slept,
	})
	m := monitor.New(monitor.Options{
		CPs: b.cps(), Policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "bench"}, Interval: b.interval,
		Lone: b.fleet == 0, Gate: b.gate, Probe: p, Box: box, Slept: slept, Version: "test",
	})
	ctx, stop := context.WithCancel(b.t.Context())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	play(m)
	stop()
	running.Wait()
	if err := box.Close(context.Background()); err != nil {
		b.t.Fatal(err)
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

// onBench runs a test in a bubble with an Engine.
func onBench(t *testing.T, play func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		ctx, stop := context.WithCancel(t.Context())
		go b.engine(ctx)
		play(b)
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
	onBench(t, func(b *bench) {
		b.slow.Store(int64(300 * time.Millisecond))
		events := b.life(func(*monitor.Monitor) { time.Sleep(time.Hour) })
		if n := count(events, evcp.HealthCheck); n < 3599 || n > 3602 {
			t.Errorf("%d checks in an hour", n)
		}
		asked := b.questions()
		for i := 2; i < len(asked)-1; i++ {
			if every := asked[i+1].Sub(asked[i]); every != time.Second {
				t.Fatalf("check %d came %s after the one before", i, every)
			}
		}
	})
}

// TestAnIncidentFromEndToEnd sees KO three times, and the recovery.
func TestAnIncidentFromEndToEnd(t *testing.T) {
	onBench(t, func(b *bench) {
		var fault time.Time
		events := b.life(func(*monitor.Monitor) {
			time.Sleep(5 * time.Second)
			fault = time.Now()
			b.answer.Store("KO")
			time.Sleep(10 * time.Second)
			b.answer.Store("OK")
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

// TestAMuteEngineIsFoundInTime holds the bound of the design: 3.9 s and the graces.
func TestAMuteEngineIsFoundInTime(t *testing.T) {
	onBench(t, func(b *bench) {
		var fault time.Time
		events := b.life(func(*monitor.Monitor) {
			time.Sleep(5*time.Second + time.Millisecond)
			fault = time.Now()
			b.answer.Store("")
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

// TestARestartIsInvisible cuts the watch at two of three.
func TestARestartIsInvisible(t *testing.T) {
	onBench(t, func(b *bench) {
		first := b.life(func(*monitor.Monitor) {
			time.Sleep(2900 * time.Millisecond)
			b.answer.Store("KO")
			time.Sleep(2 * time.Second)
		})
		if count(first, evcp.EngineFailed) != 0 {
			t.Fatal("too many checks failed in the first life")
		}
		second := b.life(func(*monitor.Monitor) { time.Sleep(100 * time.Millisecond) })
		if count(second, evcp.EngineFailed) != 1 {
			t.Errorf("the next failed check did not report: %v", second)
		}
		last := first[len(first)-1]
		if e := second[0]; e.Action != evcp.MonitorStarted || !e.Resumed || e.Epoch != last.Epoch || e.Seq != last.Seq+1 {
			t.Errorf("after %v came %v", last, e)
		}
	})
}

// TestALoneMonitorWaitsForCentral gives Central 200 ms before the first check.
func TestALoneMonitorWaitsForCentral(t *testing.T) {
	onBench(t, func(b *bench) {
		b.gate = make(chan struct{})
		began := time.Now()
		b.life(func(*monitor.Monitor) { time.Sleep(time.Second) })
		if waited := b.questions()[0].Sub(began); waited != 200*time.Millisecond {
			t.Errorf("waited %s", waited)
		}
	})
	onBench(t, func(b *bench) { // its word comes after the first check, and changes nothing
		b.gate = make(chan struct{})
		time.AfterFunc(300*time.Millisecond, func() { close(b.gate) })
		b.life(func(*monitor.Monitor) { time.Sleep(5 * time.Second) })
		asked := b.questions()
		if wait := asked[1].Sub(asked[0]); wait < 500*time.Millisecond || asked[3].Sub(asked[2]).Round(time.Millisecond) != time.Second {
			t.Errorf("asked at %v", asked)
		}
	})
}

// TestAStallIsToldOnce freezes the Monitor for 2.3 s in the middle of a question: the
// check it spoiled and the ticks it swallowed are one event.
func TestAStallIsToldOnce(t *testing.T) {
	onBench(t, func(b *bench) {
		events := b.life(func(*monitor.Monitor) {
			time.Sleep(3 * time.Second)
			b.frozen.Store(int64(2300 * time.Millisecond))
			time.Sleep(7 * time.Second)
		})
		e := first(events, evcp.MonitorStalled)
		if n := count(events, evcp.MonitorStalled); n != 1 || e.Span.Round(time.Millisecond) != 2300*time.Millisecond {
			t.Errorf("%d stalls told, of %s", n, e.Span)
		}
		unknown := 0
		for i, e := range events {
			if e.Action == evcp.HealthCheck && e.Status == evcp.Unknown {
				if unknown++; events[i+1].Action != evcp.MonitorStalled {
					t.Errorf("the spoiled check is followed by %s", events[i+1].Action)
				}
			}
		}
		if unknown != 1 {
			t.Errorf("%d checks came to nothing", unknown)
		}
	})
}

// TestAMachineThatSlept tells one stall, and no failure, for a sleep of an hour.
func TestAMachineThatSlept(t *testing.T) {
	onBench(t, func(b *bench) {
		events := b.life(func(*monitor.Monitor) {
			time.Sleep(3500 * time.Millisecond)
			b.answer.Store("")
			b.slept.Add(int64(time.Hour))
			time.Sleep(5 * time.Second)
			b.answer.Store("OK")
			time.Sleep(5 * time.Second)
		})
		for _, e := range events {
			if e.Action == evcp.MonitorStalled && (e.Span != time.Hour || e.Missed != 3600) {
				t.Errorf("stood still for %s and missed %d ticks", e.Span, e.Missed)
			}
		}
		if n := count(events, evcp.MonitorStalled); n != 1 {
			t.Errorf("%d stalls told", n)
		}
		if n := count(events, evcp.ClockStep); n != 1 { // the wall clock of the bubble slept too
			t.Errorf("%d steps of the wall clock told", n)
		}
		if n := count(events, evcp.EngineFailed); n != 0 {
			t.Errorf("a machine that slept accused the Engine %d times", n)
		}
	})
}

// TestTheFrontDoor judges what others learned, and refuses it after the end.
func TestTheFrontDoor(t *testing.T) {
	onBench(t, func(b *bench) {
		var m *monitor.Monitor
		events := b.life(func(running *monitor.Monitor) {
			m = running
			if !m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registering}) {
				t.Error("a Monitor that runs took no observation")
			}
			m.Observe(evcp.Observation{CP: "CP_999", Kind: evcp.Registering})
			m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registered, Response: "OK"})
			time.Sleep(time.Second)
		})
		if count(events, evcp.RegisterToCentral) != 1 || count(events, evcp.AuthenticatedWithCentral) != 1 {
			t.Errorf("%v", events)
		}
		if m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registering}) {
			t.Error("a Monitor that has stopped took an observation")
		}
	})
}
