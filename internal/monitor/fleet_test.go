package monitor_test

import (
	"testing"
	"time"

	"evcp"
	"evcp/internal/monitor"
	"evcp/internal/pace"
)

// TestAFleetKeepsItsPlaces asks twenty charge points for a minute, each on its own
// ticks and nobody twice, and keeps for each what it said.
func TestAFleetKeepsItsPlaces(t *testing.T) {
	onBench(t, func(b *bench) {
		b.fleet = 20
		began := time.Now()
		var f monitor.Figures
		events := b.life(func(m *monitor.Monitor) {
			time.Sleep(time.Minute)
			f = m.Figures()
		})
		kept := map[evcp.CPID]int{}
		for _, e := range events {
			if e.Action == evcp.HealthCheck {
				kept[e.CP]++
			}
		}
		for _, cp := range b.cps() {
			due, asked := pace.NewGrid(cp, b.interval, began).After(began), b.questionsTo(cp)
			for i := range asked {
				if late := asked[i].Sub(due.Add(time.Duration(i) * b.interval)); late.Abs() > time.Millisecond {
					t.Errorf("%s was asked %s late at tick %d", cp, late, i)
				}
			}
			if len(asked) < 59 || len(asked) > 61 || kept[cp] != len(asked) {
				t.Errorf("%s was asked %d times in a minute, %d kept", cp, len(asked), kept[cp])
			}
		}
		if n := sum(f.Lateness.Counts); f.Missed != 0 || n != uint64(len(b.questions())) {
			t.Errorf("%d ticks missed, the lateness of %d known", f.Missed, n)
		}
	})
}

// TestATickWithACheckInFlight is missed, and no stall.
func TestATickWithACheckInFlight(t *testing.T) {
	onBench(t, func(b *bench) {
		b.interval = 500 * time.Millisecond // and a check takes 925
		b.answer.Store("")
		var missed uint64
		events := b.life(func(m *monitor.Monitor) {
			time.Sleep(10 * time.Second)
			f := m.Figures()
			if missed = m.Missed(); f.Missed != missed {
				t.Errorf("%d missed and %d", missed, f.Missed)
			}
			if n := int(sum(f.Lateness.Counts)); n != len(b.questions())-1 {
				t.Errorf("the lateness of %d checks is known, %d were asked", n, len(b.questions()))
			}
		})
		if asked := len(b.questions()); asked < 9 || asked > 11 || int(missed)+asked < 19 || int(missed)+asked > 21 {
			t.Errorf("%d checks and %d missed of 20", asked, missed)
		}
		if n := count(events, evcp.MonitorStalled); n != 0 {
			t.Errorf("%d stalls", n)
		}
	})
}

// TestTheEndIsInOrder finishes the check in flight, takes what comes by the front
// door meanwhile, and says goodbye last. A check that takes too long is given up.
func TestTheEndIsInOrder(t *testing.T) {
	for name, tt := range map[string]struct {
		takes, timeout, want time.Duration
		checks               int
	}{
		"finished": {600 * time.Millisecond, 900 * time.Millisecond, 500 * time.Millisecond, 1},
		"given up": {3 * time.Second, 4 * time.Second, 1200 * time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, func(b *bench) {
				b.slow.Store(int64(tt.takes))
				b.timeout = tt.timeout
				var stopped time.Time
				events := b.life(func(m *monitor.Monitor) {
					time.Sleep(100 * time.Millisecond)
					stopped = time.Now()
					time.AfterFunc(50*time.Millisecond, func() { m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registered}) })
				})
				last := events[len(events)-1]
				if took := last.At.Sub(evcp.StampOf(stopped)); last.Action != evcp.MonitorStopped || last.Reason != "asked to stop" || took < tt.want || took > tt.want+2*evcp.DefaultGrace {
					t.Errorf("%s %q after %s, want the end after %s", last.Action, last.Reason, took, tt.want)
				}
				if n := count(events, evcp.HealthCheck); n != tt.checks || len(b.questions()) != 1 {
					t.Errorf("%d checks kept, %d asked", n, len(b.questions()))
				}
				if count(events, evcp.AuthenticatedWithCentral) != 1 {
					t.Error("what came at the front door before the end was lost")
				}
			})
		})
	}
}

// TestAGreetingIsKept once, before the checks.
func TestAGreetingIsKept(t *testing.T) {
	onBench(t, func(b *bench) {
		b.greet = true
		events := b.life(func(*monitor.Monitor) { time.Sleep(3 * time.Second) })
		if e := events[1]; e.Action != evcp.ConnectedToEngine || e.Response != "OK" || count(events, evcp.ConnectedToEngine) != 1 {
			t.Errorf("%v", events)
		}
	})
}
