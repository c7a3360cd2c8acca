package pace_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/pace"
)

const second = time.Second

// start is a moment with a monotonic reading, as NewGrid needs.
var start = time.Now()

func TestTicksNeverDrift(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.Int64Range(int64(10*time.Millisecond), int64(time.Minute)).Draw(t, "interval"))
		g := pace.NewGrid("CP_001", every, start)
		now := time.Duration(rapid.Int64Range(-int64(3*every), int64(3*every)).Draw(t, "from"))
		first := g.After(now)
		for range 50 {
			next := g.After(now)
			if wait := next - now; wait <= 0 || wait > every {
				t.Fatalf("waits %s of %s", wait, every)
			}
			if off := (next - first) % every; off != 0 {
				t.Fatalf("off the grid by %s", off)
			}
			now = next + time.Duration(rapid.Int64Range(0, int64(3*every)).Draw(t, "busy"))
		}
	})
}

// tick is the first tick after began, and its phase in Unix time.
func tick(cp evcp.CPID, began time.Time) time.Duration {
	at := began.Add(pace.NewGrid(cp, second, began).After(0))
	return time.Duration(at.UnixNano() % int64(second))
}

// TestPhaseIsStable: a charge point has the same ticks in Unix time whenever its Monitor
// starts, and they are whole steps.
func TestPhaseIsStable(t *testing.T) {
	// Calculated from the id by hand: no release may change the phase of a charge point.
	const want = 860 * time.Millisecond
	for _, later := range []time.Duration{0, 1, 333 * time.Millisecond, 999999999, time.Hour + 7} {
		if got := tick("CP_001", start.Add(later)); got != want {
			t.Errorf("phase %s after %s, was %s", got, later, want)
		}
	}
}

// TestPhasesSpread: each tenth of the interval has a tenth of the charge points, ± 20 %.
func TestPhasesSpread(t *testing.T) {
	var tenths [10]int
	for i := range 10000 {
		tenths[tick(evcp.CPID(fmt.Sprintf("CP_%05d", i)), start)/(second/10)]++
	}
	for i, n := range tenths {
		if n < 800 || n > 1200 {
			t.Errorf("%d of 10000 ticks in tenth %d", n, i)
		}
	}
}

func TestAfterFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := pace.NewGrid("CP_001", second, start)
		first := time.Duration(rapid.Int64Range(0, int64(5*second)).Draw(t, "first"))
		wait := g.AfterFirst(first) - first
		if wait < second/2 || wait > second*3/2 {
			t.Fatalf("the second check comes %s after the first", wait)
		}
	})
}

func TestMissedTicks(t *testing.T) {
	g := pace.NewGrid("CP_001", second, start)
	due := g.After(0)
	tests := []struct {
		late   time.Duration
		miss   bool
		missed uint32
	}{
		{-time.Millisecond, false, 0}, {0, false, 1}, {100 * time.Millisecond, false, 1},
		{101 * time.Millisecond, true, 1}, {999 * time.Millisecond, true, 1}, {second, true, 2}, {10*second + 200*time.Millisecond, true, 11},
	}
	for _, tt := range tests {
		now := due + tt.late
		if got := g.TooLate(due, now); got != tt.miss {
			t.Errorf("%s late: too late is %t", tt.late, got)
		}
		if got := g.Missed(due, now); got != tt.missed {
			t.Errorf("%s late: %d missed, want %d", tt.late, got, tt.missed)
		}
	}
	fast := pace.NewGrid("CP_001", 100*time.Millisecond, start)
	if due := fast.After(0); fast.TooLate(due, due+50*time.Millisecond) || !fast.TooLate(due, due+51*time.Millisecond) {
		t.Error("50 ms is never too late, and for a short interval 51 ms is")
	}
}

func TestBackoffGrowsAndStops(t *testing.T) {
	b := pace.CentralBackoff
	want := []time.Duration{500 * time.Millisecond, second, 2 * second, 4 * second, 5 * second, 5 * second}
	for i, most := range want {
		if got := b.Delay(i+1, 0.999999999); got > most || got < most-time.Microsecond {
			t.Errorf("attempt %d waits up to %s, want %s", i+1, got, most)
		}
		if got := b.Delay(i+1, 0); got != 0 {
			t.Errorf("attempt %d waits at least %s", i+1, got)
		}
	}
	if got := b.Delay(1<<30, 0.5); got != 2500*time.Millisecond {
		t.Errorf("after very many attempts: %s", got)
	}
}
