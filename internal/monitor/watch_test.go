package monitor

import (
	"slices"
	"testing"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/pace"
	"evcp/internal/probe"
)

// TestATick checks, or misses what it can't make up.
func TestATick(t *testing.T) {
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
		"in time":                        {late: ms, begun: true, check: true, next: second},
		"the first of a fleet":           {late: ms, check: true, next: second},
		"with a check in flight":         {late: ms, begun: true, inFlight: true, missed: 1, next: second},
		"too late":                       {late: 101 * ms, begun: true, missed: 1, gap: 101 * ms, next: second},
		"too late, with one in flight":   {late: 101 * ms, begun: true, inFlight: true, missed: 1, gap: 101 * ms, next: second},
		"ten seconds late":               {late: 10 * second, begun: true, missed: 11, gap: 10 * second, next: 11 * second},
		"the first of a fleet, too late": {late: 2500 * ms, missed: 3, gap: 2500 * ms, next: 3 * second},
		"a lone one's first, any time":   {late: 5300 * ms, lone: true, check: true, next: 6 * second},
		"and nothing nearer than half":   {late: 5700 * ms, lone: true, check: true, next: 7 * second},
		"a lone one's second":            {late: 101 * ms, lone: true, begun: true, missed: 1, gap: 101 * ms, next: second},
	} {
		w := watch{grid: grid, due: due, begun: tt.begun, inFlight: tt.inFlight}
		check, missed := w.tick(due.Add(tt.late), tt.lone)
		if check != tt.check || missed != tt.missed || w.gap != tt.gap || w.inFlight != (tt.check || tt.inFlight) || !w.begun {
			t.Errorf("%s: check %t, missed %d, stood %s, %+v", name, check, missed, w.gap, &w)
		}
		if swallowed := missed * min(uint32(tt.gap), 1); w.swallowed != swallowed {
			t.Errorf("%s: %d ticks swallowed by a stall, want %d", name, w.swallowed, swallowed)
		}
		if got := w.due.Sub(due); got != tt.next {
			t.Errorf("%s: the next tick comes %s after this one, want %s", name, got, tt.next)
		}
	}
}

// TestWhatIsNotKeptIsJudgedAgain goes back to the last event that the disk has.
func TestWhatIsNotKeptIsJudgedAgain(t *testing.T) {
	seq := func(n uint64) evcp.State { return evcp.State{Epoch: 1, Seq: n} }
	var w watch
	for n := uint64(1); n <= 5; n++ {
		w.state = seq(n)
		w.remember(judged{ticket: n, from: evcp.Observation{Missed: uint32(n)}, after: w.state}, n/2)
	}
	if len(w.pending) != 3 || w.kept != seq(2) {
		t.Errorf("%d observations wait for the disk, kept is %+v", len(w.pending), w.kept)
	}
	again := w.forget(3)
	missed := func(j judged) uint32 { return j.from.Missed }
	if got := []uint32{missed(again[0]), missed(again[1])}; len(again) != 2 || !slices.Equal(got, []uint32{4, 5}) {
		t.Errorf("%v are judged again", again)
	}
	if w.state != seq(3) || !w.renumber || len(w.pending) != 0 {
		t.Errorf("back to %+v, renumber %t, %d pending", w.state, w.renumber, len(w.pending))
	}
	old, anew := evcp.EventID{Epoch: 1, Seq: 4}, evcp.EventID{Epoch: 2, Seq: 1}
	w.rename(anew, anew)
	w.rename(old, anew)
	if w.nameOf(old) != anew || w.nameOf(anew) != anew {
		t.Errorf("%v is called %v, and %v %v", old, w.nameOf(old), anew, w.nameOf(anew))
	}
}

// TestADiskThatRefusesAtOnce leaves a new life with what the one before had kept.
func TestADiskThatRefusesAtOnce(t *testing.T) {
	box, err := outbox.Open(t.TempDir(), outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	never := func() time.Duration { return 0 }
	o := Options{CPs: []evcp.CPID{"A"}, Interval: time.Hour, Box: box, Slept: never, Probe: probe.New(probe.Options{Slept: never})}
	New(o).start(time.Now())
	if err := box.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := New(o)
	m.rejudge(box.Generation())
	if w := &m.watches[0]; w.state.Seq != 1 || w.state != box.State("A") || !w.renumber {
		t.Errorf("goes on from %+v, renumber %t", w.state, w.renumber)
	}
	if err := box.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestTheQueue keeps each charge point in its place, whoever moves.
func TestTheQueue(t *testing.T) {
	var q queue
	start := time.Now()
	due := []time.Duration{5, 3, 9, 1, 7, 2, 8}
	for cp, at := range due {
		q.push(cp, start.Add(at))
	}
	for step := range 100 {
		soonest := slices.Min(due)
		cp := q.first()
		if due[cp] != soonest || !q.next().Equal(start.Add(soonest)) {
			t.Fatalf("step %d: %d is next at %s, want %d", step, cp, q.next().Sub(start), soonest)
		}
		if step%3 == 0 { // somebody else moves too
			cp = (cp + 3) % len(due)
		}
		due[cp] += time.Duration(step*7%13 + 1)
		q.move(cp, start.Add(due[cp]))
	}
}
