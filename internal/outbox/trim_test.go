package outbox

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"evcp"
)

// many appends n rounds of checks, commit by commit.
func (w *testBox) many(n, cps int, outcome func(round int) evcp.Outcome) {
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

// deliverAll takes and delivers what there is.
func (w *testBox) deliverAll() []string {
	c := w.box.Cursor(Kafka)
	got, last := w.rest(c)
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
		w.many(80, 4, alwaysOK)
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
		t.Errorf("%d drops told; all was delivered", n)
	}
}

// An outbox that is full gives up the oldest plain OKs and says so: every number
// that is missing is covered by a drop, no fact is among them, and the file stays
// within its bound.
func TestFull(t *testing.T) {
	const limit = 8 * mib
	w := newTestBox(t, t.TempDir(), Options{MaxSize: limit})
	kept := map[string]bool{}
	for range 30 {
		w.many(200, 8, func(round int) evcp.Outcome {
			if round%50 == 0 {
				return ko()
			}
			return ok()
		})
		if n := w.fileSize(); n > limit {
			t.Fatalf("the file takes %d bytes of %d", n, limit)
		}
	}
	w.close() // the keeper may still be at it; what it gives up is settled only now
	stats := w.box.Stats()
	w.open()
	c := w.box.Cursor(Kafka)
	pending, _ := c.Pending()
	got, last := w.rest(c)
	if int(pending) != len(got) {
		t.Errorf("pending %d, found %d", pending, len(got))
	}
	for _, line := range got {
		kept[line] = true
	}
	w.close()
	missing := 0
	for _, line := range w.written {
		if kept[line] {
			continue
		}
		missing++
		if l := Line(line); !l.Plain() {
			t.Fatalf("a fact is missing: %s", line)
		}
	}
	if missing == 0 || stats.Dropped["health_check"] != uint64(missing) {
		t.Errorf("%d missing, counted %v", missing, stats.Dropped)
	}
	w.coveredBy(t, kept)
	w.open()
	defer w.close()
	if n, _ := w.box.Cursor(Kafka).Pending(); n != pending {
		t.Errorf("after a restart pending is %d, want %d", n, pending)
	}
	w.box.Cursor(Kafka).Rewind()
	if again, _ := w.rest(w.box.Cursor(Kafka)); !slices.Equal(again, got) {
		t.Errorf("after a restart come %d lines, want %d", len(again), len(got))
	}
	w.box.Cursor(Kafka).Advance(last)
}

// coveredBy checks that what is missing was told, or is noted in the file for the
// next life to tell.
func (w *testBox) coveredBy(t *testing.T, kept map[string]bool) {
	t.Helper()
	told := dropSet{}
	for _, row := range query(t, w.dir, `SELECT cp, from_seq, to_seq, count, epoch FROM drops`) {
		f := strings.Split(row, "|")
		told.add(dropRange{cp: evcp.CPID(f[0]), epoch: int64(number(f[4])), from: number(f[1]), to: number(f[2]), count: number(f[3])})
	}
	missing := dropSet{}
	for _, line := range w.written {
		if !kept[line] {
			l := Line(line)
			missing.add(dropRange{cp: evcp.CPID(l.CP()), epoch: l.ID().Epoch, from: l.ID().Seq, to: l.ID().Seq, count: 1})
		}
	}
	for n, d := range missing {
		if got := told[n]; got != d {
			t.Errorf("%s: noted %+v, missing %+v", d.cp, got, d)
		}
	}
	if len(w.dropped) == 0 {
		t.Error("nothing was told")
	}
}

func number(s string) (n uint64) {
	for _, c := range s {
		n = n*10 + uint64(c-'0')
	}
	return n
}

// A drop is told again in the next life, until an event tells it.
func TestDropsAreToldUntilKept(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	w.check("CP_001", ok())
	w.close()
	run(t, filepath.Join(w.dir, fileName), `INSERT INTO drops VALUES ('CP_001', 5, 10, 20, 3, 'outbox full')`)
	for range 2 {
		w.open()
		w.dropped = nil
		w.check("CP_001", ok())
		eventually(t, "a drop", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.dropped) == 1 })
		if d := w.dropped[0]; d != (dropRange{"CP_001", 5, 10, 20, 3, reasonFull}) {
			t.Errorf("told %+v", d)
		}
		w.close()
	}
	for _, told := range []struct {
		epoch int64
		left  int
	}{{w.states["CP_001"].Epoch, 1}, {5, 0}} {
		w.open()
		w.observe(evcp.Observation{CP: "CP_001", Kind: evcp.Dropped, DroppedEpoch: told.epoch, From: 10, To: 20, Count: 3, Reason: reasonFull})
		w.close()
		if rows := query(t, w.dir, `SELECT * FROM drops`); len(rows) != told.left {
			t.Errorf("epoch %d told, and %v is noted", told.epoch, rows)
		}
	}
}

// With nothing but facts left, the oldest facts go.
func TestFullOfFacts(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{MaxSize: 4 * mib})
	w.many(2000, 8, func(int) evcp.Outcome { return ko() })
	w.many(1000, 8, alwaysOK)
	if n := w.fileSize(); n > 4*mib {
		t.Errorf("the file takes %d bytes", n)
	}
	got, _ := w.rest(w.box.Cursor(Kafka))
	if n := len(got); n == 0 || got[n-1] != w.written[len(w.written)-1] {
		t.Errorf("%d lines are left, and not the newest", n)
	}
	w.close()
}

// What waits for Central only is thinned to what Central needs, and stays.
func TestCentralIsAway(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{Keep: 64 << 10})
	defer func() { w.close() }()
	for range 3 {
		w.check("CP_001", ko())
	}
	for range 10 {
		w.many(80, 4, alwaysOK)
		w.deliverAll()
	}
	w.close()
	w.open()
	if f := w.facts(1); f[0].Event.Action != evcp.EngineFailed || f[0].Event.CP != "CP_001" {
		t.Errorf("%+v", f)
	}
}

// While the disk stands still, what waits is bounded: plain OKs are given up
// first. It is told once the disk is back.
func TestSlowDiskIsBounded(t *testing.T) {
	d := newDisk(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.name})
	release := make(chan struct{})
	d.hook(func(string, string) error { <-release; return nil })
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
	d.hook(nil)
	close(release)
	eventually(t, "the disk", func() bool { return w.box.Kept() == fact })
	eventually(t, "a drop", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.dropped) == 1 })
	if got := w.dropped[0]; got.count != 10 || got.to-got.from != 9 || got.to+1 != w.states["CP_001"].Seq || got.reason != reasonStuck {
		t.Errorf("told %+v", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.box.Flush(ctx); err != nil {
		t.Errorf("nothing waits, and Flush says %v", err)
	}
	w.close()
}
