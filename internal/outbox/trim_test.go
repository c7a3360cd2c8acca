package outbox

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"evcp"
	"evcp/internal/faultdisk"
)

// checkMany appends n rounds of checks, commit by commit.
func (w *testBox) checkMany(n, cps int, outcome func(round int) evcp.Outcome) {
	for round := range n {
		for cp := range cps {
			w.check(cpNumber(cp), outcome(round))
		}
		if round%8 == 7 {
			w.flush()
		}
	}
	w.flush()
}

func alwaysOK(int) evcp.Outcome { return ok() }

// wordyOK is an OK whose lines the file holds as they are.
func wordyOK(int) evcp.Outcome {
	return evcp.Outcome{Status: evcp.OK, Response: "ok", Latency: time.Millisecond}
}

// deliverAll takes and delivers what there is.
func (w *testBox) deliverAll() []string {
	c := w.box.Cursor(Kafka)
	got, last := w.readAll(c)
	c.Advance(last)
	return got
}

// fileSize is what the outbox takes on the disk.
func (w *testBox) fileSize() (n int64) {
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(w.dir, fileName+suffix)); err == nil {
			n += info.Size()
		}
	}
	return n
}

// Delivered events are kept for looking back, and not for ever. No number of a
// charge point is lost with them.
func TestKeep(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{Keep: 256 << 10})
	w.check("QUIET", ok()) // its one event is the first to go
	quiet := w.states["QUIET"]
	for range 30 {
		w.checkMany(80, 4, wordyOK)
		w.deliverAll()
	}
	last := w.states[cpNumber(0)]
	w.close()
	rows := query(t, w.dir, `SELECT sum(length(body)) BETWEEN 250000 AND 2000000, count(*) > 10 FROM runs`)
	if rows[0] != "1|1" {
		t.Errorf("kept: %s", query(t, w.dir, `SELECT sum(length(body)), count(*), min(id), max(id) FROM runs`))
	}
	w.open()
	defer w.close()
	if w.box.State("QUIET") != quiet || w.box.State(cpNumber(0)) != last {
		t.Errorf("QUIET is %+v", w.box.State("QUIET"))
	}
	if n := len(w.dropped); n != 0 {
		t.Errorf("%d drops reported; all was delivered", n)
	}
}

// An outbox that is full gives up the oldest plain OKs and reports them: every number
// that is missing is covered by a drop, no fact is among them, and the file stays
// within its bound.
func TestFull(t *testing.T) {
	const limit = 8 * mib
	w := newTestBox(t, t.TempDir(), Options{MaxSize: limit})
	for range 30 {
		w.checkMany(200, 8, func(round int) evcp.Outcome {
			if round%50 == 0 {
				return ko()
			}
			return wordyOK(round)
		})
		if n := w.fileSize(); n > limit {
			t.Fatalf("the file takes %d bytes of %d", n, limit)
		}
	}
	got, missing := w.dropsAreReported(t)
	for _, line := range missing {
		if !Line(line).Plain() {
			t.Fatalf("a fact is missing: %s", line)
		}
	}
	w.open()
	defer w.close()
	c := w.box.Cursor(Kafka)
	if n, _ := c.Pending(); int(n) != len(got) {
		t.Errorf("after a restart pending is %d, want %d", n, len(got))
	}
	again, last := w.readAll(c)
	if !slices.Equal(again, got) {
		t.Errorf("after a restart come %d lines, want %d", len(again), len(got))
	}
	c.Advance(last)
}

// dropsAreReported closes the outbox and compares three lists: the events that are
// missing, the counters in Stats, and the drops that the next process reports. It answers
// with the events that are left and those that are missing, and leaves the outbox closed.
func (w *testBox) dropsAreReported(t *testing.T) (left, missing []string) {
	t.Helper()
	w.close() // the committer may still be trimming: what it gives up is final only now
	stats := w.box.Stats()
	w.open()
	c := w.box.Cursor(Kafka)
	pending, _ := c.Pending()
	left, _ = w.readAll(c)
	if int(pending) != len(left) {
		t.Errorf("pending %d, found %d", pending, len(left))
	}
	w.close()
	kept := map[string]bool{}
	for _, line := range left {
		kept[line] = true
	}
	counted, dropped := map[string]uint64{}, dropSet{}
	for _, line := range w.written {
		if !kept[line] {
			missing = append(missing, line)
			counted[Line(line).Action().String()]++
			l := Line(line)
			dropped.addEvent(evcp.CPID(l.CP()), l.ID(), !l.Plain(), reasonFull)
		}
	}
	if len(missing) == 0 || !maps.Equal(counted, stats.Dropped) {
		t.Errorf("missing %v, counted %v", counted, stats.Dropped)
	}
	if first := w.drops(); len(first) == 0 {
		t.Error("nothing was reported while it was dropped")
	}
	if got := w.dropsOfTheNextProcess(t); !slices.Equal(got, dropped.sorted()) {
		t.Errorf("reported %+v\nmissing %+v", got, dropped.sorted())
	}
	return left, missing
}

// dropsOfTheNextProcess are the drops that a copy of the folder reports.
func (w *testBox) dropsOfTheNextProcess(t *testing.T) []dropRange {
	t.Helper()
	dir := t.TempDir()
	copyFiles(t, w.dir, dir)
	next := newTestBox(t, dir, Options{})
	next.check("CP_LAST", ok()) // reports wait for the first Append
	eventually(t, "the reports", func() bool { return len(next.drops()) > 0 })
	next.close()
	all := dropSet{}
	for _, d := range next.drops() {
		all.add(d)
	}
	return all.sorted()
}

// A drop is reported again after each restart, until an event covers it.
func TestDropsAreReportedUntilKept(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	w.check("CP_001", ok())
	w.close()
	run(t, filepath.Join(w.dir, fileName), `INSERT INTO drops VALUES ('CP_001', 5, 10, 20, 3, 'outbox full', 2)`)
	for range 2 {
		w.open()
		w.dropped = nil
		w.check("CP_001", ok())
		eventually(t, "a drop", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.dropped) == 1 })
		if d := w.dropped[0]; d != (dropRange{"CP_001", 5, 10, 20, 3, 2, reasonFull}) {
			t.Errorf("reported %+v", d)
		}
		w.close()
	}
	for _, covered := range []struct {
		epoch int64
		left  int
	}{{w.states["CP_001"].Epoch, 1}, {5, 0}} {
		w.open()
		w.observe(evcp.Observation{CP: "CP_001", Kind: evcp.Dropped, DroppedEpoch: covered.epoch, From: 10, To: 20, Count: 3, Reason: reasonFull})
		w.close()
		if rows := query(t, w.dir, `SELECT * FROM drops`); len(rows) != covered.left {
			t.Errorf("epoch %d reported, and %v is noted", covered.epoch, rows)
		}
	}
}

// With nothing but facts left, the oldest facts go.
func TestFullOfFacts(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{MaxSize: 4 * mib})
	w.checkMany(2000, 8, func(int) evcp.Outcome { return ko() })
	w.checkMany(1000, 8, alwaysOK)
	if n := w.fileSize(); n > 4*mib {
		t.Errorf("the file takes %d bytes", n)
	}
	got, missing := w.dropsAreReported(t)
	if n := len(got); n == 0 || got[n-1] != w.written[len(w.written)-1] {
		t.Errorf("%d lines are left, and not the newest", n)
	}
	if !slices.ContainsFunc(missing, func(line string) bool { return !Line(line).Plain() }) {
		t.Error("no fact had to go")
	}
}

// What waits for Central only is thinned to what Central needs, and stays.
func TestCentralIsAway(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{Keep: 64 << 10})
	defer func() { w.close() }()
	for range 3 {
		w.check("CP_001", ko())
	}
	for range 10 {
		w.checkMany(80, 4, wordyOK)
		w.deliverAll()
	}
	w.close()
	w.open()
	if f := w.facts(1); f[0].Action != evcp.EngineFailed || int(f[0].Handle) != w.box.Handle("CP_001") {
		t.Errorf("%+v", f)
	}
}

// Plain OKs that go from a row change no place of a fact in it: what is not settled comes again.
func TestPlacesOfFactsInAFullBox(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name(), MaxSize: 4 * mib})
	defer func() { w.close() }()
	resume := d.Stall()
	for range 30 {
		w.check("CP_001", ok())
	}
	for _, cp := range []evcp.CPID{"CP_001", "CP_002"} {
		for range 3 {
			w.check(cp, ko())
		}
	}
	resume()
	w.flush()
	facts := w.facts(2)
	if facts[0].Pos>>20 != facts[1].Pos>>20 {
		t.Fatalf("in two rows: %+v", facts)
	}
	w.box.Facts().Settle(facts[0].Pos, 1)
	for w.box.Stats().Dropped["health_check"] < 500 {
		w.checkMany(100, 8, wordyOK)
	}
	w.reopen()
	if again := w.facts(1); again[0].Pos != facts[1].Pos || again[0].Incident != facts[1].Incident {
		t.Errorf("%+v, want %+v", again, facts[1])
	}
}

// While the disk stands still, what waits is bounded: plain OKs are given up
// first. They are reported once the disk works again.
func TestSlowDiskIsBounded(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name()})
	resume := d.Stall()
	w.check("CP_001", ko())
	var last uint64
	for w.box.Stats().Dropped["health_check"] < 10 {
		last = w.check("CP_001", ok())
		w.written = w.written[:0]
	}
	if waiting := w.box.Stats().Waiting; waiting > plainWaiting+1024 {
		t.Errorf("%d bytes wait", waiting)
	}
	fact := w.check("CP_001", ko())
	if fact != last+1 {
		t.Errorf("ticket %d after %d", fact, last)
	}
	resume()
	eventually(t, "the disk", func() bool { return w.box.Kept() == fact })
	eventually(t, "a drop", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.dropped) == 1 })
	if got := w.dropped[0]; got.count != 10 || got.to-got.from != 9 || got.to+1 != w.states["CP_001"].Seq || got.reason != reasonStuck {
		t.Errorf("reported %+v", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.box.Flush(ctx); err != nil {
		t.Errorf("nothing waits, and Flush says %v", err)
	}
	w.close()
}

// A batch of several charge points: while too much waits, only the judgements without a fact
// are given up, and the State of each goes on all the same.
func TestABatchIsGivenUpInPart(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name()})
	resume := d.Stall()
	w.check("CP_001", ko())
	for w.box.Stats().Dropped["health_check"] == 0 {
		w.check("CP_001", ok())
	}
	b := Batch{Generation: 1}
	for i, outcome := range []evcp.Outcome{ok(), ko(), ok()} {
		var s evcp.State
		s, b.Events = policy.Next(s, evcp.Observation{CP: cpNumber(i + 2), Kind: evcp.Checked, At: w.at, Outcome: outcome}, b.Events)
		b.Judged = append(b.Judged, Judged{Handle: w.box.Handle(cpNumber(i + 2)), Events: 1, State: s})
	}
	a := w.box.Append(b)
	for i, want := range []bool{true, false, true} {
		if b.Judged[i].Dropped != want || !a.Dropped {
			t.Errorf("judgement %d of the batch: dropped %t", i, b.Judged[i].Dropped)
		}
	}
	resume()
	eventually(t, "the disk", func() bool { return w.box.Kept() == a.Ticket })
	for i := range b.Judged {
		if got := w.box.StateAt(b.Judged[i].Handle); got != b.Judged[i].State {
			t.Errorf("after the batch %s is %+v", cpNumber(i+2), got)
		}
	}
	got, _ := w.readAll(w.box.Cursor(Kafka))
	if last := string(b.Events[1].AppendJSON(nil)); got[len(got)-1] != last {
		t.Errorf("the last line is %s, want %s", got[len(got)-1], last)
	}
	w.close()
}
