package monitor

import (
	"testing"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/probe"
)

// TestTheClocks tells a wall clock that was set from a machine that slept. What
// happened is followed once: the next look finds nothing.
func TestTheClocks(t *testing.T) {
	const ms, hour = time.Millisecond, time.Hour
	start := time.Unix(1640000000, 0)
	for name, tt := range map[string]struct {
		wall, slept time.Duration // moved, besides the second that went by
		step, nap   time.Duration
	}{
		"nothing":                           {0, 0, 0, 0},
		"slewed":                            {99 * ms, 0, 0, 0},
		"set forward":                       {100 * ms, 0, 100 * ms, 0},
		"set back":                          {-hour, 0, -hour, 0},
		"slept":                             {hour, hour, 0, hour},
		"slept for a moment":                {100 * ms, 100 * ms, 0, 100 * ms},
		"dozed":                             {99 * ms, 99 * ms, 0, 0},
		"slept, and set meanwhile":          {3 * hour, hour, 2 * hour, hour},
		"slept, and the wall clock with it": {0, hour, -hour, hour},
	} {
		c := newClock(start, 5*time.Second) // slept before
		c.wall = c.wall.Add(-tt.wall)       // a step of now would move both clocks
		now := start.Add(time.Second)
		step, nap := c.follow(now, 5*time.Second+tt.slept)
		if step != tt.step || nap != tt.nap {
			t.Errorf("%s: set by %s, slept %s, want %s and %s", name, step, nap, tt.step, tt.nap)
		}
		if tt.step+tt.nap != 0 && c.stamp(now) != evcp.StampOf(now) {
			t.Errorf("%s: it is %s, dated %s", name, now, c.stamp(now).Time())
		}
		if step, nap := c.follow(now, 5*time.Second+tt.slept); step != 0 || nap != 0 {
			t.Errorf("%s: told twice: set by %s, slept %s", name, step, nap)
		}
	}
}

// TestAStepIsToldToEveryone sets the wall clock forward while two are watched: both
// hear of it, once, and everything after it is dated anew.
func TestAStepIsToldToEveryone(t *testing.T) {
	box, err := outbox.Open(t.TempDir(), outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	never := func() time.Duration { return 0 }
	m := New(Options{CPs: []evcp.CPID{"A", "B"}, Interval: time.Hour, Box: box, Slept: never, Probe: probe.New(probe.Options{Slept: never})})
	m.start(time.Now())
	m.clock.wall = m.clock.wall.Add(-time.Hour)
	for range 2 {
		m.checkClock(time.Now())
	}
	for i := range m.watches {
		w := &m.watches[i]
		if off := evcp.StampOf(time.Now()).Sub(w.state.At); w.state.Seq != 2 || off.Abs() > time.Minute {
			t.Errorf("%s: %d events, the last %s ago", w.cp, w.state.Seq, off)
		}
	}
	if err := box.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
