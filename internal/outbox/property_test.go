package outbox

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/faultdisk"
)

// listModel is the simplest outbox: a list, and a position in it for
// each reader.
type listModel struct {
	lines     []string // everything kept or appended
	kept      int      // so many are known to be kept
	delivered int      // Kafka has so many
	handedOut int      // so many were handed out
}

// boxModel is an outbox beside the list that it must equal; rapid calls its methods.
type boxModel struct {
	*testBox
	listModel
	rt   *rapid.T
	temp func() string // a new folder
	cur  *Cursor
}

// Whatever order appends, commits, deliveries, crashes and restarts come in: the
// readers get what a list would give them, the state is the fold of it, and a
// crash takes nothing that was kept and leaves a prefix.
func TestLikeAList(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := &boxModel{rt: rt, temp: t.TempDir, testBox: newTestBox(rt, t.TempDir(), Options{SyncEvery: time.Hour})}
		l.cur = l.box.Cursor(Kafka)
		defer func() { l.close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"append":  l.append,
			"flush":   func(*rapid.T) { l.flush(); l.kept = len(l.lines) },
			"take":    func(*rapid.T) { l.take() },
			"deliver": l.deliver,
			"rewind":  func(*rapid.T) { l.cur.Rewind(); l.handedOut = l.delivered },
			"restart": func(*rapid.T) { l.restart() },
			"crash":   l.crash,
			"":        func(*rapid.T) { l.look() },
		})
	})
}

func (l *boxModel) append(rt *rapid.T) {
	for range rapid.IntRange(1, 40).Draw(rt, "batches") {
		outcome := ok()
		if rapid.IntRange(0, 9).Draw(rt, "ko") == 0 {
			outcome = ko()
		}
		l.check(cpNumber(rapid.IntRange(0, 3).Draw(rt, "cp")), outcome)
	}
	l.lines = l.written
}

// take hands out everything that is kept.
func (l *boxModel) take() {
	l.flush()
	l.kept = len(l.lines)
	got, _ := l.readAll(l.cur)
	equal(l.rt, "handed out", got, l.lines[l.handedOut:])
	l.handedOut = len(l.lines)
}

// deliver moves the cursor over some of what was handed out.
func (l *boxModel) deliver(rt *rapid.T) {
	if len(l.cur.out) == 0 {
		return
	}
	n := rapid.IntRange(1, len(l.cur.out)).Draw(rt, "runs")
	for _, run := range l.cur.out[:n] {
		l.delivered += run.Count
	}
	l.cur.Advance(l.cur.out[n-1].ID)
}

func (l *boxModel) restart() {
	l.reopen()
	l.kept, l.handedOut = len(l.lines), l.delivered
	l.cur = l.box.Cursor(Kafka)
}

// crash goes on with the files as they were at some moment.
func (l *boxModel) crash(rt *rapid.T) {
	dir, kept := l.temp(), l.kept
	copyFiles(rt, l.dir, dir)
	l.close()
	l.dir = dir
	l.open()
	l.cur = l.box.Cursor(Kafka)
	all := l.everything()
	if len(all) < kept {
		rt.Fatalf("%d lines survived, %d were kept", len(all), kept)
	}
	if !slices.Equal(all, l.lines[:len(all)]) {
		rt.Fatal("what survived is not a prefix")
	}
	pending, _ := l.cur.Pending()
	if back := len(all) - int(pending); back > l.delivered {
		rt.Fatalf("the crash delivered %d events of %d", back, l.delivered)
	} else {
		l.delivered, l.handedOut = back, back
	}
	l.lines, l.written, l.kept = l.lines[:len(all)], l.written[:len(all)], len(all)
}

// everything reads with a cursor of its own.
func (l *boxModel) everything() []string {
	c := &Cursor{o: l.box, name: "everything", wake: make(chan struct{}, 1)}
	got, _ := l.readAll(c)
	return got
}

// look compares what can be seen at any time.
func (l *boxModel) look() {
	if l.kept == len(l.lines) {
		pending, _ := l.cur.Pending()
		if want := len(l.lines) - l.delivered; int(pending) != want {
			l.rt.Fatalf("pending %d, want %d", pending, want)
		}
		for cp, want := range foldLines(l.rt, l.lines) {
			if got := l.box.State(cp); got != want {
				l.rt.Fatalf("%s is %+v, want %+v", cp, got, want)
			}
		}
	}
}

// The process may be killed before any write of SQLite (between the first checks and the last
// ones, before any sixth of them): each time a prefix is left, with everything in it that was kept. The machine may go down there too:
// then what was synced is left, and that holds every fact that was kept.
func TestCrashAtEveryWrite(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name(), Keep: 8 << 10})
	type moment struct {
		process, power string
		kept           uint64
	}
	const checks = 150 // the first snapshot comes after 128
	var moments []moment
	var check atomic.Int64
	d.Before(func(op faultdisk.Op, file string) error {
		if n := check.Load(); n > 20 && n < 120 && rand.IntN(6) > 0 { // one check leaves files like another's
			return nil
		}
		m := moment{process: t.TempDir(), power: t.TempDir(), kept: w.box.Kept()}
		copyFiles(t, w.dir, m.process)
		if err := d.CutPower(m.power); err != nil {
			t.Error(err)
		}
		moments = append(moments, m)
		return nil
	})
	ends := []int{0} // ticket → lines
	c := w.box.Cursor(Kafka)
	for i := range checks {
		check.Store(int64(i))
		w.check(cpNumber(i%2), []evcp.Outcome{ok(), ok(), ok(), ko()}[i%4])
		ends = append(ends, len(w.written))
		w.flush()
		if _, last := w.readAll(c); i%3 == 0 {
			c.Advance(last)
		}
	}
	d.Before(nil)
	w.close()
	t.Logf("%d moments", len(moments))
	fast := faultdisk.New(t) // this machine does not go down any more
	fast.NoSync()
	for _, m := range moments {
		survived(t, w, m.process, fast.Name(), ends[m.kept])
		facts := ends[m.kept]
		for facts > 0 && Line(w.written[facts-1]).Plain() {
			facts--
		}
		survived(t, w, m.power, fast.Name(), facts)
	}
}

// survived opens what a crash left and holds it to the promise.
func survived(t *testing.T, w *testBox, dir, vfs string, atLeast int) {
	t.Helper()
	v := newTestBox(t, dir, Options{VFS: vfs})
	defer v.close()
	var seqs int
	for cp, s := range foldLines(t, w.written) {
		got := v.box.State(cp)
		if got.Seq > s.Seq {
			t.Fatalf("%s: %d of %d", cp, got.Seq, s.Seq)
		}
		seqs += int(got.Seq)
	}
	if seqs < atLeast {
		t.Fatalf("%s: %d events survived, want at least %d", dir, seqs, atLeast)
	}
	for cp, want := range foldLines(t, w.written[:seqs]) {
		if got := v.box.State(cp); got != want {
			t.Fatalf("%s: after %d events %s is %+v, want %+v", dir, seqs, cp, got, want)
		}
	}
}

// A disk may also fail at any write; whatever it was, what was kept before is
// handed out, and then what was judged again.
func TestFailureAtEveryWrite(t *testing.T) {
	for at := range 40 {
		d := faultdisk.New(t)
		w := newTestBox(t, t.TempDir(), Options{VFS: d.Name(), probeEvery: time.Hour})
		w.check("CP_001", ok())
		w.flush()
		n := 0
		d.Before(func(faultdisk.Op, string) error {
			if n++; n > at {
				return syscall.EIO
			}
			return nil
		})
		kept := slices.Clone(w.written)
		for range 10 {
			before, tried := w.box.Kept(), w.written
			ticket := w.check("CP_001", ko())
			eventually(t, "a commit or a refusal", func() bool { return w.box.Kept() >= ticket || w.refusals() > 0 })
			if w.refusals() > 0 && w.box.Kept() == before {
				w.written = tried
				break
			}
			kept = slices.Clone(w.written)
		}
		if w.refusals() > 0 {
			w.written = nil
			w.rejudge([]evcp.Observation{checked(ko())})
			w.flush()
			kept = append(kept, w.written...)
		}
		got, _ := w.readAll(w.box.Cursor(Kafka))
		equal(t, "lines", got, kept)
		d.Before(nil)
		w.close()
	}
}
