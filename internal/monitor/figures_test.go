package monitor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/monitor"
)

// TestFiguresCountWhatHappened compares what is counted with the events, through a
// fault and through a machine that slept.
func TestFiguresCountWhatHappened(t *testing.T) {
	withEngine(t, func(f *fixture) {
		var fig monitor.Figures
		var since [3]evcp.Stamp
		events := f.run(func(m *monitor.Monitor) {
			time.Sleep(5*time.Second + 500*time.Millisecond)
			since[0] = m.Since("CP_001")
			f.reply.Store("KO")
			time.Sleep(6 * time.Second)
			since[1] = m.Since("CP_001")
			f.reply.Store("OK")
			time.Sleep(3 * time.Second)
			since[2] = m.Since("CP_001")
			f.slept.Store(int64(10 * time.Second))
			time.Sleep(3*time.Second + 500*time.Millisecond)
			fig = m.Figures()
			if _, last := m.Progress(); !last.Equal(fig.Last) || time.Since(last) > 2*time.Second || !fig.Next.After(time.Now()) {
				t.Errorf("last %s, next %s", fig.Last, fig.Next)
			}
		})
		checks, failed := map[string]uint64{}, uint64(0)
		for _, e := range events {
			if e.Action == evcp.HealthCheck {
				checks[pairOf(e.Status, e.Cause)]++
			}
		}
		for _, c := range fig.Checks {
			if key := pairOf(c.Status, c.Cause); c.Count != checks[key] {
				t.Errorf("%d times %q counted, %d happened", c.Count, key, checks[key])
			}
			if c.Status.Failed() {
				failed += c.Count
			}
		}
		if observed := sum(fig.Duration.Counts); failed == 0 || observed != checks["OK "]+failed {
			t.Errorf("%d durations, %d failed", observed, failed)
		}
		// The first check of a lone Monitor stands outside the rhythm, the last one came after fig.
		if n := sum(fig.Lateness.Counts); int(n) < len(f.questions())-2 || int(n) > len(f.questions())-1 || fig.Lateness.Counts[0] != n {
			t.Errorf("lateness %v of %d checks without any delay", fig.Lateness.Counts, len(f.questions()))
		}
		for _, i := range fig.Incidents {
			if want := map[evcp.Cause]uint64{evcp.SaidKO: 1}[i.Cause]; i.Count != want {
				t.Errorf("%d incidents of %s", i.Count, i.Cause)
			}
		}
		if n := count(events, evcp.MonitorStalled); fig.Stalls != uint64(n) || n == 0 || fig.StalledFor < 10*time.Second {
			t.Errorf("%d stalls of %s, %d events", fig.Stalls, fig.StalledFor, n)
		}
		stateChanges(t, events, since)
	})
}

// pairOf names an outcome, and its detail where it has one.
func pairOf(s evcp.Status, c evcp.Cause) string {
	pair := s.String() + " " + c.String()
	if c.Detail() != "" {
		pair += " " + c.Detail()
	}
	return pair
}

// TestFiguresBeforeTheFirstCheck: every usual outcome and cause is shown with 0.
func TestFiguresBeforeTheFirstCheck(t *testing.T) {
	usual := map[string]bool{}
	for _, pair := range []string{
		"OK ", "KO said_ko", "KO protocol", "UNKNOWN stalled", "UNKNOWN slept", "UNKNOWN local",
		"UNKNOWN local no_network", "UNKNOWN local name_server", "UNKNOWN local no_socket",
		"UNKNOWN local own_certificate", "UNKNOWN local wrong_clock",
		"CONNECTION_ERROR refused", "CONNECTION_ERROR timeout", "CONNECTION_ERROR reset", "CONNECTION_ERROR closed",
		"CONNECTION_ERROR unreachable", "CONNECTION_ERROR dns", "CONNECTION_ERROR other", "CONNECTION_ERROR tls",
	} {
		usual[pair] = true
	}
	withEngine(t, func(f *fixture) {
		f.gate = nil // so that the first check comes after 200 ms
		f.run(func(m *monitor.Monitor) {
			time.Sleep(100 * time.Millisecond)
			fig := m.Figures()
			for _, c := range fig.Checks {
				if pair := pairOf(c.Status, c.Cause); !usual[pair] || c.Count != 0 {
					t.Errorf("%q %d times", pair, c.Count)
				}
			}
			if len(fig.Checks) != len(usual) {
				t.Errorf("%d pairs, want %d", len(fig.Checks), len(usual))
			}
			for cause := evcp.SaidKO; cause <= evcp.Other; cause++ {
				if i := fig.Incidents[cause-evcp.SaidKO]; i.Cause != cause || i.Count != 0 {
					t.Errorf("%d incidents of %s", i.Count, i.Cause)
				}
			}
			m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.ClockStepped, Gap: time.Hour})
			synctest.Wait()
			if since := m.Since("CP_001"); since != 0 {
				t.Errorf("no state is known yet, but since %s", since.Time())
			}
			if begun, last := m.Progress(); !last.IsZero() || !fig.Last.IsZero() || time.Since(begun).Round(time.Millisecond) != 100*time.Millisecond {
				t.Errorf("begun %s, last %s before the first check", begun, last)
			}
			time.Sleep(10 * time.Second)
			if begun, _ := m.Progress(); time.Since(begun).Round(time.Millisecond) != 10100*time.Millisecond {
				t.Errorf("begun %s ago", time.Since(begun))
			}
		})
	})
}

// TestSinceOutlivesARestart: after a restart Since is still when the incident began, and
// it moves with a step of the wall clock.
func TestSinceOutlivesARestart(t *testing.T) {
	withEngine(t, func(f *fixture) {
		f.reply.Store("KO")
		events := f.run(func(*monitor.Monitor) { time.Sleep(5 * time.Second) })
		f.run(func(m *monitor.Monitor) {
			time.Sleep(time.Second)
			if since := m.Since("CP_001"); count(events, evcp.EngineFailed) != 1 || since != first(events, evcp.HealthCheck).At {
				t.Errorf("since %s, want %s", since.Time(), first(events, evcp.HealthCheck).At.Time())
			}
			before := m.Since("CP_001")
			m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.ClockStepped, Gap: time.Hour})
			time.Sleep(time.Second)
			m.Observe(evcp.Observation{CP: "CP_001", Kind: evcp.StallEnded, Gap: time.Minute})
			time.Sleep(time.Second)
			if by := m.Since("CP_001").Sub(before); by != time.Hour {
				t.Errorf("the clock was set by an hour, since by %s", by)
			}
			if since := m.Since("CP_999"); since != 0 {
				t.Errorf("an unknown charge point has since %d", since)
			}
		})
	})
}

func first(events []evcp.Event, a evcp.Action) evcp.Event {
	for _, e := range events {
		if e.Action == a {
			return e
		}
	}
	return evcp.Event{}
}

// stateChanges compares with the first OK, the first failed check of the incident and
// its end.
func stateChanges(t *testing.T, events []evcp.Event, since [3]evcp.Stamp) {
	t.Helper()
	var want [3]evcp.Stamp
	for _, e := range events {
		switch {
		case e.Action == evcp.HealthCheck && e.Status == evcp.OK && want[0] == 0:
			want[0] = e.At
		case e.Action == evcp.EngineFailed:
			want[1] = e.Since
		case e.Action == evcp.EngineRecovered:
			want[2] = e.At
		}
	}
	if since != want {
		t.Errorf("since %v, want %v", since, want)
	}
}

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}
