package monitor

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/faultdisk"
	"evcp/internal/outbox"
	"evcp/internal/probe"
)

// TestTick: a tick is checked, or missed and counted.
func TestTick(t *testing.T) {
	const ms, second = time.Millisecond, time.Second
	policy := &evcp.Policy{Interval: second}
	const due = 7 * second
	for name, tt := range map[string]struct {
		late            time.Duration
		lone            bool
		begun, inFlight bool
		soon            time.Duration // due is no tick, but so long before one
		rechecking      bool
		check           checkKind
		missed          uint32
		gap             time.Duration
		next            time.Duration // after the one that was due
	}{
		"in time":                                  {late: ms, begun: true, check: onTick, next: second},
		"the first of a fleet":                     {late: ms, check: onTick, next: second},
		"with a check in flight":                   {late: ms, begun: true, inFlight: true, missed: 1, next: second},
		"too late":                                 {late: 101 * ms, begun: true, missed: 1, gap: 101 * ms, next: second},
		"too late, with one in flight":             {late: 101 * ms, begun: true, inFlight: true, missed: 1, gap: 101 * ms, next: second},
		"ten seconds late":                         {late: 10 * second, begun: true, missed: 11, gap: 10 * second, next: 11 * second},
		"the first of a fleet, too late":           {late: 2500 * ms, missed: 3, gap: 2500 * ms, next: 3 * second},
		"the first of a lone Monitor, any time":    {late: 5300 * ms, lone: true, check: betweenTicks, next: 6 * second},
		"and no tick nearer than half an interval": {late: 5700 * ms, lone: true, check: betweenTicks, next: 7 * second},
		"the second of a lone Monitor":             {late: 101 * ms, lone: true, begun: true, missed: 1, gap: 101 * ms, next: second},
		"soon after a failure":                     {late: ms, begun: true, soon: 700 * ms, check: betweenTicks, next: 700 * ms},
		"soon, when a greeting is in flight":       {late: ms, begun: true, soon: 700 * ms, inFlight: true, next: 700 * ms},
		"soon, and a tick passed meanwhile":        {late: 90 * ms, begun: true, soon: 50 * ms, check: betweenTicks, next: 1050 * ms},
		"soon, and too late":                       {late: 101 * ms, begun: true, soon: 700 * ms, gap: 101 * ms, next: 700 * ms},
		"soon, and two seconds late":               {late: 2 * second, begun: true, soon: 700 * ms, missed: 2, gap: 2 * second, next: 2700 * ms},
		"a tick during such a check":               {late: ms, begun: true, inFlight: true, rechecking: true, next: second},
	} {
		c := monitoredCP{policy: policy, phase: tt.soon, begun: tt.begun, inFlight: tt.inFlight, soon: tt.soon > 0, rechecking: tt.rechecking}
		check, missed, next := c.tick(due, due+tt.late, tt.lone)
		if check != tt.check || missed != tt.missed || c.stall != tt.gap || c.inFlight != (tt.check != noCheck || tt.inFlight) || !c.begun || c.soon {
			t.Errorf("%s: check %d, missed %d, stall %s, %+v", name, check, missed, c.stall, &c)
		}
		if want := missed * min(uint32(tt.gap), 1); c.stallMissed != want {
			t.Errorf("%s: %d ticks missed by a stall, want %d", name, c.stallMissed, want)
		}
		if got := next - due; got != tt.next {
			t.Errorf("%s: the next tick comes %s after this one, want %s", name, got, tt.next)
		}
	}
}

// TestCompact keeps of each row of dropped checks the last OK and the last failure after it.
func TestCompact(t *testing.T) {
	var q pendingQueue
	for _, word := range strings.Fields("0K 0k 0o 0k 1k 0k 0u 0O 0o 1o 0k 0o 0k 0k 1k 1o") { // small: dropped
		status := map[byte]evcp.Status{'k': evcp.KO, 'o': evcp.OK, 'u': evcp.Unknown}[word[1]|0x20]
		p := newPending(int(word[0]-'0'), evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: status, Response: word}}, evcp.EventID{})
		p.dropped = word[1]&0x20 != 0
		q.add(p)
	}
	q.add(pendingObservation{dropped: true, other: &otherObservation{observation: evcp.Observation{Kind: evcp.Greeted}}})
	q.compact()
	var got []string
	for i := range q.all {
		got = append(got, q.all[i].outcome.Response)
	}
	if want := "0K 0o 0k 0O 0o 0k 1o"; strings.Join(got, " ") != want {
		t.Errorf("left is %v, want %s", got, want)
	}
}

// oneShard is a shard of charge points that nobody runs.
func oneShard(t *testing.T, box *outbox.Outbox, cps ...evcp.CPID) *shard {
	t.Helper()
	o := Options{
		Box: box, Shards: 1, Slept: func() time.Duration { return 0 },
		NewProber: func() (probe.Prober, error) { return probe.New(probe.Portable, probe.Options{}) },
	}
	policy := &evcp.Policy{Fall: 3, Rise: 1, Interval: time.Hour}
	for _, cp := range cps {
		o.Targets = append(o.Targets, Target{Policy: policy, Engine: probe.Target{CP: cp}})
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m.shards[0]
}

func openBox(t *testing.T, o outbox.Options) *outbox.Outbox {
	t.Helper()
	box, err := outbox.Open(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// TestRefusedAfterRestart: a disk that refuses at once leaves the state that the process
// before had kept.
func TestRefusedAfterRestart(t *testing.T) {
	disk, refused := faultdisk.New(t), make(chan uint64, 1)
	box := openBox(t, outbox.Options{VFS: disk.Name(), Refused: func(generation uint64, _ error) { refused <- generation }})
	oneShard(t, box, "A").start(time.Now())
	if err := box.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := box.State("A")
	s := oneShard(t, box, "A")
	disk.Refuse(syscall.EIO)
	s.start(time.Now())
	s.rejudge(<-refused)
	if c := s.cps[0]; box.State("A") != kept || kept.Seq != 1 || c.state.Epoch == kept.Epoch || c.state.Seq != 1 {
		t.Errorf("%+v is kept, and it goes on from %+v", box.State("A"), c.state)
	}
	disk.Before(nil)
	if err := box.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestTickRing compares with a list, whichever slots come, move and go, and however long
// nobody looks.
func TestTickRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r tickRing
		list := map[int]time.Duration{}
		now := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "start"))
		r.collect(now, nil)
		ahead := rapid.OneOf(rapid.Int64Range(0, int64(20*time.Millisecond)), rapid.Int64Range(0, int64(2*time.Second)), rapid.Int64Range(0, int64(time.Minute)))
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			slot := rapid.IntRange(0, 9).Draw(t, "slot")
			switch rapid.IntRange(0, 3).Draw(t, "do") {
			case 0:
				due := now + time.Duration(ahead.Draw(t, "due"))
				r.move(slot, due)
				list[slot] = due
			case 1:
				r.remove(slot)
				delete(list, slot)
			default:
				now += time.Duration(ahead.Draw(t, "pause"))
				for _, slot := range r.collect(now, nil) {
					if due, ok := list[slot]; !ok || due > now || r.due(slot) != due {
						t.Fatalf("%d is collected at %s, due at %s, %t", slot, now, due, ok)
					}
					delete(list, slot)
				}
				for slot, due := range list {
					if due <= now {
						t.Fatalf("%d was due at %s, and is not collected at %s", slot, due, now)
					}
				}
			}
			next, ok := r.next()
			if ok != (len(list) > 0) || r.count != len(list) {
				t.Fatalf("%d are in the ring, next %t; want %d", r.count, ok, len(list))
			}
			if ok && next != slices.Min(slices.Collect(maps.Values(list))) {
				t.Fatalf("next is due at %s, want %v", next, list)
			}
		}
	})
}

// TestWallClock tells a wall clock that was set from a machine that slept. Each is
// reported once.
func TestWallClock(t *testing.T) { bubble.Run(t, wallClockIsFollowed) }

func wallClockIsFollowed(t *testing.T) {
	const ms, hour = time.Millisecond, time.Hour
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
		c := newWallClock(time.Now(), 5*time.Second) // slept before
		c.wall = c.wall.Add(-tt.wall)                // a step of now would move both clocks
		time.Sleep(time.Second)
		now := time.Now()
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

// TestAnInterruptedReadingIsNoStep: a difference of the clocks counts once two readings in a
// row agree on it.
func TestAnInterruptedReadingIsNoStep(t *testing.T) {
	const ms, hour = time.Millisecond, time.Hour
	for _, tt := range []struct {
		readings []time.Duration
		want     time.Duration
	}{
		{[]time.Duration{0, 0}, 0},
		{[]time.Duration{173 * ms, 0, 0}, 0},
		{[]time.Duration{hour, hour}, hour},
		{[]time.Duration{hour, hour + 173*ms, hour, hour}, hour},
	} {
		left := tt.readings[1:]
		got := settled(tt.readings[0], func() time.Duration {
			d := left[0]
			left = left[1:]
			return d
		})
		if got != tt.want || len(left) > 0 {
			t.Errorf("%v: %v, and %d readings are left", tt.readings, got, len(left))
		}
	}
}

// TestAStepIsRecordedForEveryCP sets the wall clock forward by an hour: each of two charge
// points records it once, and what follows is dated by the new time.
func TestAStepIsRecordedForEveryCP(t *testing.T) {
	box := openBox(t, outbox.Options{})
	s := oneShard(t, box, "A", "B")
	s.start(time.Now())
	s.clock.wall = s.clock.wall.Add(-time.Hour)
	for range 2 {
		s.wake(wakeUp{})
	}
	for _, c := range s.cps {
		if off := evcp.StampOf(time.Now()).Sub(c.state.At); c.state.Seq != 2 || off.Abs() > time.Minute {
			t.Errorf("%s: %d events, the last %s ago", c.cp, c.state.Seq, off)
		}
	}
	if err := box.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestAStallIsRecordedAtTheStop: a Monitor that stood still while a check was in flight, and
// stops before that check ends, records the stall.
func TestAStallIsRecordedAtTheStop(t *testing.T) {
	box := openBox(t, outbox.Options{})
	s := oneShard(t, box, "A")
	s.start(time.Now())
	c := s.cps[0]
	c.inFlight, s.inFlight = true, 1
	c.stalled(3*time.Second, 2)
	s.stop()
	if s.meter.stalls != 1 || s.meter.stalledFor != 3*time.Second || c.state.Seq != 3 { // it started, stood still and stopped
		t.Errorf("%d stalls of %s, %d events", s.meter.stalls, s.meter.stalledFor, c.state.Seq)
	}
	if err := box.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPendingIsBounded: while the disk stands still, the queue of what may have to be judged
// again grows no further than the outbox does. When the disk refuses at last, a streak
// that an OK had ended stays ended, and every event that was dropped is reported.
func TestPendingIsBounded(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		disk := faultdisk.New(t)
		refused := make(chan uint64, 1)
		var reported atomic.Uint64
		box := openBox(t, outbox.Options{
			VFS:     disk.Name(),
			Refused: func(generation uint64, _ error) { refused <- generation },
			Observe: func(o evcp.Observation) bool { reported.Add(o.Count); return true },
		})
		s := oneShard(t, box, "OKS", "KOS", "MIXED")
		s.start(time.Now())
		check := func(slot int, status evcp.Status) {
			s.judge(slot, evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: status, Response: "OK"}})
			s.flush()
		}
		pending := func(slot int32) (n int) {
			for i := range s.pending.all {
				if s.pending.all[i].slot == slot {
					n++
				}
			}
			return n
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
		full := len(s.pending.all)
		for range full * 3 / 4 {
			check(0, evcp.OK)
			check(2, evcp.OK) // plain, and dropped
		}
		if got := len(s.pending.all); got > 2*full+compactLeast {
			t.Errorf("%d observations pending, %d when the outbox was full", got, full)
		}
		s.pending.compact()
		if got := pending(2); got > 4 {
			t.Errorf("%d observations of another charge point pending", got)
		}
		check(2, evcp.KO)                         // a fact, and not dropped: the third KO, after OKs
		for dropped := uint64(0); dropped == 0; { // facts are dropped last
			before := box.Stats().Dropped["health_check"]
			check(1, evcp.KO)
			dropped = box.Stats().Dropped["health_check"] - before
		}
		full = len(s.pending.all)
		for range full * 3 / 4 {
			check(1, evcp.KO)
			check(1, evcp.Unknown)
		}
		if got := len(s.pending.all); got > 2*full+compactLeast {
			t.Errorf("%d failures pending, %d when the outbox was full", got, full)
		}
		s.rejudge(<-refused) // after 30 s
		if c := s.cps[2]; c.state.Incident.Open || c.state.Failures != 1 {
			t.Errorf("judged again: %+v", c.state)
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
		for range 2 { // the memory goes once it has turned out to be too much
			s.flush()
			s.pending.removeKept(box.Kept())
			check(0, evcp.OK)
			if err := box.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		}
		s.pending.removeKept(box.Kept())
		if len(s.pending.all) > 0 || cap(s.pending.all) > 1024 {
			t.Errorf("all is kept, and %d observations are pending, with room for %d", len(s.pending.all), cap(s.pending.all))
		}
		resume()
		if err := box.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestIntervalIsTheShortest: a charge point that is checked once an hour hides no standstill of
// those that are checked each second, whoever comes, changes and goes.
func TestIntervalIsTheShortest(t *testing.T) {
	box := openBox(t, outbox.Options{})
	s := oneShard(t, box, "A", "B")
	want := func(when string, interval time.Duration) {
		t.Helper()
		if got := s.m.Interval(); got != interval {
			t.Errorf("%s: %s, want %s", when, got, interval)
		}
	}
	target := func(cp evcp.CPID, interval time.Duration) Target {
		return Target{Policy: &evcp.Policy{Fall: 3, Rise: 1, Interval: interval}, Engine: probe.Target{CP: cp}}
	}
	do := func(c targetCommand) {
		c.handle, c.done = box.Handle(c.target.Engine.CP), make(chan error, 1)
		s.do(&c)
	}
	want("two of an hour, before the start", time.Hour)
	s.start(time.Now())
	want("two of an hour", time.Hour)
	do(targetCommand{verb: change, slot: 1, target: target("B", time.Second)})
	want("one of them changes", time.Second)
	if _, err := s.m.reserve("C", 1); err != nil {
		t.Fatal(err)
	}
	do(targetCommand{verb: adopt, target: target("C", time.Minute)})
	want("one comes", time.Second)
	do(targetCommand{verb: release, slot: 1, target: target("B", 0), reason: "removed"})
	want("the one of a second goes", time.Minute)
	do(targetCommand{verb: change, slot: 2, target: target("C", 2*time.Hour)})
	want("the one of a minute changes", time.Hour)
	if err := box.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
