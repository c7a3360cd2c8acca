package monitor_test

import (
	"testing"
	"time"

	"evcp"
	"evcp/internal/monitor"
)

// TestFiguresCountWhatHappened compares what is counted with the events, through a
// fault and through a machine that slept.
func TestFiguresCountWhatHappened(t *testing.T) {
	onBench(t, func(b *bench) {
		var f monitor.Figures
		var since [3]evcp.Stamp
		events := b.life(func(m *monitor.Monitor) {
			time.Sleep(5*time.Second + 500*time.Millisecond)
			since[0] = m.Since("CP_001")
			b.answer.Store("KO")
			time.Sleep(6 * time.Second)
			since[1] = m.Since("CP_001")
			b.answer.Store("OK")
			time.Sleep(3 * time.Second)
			since[2] = m.Since("CP_001")
			b.slept.Store(int64(10 * time.Second))
			time.Sleep(3*time.Second + 500*time.Millisecond)
			f = m.Figures()
			if _, last := m.Progress(); !last.Equal(f.Last) || time.Since(last) > 2*time.Second || !f.Next.After(time.Now()) {
				t.Errorf("last %s, next %s", f.Last, f.Next)
			}
		})
		checks, failed := map[string]uint64{}, uint64(0)
		for _, e := range events {
			if e.Action == evcp.HealthCheck {
				checks[e.Status.String()+" "+e.Cause.String()]++
			}
		}
		for _, c := range f.Checks {
			if key := c.Status.String() + " " + c.Cause.String(); c.Count != checks[key] {
				t.Errorf("%d times %q counted, %d happened", c.Count, key, checks[key])
			}
			if c.Status.Failed() {
				failed += c.Count
			}
		}
		if observed := sum(f.Duration.Counts); failed == 0 || observed != checks["OK "]+failed {
			t.Errorf("%d durations, %d failed", observed, failed)
		}
		if n := sum(f.Lateness.Counts); n == 0 || f.Lateness.Counts[0] != n {
			t.Errorf("lateness %v in a world without delay", f.Lateness.Counts)
		}
		for _, i := range f.Incidents {
			if want := map[evcp.Cause]uint64{evcp.SaidKO: 1}[i.Cause]; i.Count != want {
				t.Errorf("%d incidents of %s", i.Count, i.Cause)
			}
		}
		if n := count(events, evcp.MonitorStalled); f.Stalls != uint64(n) || n == 0 || f.Stood < 10*time.Second {
			t.Errorf("%d stalls of %s, %d events", f.Stalls, f.Stood, n)
		}
		turns(t, events, since)
	})
}

// turns: the first OK, the first failed check of the incident, its end.
func turns(t *testing.T, events []evcp.Event, since [3]evcp.Stamp) {
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
