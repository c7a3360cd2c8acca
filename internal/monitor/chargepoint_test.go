package monitor

import (
	"container/heap"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/faultdisk"
	"evcp/internal/outbox"
	"evcp/internal/pace"
	"evcp/internal/probe"
)

// TestTick: a tick is checked, or missed and counted.
func TestTick(t *testing.T) {
	const ms, second = time.Millisecond, time.Second
	grid := pace.NewGrid("CP_001", second, time.Now())
	due := grid.After(time.Now())
	for name, tt := range map[string]struct {
		late            time.Duration
		lone            bool
		begun, inFlight bool
		check           bool
		missed          uint32
		gap             time.Duration
		next            time.Duration // after the one that was due
	}{
		"in time":                                  {late: ms, begun: true, check: true, next: second},
		"the first of a fleet":                     {late: ms, check: true, next: second},
		"with a check in flight":                   {late: ms, begun: true, inFlight: true, missed: 1, next: second},
		"too late":                                 {late: 101 * ms, begun: true, missed: 1, gap: 101 * ms, next: second},
		"too late, with one in flight":             {late: 101 * ms, begun: true, inFlight: true, missed: 1, gap: 101 * ms, next: second},
		"ten seconds late":                         {late: 10 * second, begun: true, missed: 11, gap: 10 * second, next: 11 * second},
		"the first of a fleet, too late":           {late: 2500 * ms, missed: 3, gap: 2500 * ms, next: 3 * second},
		"the first of a lone Monitor, any time":    {late: 5300 * ms, lone: true, check: true, next: 6 * second},
		"and no tick nearer than half an interval": {late: 5700 * ms, lone: true, check: true, next: 7 * second},
		"the second of a lone Monitor":             {late: 101 * ms, lone: true, begun: true, missed: 1, gap: 101 * ms, next: second},
	} {
		c := monitoredCP{grid: grid, due: due, begun: tt.begun, inFlight: tt.inFlight}
		check, missed := c.tick(due.Add(tt.late), tt.lone)
		if check != tt.check || missed != tt.missed || c.stall != tt.gap || c.inFlight != (tt.check || tt.inFlight) || !c.begun {
			t.Errorf("%s: check %t, missed %d, stall %s, %+v", name, check, missed, c.stall, &c)
		}
		if want := missed * min(uint32(tt.gap), 1); c.stallMissed != want {
			t.Errorf("%s: %d ticks missed by a stall, want %d", name, c.stallMissed, want)
		}
		if got := c.due.Sub(due); got != tt.next {
			t.Errorf("%s: the next tick comes %s after this one, want %s", name, got, tt.next)
		}
	}
}

// TestRollBack returns to the last kept event and hands back what came after it.
func TestRollBack(t *testing.T) {
	seq := func(n uint64) evcp.State { return evcp.State{Epoch: 1, Seq: n} }
	var c monitoredCP
	for n := uint64(1); n <= 5; n++ {
		c.state = seq(n)
		c.addPending(pendingObservation{ticket: n, observation: evcp.Observation{Missed: uint32(n)}, after: c.state}, n/2)
	}
	if len(c.pending) != 3 || c.kept != seq(2) {
		t.Errorf("%d observations wait for the disk, kept is %+v", len(c.pending), c.kept)
	}
	again := c.rollBack(3)
	missed := func(p pendingObservation) uint32 { return p.observation.Missed }
	if got := []uint32{missed(again[0]), missed(again[1])}; len(again) != 2 || !slices.Equal(got, []uint32{4, 5}) {
		t.Errorf("%v are judged again", again)
	}
	if c.state != seq(3) || !c.renumber || len(c.pending) != 0 {
		t.Errorf("back to %+v, renumber %t, %d pending", c.state, c.renumber, len(c.pending))
	}
	old, anew := evcp.EventID{Epoch: 1, Seq: 4}, evcp.EventID{Epoch: 2, Seq: 1}
	c.renumbered(anew, anew)
	c.renumbered(old, anew)
	if c.currentID(old) != anew || c.currentID(anew) != anew {
		t.Errorf("%v is now %v, and %v is %v", old, c.currentID(old), anew, c.currentID(anew))
	}
}

// TestRefusedAfterRestart: a disk that refuses at once leaves the state that the process
// before had kept.
func TestRefusedAfterRestart(t *testing.T) {
	box, err := outbox.Open(t.TempDir(), outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	never := func() time.Duration { return 0 }
	o := Options{CPs: []evcp.CPID{"A"}, Interval: time.Hour, Box: box, Slept: never, Probe: newProber(t)}
	New(o).start(time.Now())
	if err := box.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := New(o)
	m.rejudge(box.Generation())
	if c := &m.cps[0]; c.state.Seq != 1 || c.state != box.State("A") || !c.renumber {
		t.Errorf("goes on from %+v, renumber %t", c.state, c.renumber)
	}
	if err := box.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestTickQueue compares with the smallest of a list, whichever charge point moves.
func TestTickQueue(t *testing.T) {
	start := time.Now()
	due := []time.Duration{5, 3, 9, 1, 7, 2, 8}
	cps := make([]monitoredCP, len(due))
	for cp, at := range due {
		cps[cp].due = start.Add(at)
	}
	q := newTickQueue(cps)
	for step := range 100 {
		soonest := slices.Min(due)
		cp := q.first()
		if due[cp] != soonest || !q.next().Equal(start.Add(soonest)) {
			t.Fatalf("step %d: %d is next at %s, want %d", step, cp, q.next().Sub(start), soonest)
		}
		another := step%3 == 0
		if another {
			cp = (cp + 3) % len(due)
		}
		due[cp] += time.Duration(step*7%13 + 1)
		cps[cp].due = start.Add(due[cp])
		if another {
			heap.Init(&q)
		} else {
			heap.Fix(&q, 0)
		}
	}
}

// TestWallClock tells a wall clock that was set from a machine that slept. Each is
// reported once.
func TestWallClock(t *testing.T) {
	const ms, hour = time.Millisecond, time.Hour
	start := time.Unix(1640000000, 0)
	for name, tt := range map[string]struct {
		wall, slept time.Duration // moved, besides the second that went by
		step, sleep time.Duration
	}{
		"nothing":                           {0, 0, 0, 0},
		"slewed":                            {99 * ms, 0, 0, 0},
		"set forward":                       {100 * ms, 0, 100 * ms, 0},
		"set back":                          {-hour, 0, -hour, 0},
		"slept":                             {hour, hour, 0, hour},
		"slept for a moment":                {100 * ms, 100 * ms, 0, 100 * ms},
		"slept for less than minStep":       {99 * ms, 99 * ms, 0, 0},
		"slept, and set meanwhile":          {3 * hour, hour, 2 * hour, hour},
		"slept, and the wall clock with it": {0, hour, -hour, hour},
	} {
		c := newWallClock(start, 5*time.Second) // slept before
		c.wall = c.wall.Add(-tt.wall)           // a step of now would move both clocks
		now := start.Add(time.Second)
		step, sleep := c.follow(now, 5*time.Second+tt.slept)
		if step != tt.step || sleep != tt.sleep {
			t.Errorf("%s: set by %s, slept %s, want %s and %s", name, step, sleep, tt.step, tt.sleep)
		}
		if tt.step+tt.sleep != 0 && c.stamp(now) != evcp.StampOf(now) {
			t.Errorf("%s: it is %s, dated %s", name, now, c.stamp(now).Time())
		}
		if step, sleep := c.follow(now, 5*time.Second+tt.slept); step != 0 || sleep != 0 {
			t.Errorf("%s: reported twice: set by %s, slept %s", name, step, sleep)
		}
	}
}

// TestAStepIsRecordedForEveryCP sets the wall clock forward by an hour: each of two charge
// points records it once, and what follows is dated by the new time.
func TestAStepIsRecordedForEveryCP(t *testing.T) {
	box, err := outbox.Open(t.TempDir(), outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	never := func() time.Duration { return 0 }
	m := New(Options{CPs: []evcp.CPID{"A", "B"}, Interval: time.Hour, Box: box, Slept: never, Probe: newProber(t)})
	m.start(time.Now())
	m.clock.wall = m.clock.wall.Add(-time.Hour)
	for range 2 {
		m.checkClock(time.Now(), 0)
	}
	for i := range m.cps {
		c := &m.cps[i]
		if off := evcp.StampOf(time.Now()).Sub(c.state.At); c.state.Seq != 2 || off.Abs() > time.Minute {
			t.Errorf("%s: %d events, the last %s ago", c.cp, c.state.Seq, off)
		}
	}
	if err := box.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPendingIsBounded: while the disk stands still, the list of what may have to be judged
// again grows no further than the outbox does. When the disk refuses at last, a streak
// that an OK had ended stays ended, and every event that was dropped is reported.
func TestPendingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultdisk.New(t)
		refused := make(chan uint64, 1)
		var reported atomic.Uint64
		box, err := outbox.Open(t.TempDir(), outbox.Options{
			VFS:     disk.Name(),
			Refused: func(generation uint64, _ error) { refused <- generation },
			Observe: func(o evcp.Observation) bool { reported.Add(o.Count); return true },
		})
		if err != nil {
			t.Fatal(err)
		}
		m := New(Options{
			CPs: []evcp.CPID{"OKS", "KOS", "MIXED"}, Policy: evcp.Policy{Fall: 3, Rise: 1}, Interval: time.Second, Box: box,
		})
		check := func(i int, s evcp.Status) {
			m.judge(i, evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: s, Response: "OK"}})
		}
		check(2, evcp.OK)
		if err := box.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		resume := disk.Stall()
		check(2, evcp.KO)
		check(2, evcp.KO)
		for box.Stats().Dropped["health_check"] == 0 {
			for range 1000 {
				check(0, evcp.OK)
			}
		}
		full := len(m.cps[0].pending)
		for range 10_000 {
			check(0, evcp.OK)
			check(2, evcp.OK) // plain, and dropped
		}
		if got := len(m.cps[0].pending); got > full+1 {
			t.Errorf("%d observations pending, %d when the outbox was full", got, full)
		}
		if got := len(m.cps[2].pending); got > 4 {
			t.Errorf("%d observations of another charge point pending", got)
		}
		check(2, evcp.KO)                         // a fact, and not dropped: the third KO, after OKs
		for dropped := uint64(0); dropped == 0; { // facts are dropped last
			before := m.o.Box.Stats().Dropped["health_check"]
			check(1, evcp.KO)
			dropped = m.o.Box.Stats().Dropped["health_check"] - before
		}
		full = len(m.cps[1].pending)
		for range 10_000 {
			check(1, evcp.KO)
			check(1, evcp.Unknown)
		}
		if got := len(m.cps[1].pending); got > full+1 {
			t.Errorf("%d failures pending, %d when the outbox was full", got, full)
		}
		m.rejudge(<-refused) // after 30 s
		if s := m.cps[2].state; s.Incident.Open || s.Failures != 1 {
			t.Errorf("judged again: %+v", s)
		}
		if err := box.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		dropped := uint64(0)
		for _, n := range box.Stats().Dropped {
			dropped += n
		}
		if n := reported.Load(); n != dropped || n == 0 {
			t.Errorf("%d events reported as dropped, %d counted", n, dropped)
		}
		resume()
		if err := box.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func newProber(t *testing.T) probe.Prober {
	t.Helper()
	p, err := probe.New(probe.Portable, probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
