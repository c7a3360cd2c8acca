package monitor_test

import (
	"testing"
	"time"

	"evcp"
	"evcp/internal/monitor"
	"evcp/internal/pace"
)

// TestAFleetKeepsItsTicks checks twenty charge points for a minute: each on its own
// ticks, once for each, and with an event for each check.
func TestAFleetKeepsItsTicks(t *testing.T) {
	withEngine(t, func(f *fixture) {
		f.fleet = 20
		began := time.Now()
		var fig monitor.Figures
		events := f.run(func(m *monitor.Monitor) {
			time.Sleep(time.Minute)
			fig = m.Figures()
		})
		kept := map[evcp.CPID]int{}
		for _, e := range events {
			if e.Action == evcp.HealthCheck {
				kept[e.CP]++
			}
		}
		for _, cp := range f.cps() {
			due, asked := began.Add(pace.NewGrid(cp, f.interval, began).After(0)), f.questionsTo(cp)
			for i := range asked {
				if late := asked[i].Sub(due.Add(time.Duration(i) * f.interval)); late.Abs() > time.Millisecond {
					t.Errorf("%s was asked %s late at tick %d", cp, late, i)
				}
			}
			if len(asked) < 59 || len(asked) > 61 || kept[cp] != len(asked) {
				t.Errorf("%s was asked %d times in a minute, %d kept", cp, len(asked), kept[cp])
			}
		}
		if n := sum(fig.Lateness.Counts); fig.Missed != 0 || n != uint64(len(f.questions())) {
			t.Errorf("%d ticks missed, the lateness of %d known", fig.Missed, n)
		}
	})
}

// TestATickWithACheckInFlight is missed, and no stall is recorded.
func TestATickWithACheckInFlight(t *testing.T) {
	withEngine(t, func(f *fixture) {
		f.interval = 500 * time.Millisecond // and a check takes 925
		f.reply.Store("")
		var missed uint64
		events := f.run(func(m *monitor.Monitor) {
			time.Sleep(10 * time.Second)
			fig := m.Figures()
			if missed = m.Missed(); fig.Missed != missed {
				t.Errorf("%d missed and %d", missed, fig.Missed)
			}
			if n := int(sum(fig.Lateness.Counts)); n != len(f.questions())-1 {
				t.Errorf("the lateness of %d checks is known, %d were asked", n, len(f.questions()))
			}
		})
		if asked := len(f.questions()); asked < 9 || asked > 11 || int(missed)+asked < 19 || int(missed)+asked > 21 {
			t.Errorf("%d checks and %d missed of 20", asked, missed)
		}
		if n := count(events, evcp.MonitorStalled); n != 0 {
			t.Errorf("%d stalls", n)
		}
	})
}

// TestStop finishes the check in flight, judges observations that come meanwhile, and
// records monitor_stopped last. A check that takes too long is abandoned.
func TestStop(t *testing.T) {
	for name, tt := range map[string]struct {
		takes, timeout, want time.Duration
		checks               int
	}{
		"finished":  {600 * time.Millisecond, 900 * time.Millisecond, 500 * time.Millisecond, 1},
		"abandoned": {3 * time.Second, 4 * time.Second, time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			withEngine(t, func(f *fixture) {
				f.replyDelay.Store(int64(tt.takes))
				f.timeout = tt.timeout
				var stopped time.Time
				events := f.run(func(m *monitor.Monitor) {
					time.Sleep(100 * time.Millisecond)
					stopped = time.Now()
					time.AfterFunc(50*time.Millisecond, func() { m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registered}) })
				})
				last := events[len(events)-1]
				if took := last.At.Sub(evcp.StampOf(stopped)); last.Action != evcp.MonitorStopped || last.Reason != "asked to stop" || took < tt.want || took > tt.want+2*evcp.DefaultGrace {
					t.Errorf("%s %q after %s, want the end after %s", last.Action, last.Reason, took, tt.want)
				}
				if n := count(events, evcp.HealthCheck); n != tt.checks || len(f.questions()) != 1 {
					t.Errorf("%d checks kept, %d asked", n, len(f.questions()))
				}
				if count(events, evcp.AuthenticatedWithCentral) != 1 {
					t.Error("an observation from before the end was lost")
				}
			})
		})
	}
}

// TestAGreetingIsKept: one event, before the checks.
func TestAGreetingIsKept(t *testing.T) {
	withEngine(t, func(f *fixture) {
		f.greet = true
		events := f.run(func(*monitor.Monitor) { time.Sleep(3 * time.Second) })
		if e := events[1]; e.Action != evcp.ConnectedToEngine || e.Response != "OK" || count(events, evcp.ConnectedToEngine) != 1 {
			t.Errorf("%v", events)
		}
	})
}
