package outbox

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"evcp"
	"evcp/internal/faultdisk"
)

// newBoxInMemory is an outbox whose disk has refused, with some events on the disk and
// some in memory.
func newBoxInMemory(t *testing.T, options Options) (*faultdisk.Disk, *testBox) {
	t.Helper()
	d := faultdisk.New(t)
	options.VFS = d.Name()
	w := newTestBox(t, t.TempDir(), options)
	w.check("CP_001", ok())
	w.flush()
	kept := slices.Clone(w.written)
	d.Refuse(syscall.EIO)
	w.check("CP_001", ko())
	eventually(t, "a refusal", func() bool { return w.refusals() == 1 })
	w.written = nil
	w.rejudge([]evcp.Observation{checked(ko())})
	w.flush()
	w.written = append(kept, w.written...)
	return d, w
}

func (w *testBox) hasRecovered() bool { return w.box.Stats().RefusedSince.IsZero() }

// A disk that stands still on the way back to it holds nothing up for longer than a
// commit may take, and is gone back to all the same. What it took when nobody
// believed in it any more is there once.
func TestDiskStandsStillDuringMigration(t *testing.T) {
	d, w := newBoxInMemory(t, Options{stuckAfter: 100 * time.Millisecond, probeEvery: 5 * time.Millisecond})
	release := make(chan struct{})
	var tried atomic.Bool
	d.Before(func(op faultdisk.Op, file string) error {
		if strings.HasSuffix(file, "-wal") {
			if tried.Load() {
				<-release
			}
			tried.Store(tried.Load() || op == "sync") // the trial itself goes well
		}
		return nil
	})
	eventually(t, "a trial", tried.Load)
	for range 3 {
		ticket := w.check("CP_001", ko())
		eventually(t, "what came meanwhile", func() bool { return w.box.Kept() >= ticket })
	}
	close(release)
	eventually(t, "the disk", w.hasRecovered)
	w.check("CP_001", ok())
	w.flush()
	got, last := w.readAll(w.box.Cursor(Kafka))
	equal(t, "lines", got, w.written)
	want := w.states["CP_001"]
	w.reopen()
	defer w.close()
	if o := w.box.OpenResult(); o.Renumber || w.box.State("CP_001") != want {
		t.Errorf("open result %+v, state %+v, want %+v", o, w.box.State("CP_001"), want)
	}
	c := w.box.Cursor(Kafka)
	got, again := w.readAll(c)
	equal(t, "lines after a restart", got, w.written)
	if last != again {
		t.Errorf("the last run was %d and is %d", last, again)
	}
}

// Close waits for a move that is under way.
func TestCloseDuringMigration(t *testing.T) {
	for _, patience := range []time.Duration{time.Hour, 20 * time.Millisecond} {
		d, w := newBoxInMemory(t, Options{stuckAfter: patience, probeEvery: 5 * time.Millisecond})
		release := make(chan struct{})
		var waits atomic.Bool
		d.Before(func(op faultdisk.Op, file string) error { waits.Store(true); <-release; return nil })
		eventually(t, "a trial", waits.Load)
		w.check("CP_001", ko())
		closed := make(chan struct{})
		go func() { defer close(closed); w.close() }()
		close(release)
		<-closed
		w.open()
		got, _ := w.readAll(w.box.Cursor(Kafka))
		equal(t, "lines", got, w.written)
		if o := w.box.OpenResult(); o.Renumber {
			t.Errorf("open result %+v", o)
		}
		w.close()
	}
}

// Readers go on while the disk comes and goes, in order, and miss nothing.
func TestReadingWhileTheDiskComesAndGoes(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name(), probeEvery: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan []string)
	go func() {
		c := w.box.Cursor(Kafka)
		var all []string
		for n := 1; ; n++ {
			run, err := c.Next(ctx)
			if err != nil {
				got <- all
				return
			}
			for line := range run.Each() {
				all = append(all, string(line))
			}
			if n%3 == 0 {
				c.Rewind() // and it comes again
			} else {
				c.Advance(run.ID)
			}
		}
	}()
	var kept []string
	for i := range 20 {
		w.written = nil
		w.check("CP_001", ok())
		w.flush()
		kept = append(kept, w.written...)
		w.written = nil
		d.Refuse(syscall.ENOSPC)
		w.check("CP_001", ko())
		eventually(t, "a refusal", func() bool { return w.refusals() == i+1 })
		w.rejudge([]evcp.Observation{checked(ko())})
		w.flush()
		kept = append(kept, w.written[1:]...)
		d.Before(nil)
		eventually(t, "the disk", w.hasRecovered)
	}
	eventually(t, "the reader", func() bool { n, _ := w.box.Cursor(Kafka).Pending(); return n == 0 })
	cancel()
	all := <-got
	slices.Sort(all)
	slices.Sort(kept)
	equal(t, "lines", slices.Compact(all), kept)
	w.close()
}

// A drop that an event covered while the disk refused is not reported again, and another
// one is.
func TestDropsAcrossMigration(t *testing.T) {
	d, w := newBoxInMemory(t, Options{probeEvery: time.Hour})
	if err := w.box.currentCommitter().store.WithLock(func() error {
		return w.box.currentCommitter().store.saveDrops(dropSet{numberingKey{"CP_001", 7}: dropRange{"CP_001", 7, 1, 2, 2, 1, reasonFull}})
	}); err != nil {
		t.Fatal(err)
	}
	d.Before(nil)
	run(t, w.box.path(), `PRAGMA busy_timeout=20000; INSERT INTO drops VALUES ('CP_001', 5, 10, 20, 3, 'outbox full', 0), ('CP_001', 6, 1, 2, 2, 'outbox full', 0)`)
	w.observe(evcp.Observation{CP: "CP_001", Kind: evcp.Dropped, DroppedEpoch: 5, From: 10, To: 20, Count: 3, Reason: reasonFull})
	w.close()
	equal(t, "noted", query(t, w.dir, `SELECT epoch, count FROM drops ORDER BY epoch`), []string{"6|2", "7|2"})
}
