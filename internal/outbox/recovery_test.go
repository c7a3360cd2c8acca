package outbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"evcp"
	"evcp/internal/faultdisk"
)

// rejudge does what the monitor does after a refusal: everything since the last
// kept ticket is judged again, renumbered, for the new generation.
func (w *testBox) rejudge(observed []evcp.Observation) {
	for cp := range w.states {
		w.states[cp] = w.box.State(cp)
	}
	renumbered := map[evcp.CPID]bool{}
	for _, o := range observed {
		o.Renumber = !renumbered[o.CP]
		renumbered[o.CP] = true
		w.observe(o)
	}
}

func (w *testBox) refusals() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.refused)
}

func checked(outcome evcp.Outcome) evcp.Observation {
	return evcp.Observation{CP: "CP_001", Kind: evcp.Checked, Outcome: outcome}
}

// Every change of mode is one of these; any other event leaves the mode alone.
func TestTransitions(t *testing.T) {
	type change struct {
		from mode
		e    diskEvent
	}
	want := map[change]mode{
		{onDisk, diskRefused}:           inMemory,
		{inMemory, probeDue}:            probing,
		{inMemory, diskRefused}:         inMemory,
		{probing, probeFailed}:          inMemory,
		{probing, probeSucceeded}:       migrating,
		{probing, diskRefused}:          probing,
		{migrating, migrationSucceeded}: onDisk,
		{migrating, migrationFailed}:    inMemory,
		{migrating, migrationLate}:      overdue,
		{migrating, diskRefused}:        overdue,
		{overdue, migrationFailed}:      inMemory,
		{overdue, diskRefused}:          overdue,
	}
	for from := onDisk; from <= overdue; from++ {
		for e := diskRefused; e <= migrationSucceeded; e++ {
			o := &Outbox{mode: from}
			entered := o.transit(e)
			next, listed := want[change{from, e}]
			if entered != listed || listed && o.mode != next || !listed && o.mode != from {
				t.Errorf("mode %d, event %d: mode %d, %t", from, e, o.mode, entered)
			}
		}
		if from.trying() != (from > inMemory) {
			t.Errorf("mode %d: trying is %t", from, from.trying())
		}
	}
}

// Where memory can't be had either, the outbox ends with an error, and says so to all.
func TestNeitherDiskNorMemory(t *testing.T) {
	d := faultdisk.New(t)
	failed := make(chan error, 1)
	noMemory := errors.New("no memory")
	w := newTestBox(t, t.TempDir(), Options{
		VFS: d.Name(), Failed: func(err error) { failed <- err }, openMemory: func() (runStore, error) { return runStore{}, noMemory },
	})
	w.check("CP_001", ok())
	w.flush()
	kept := w.box.Kept()
	d.Refuse(syscall.EIO)
	w.check("CP_001", ko())
	if err := <-failed; !errors.Is(err, noMemory) || !errors.Is(err, errNoStore) {
		t.Errorf("Failed got %v", err)
	}
	if _, _, err := w.box.Facts().Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("a reader got %v", err)
	}
	w.check("CP_001", ko())
	if err := w.box.Flush(t.Context()); !errors.Is(err, ErrClosed) || w.box.Kept() != kept || w.box.Stats().RefusedSince.IsZero() {
		t.Errorf("Flush said %v, kept %d", err, w.box.Kept())
	}
	if err := w.box.Close(t.Context()); !errors.Is(err, noMemory) {
		t.Errorf("Close said %v", err)
	}
	d.Before(nil)
	w.open() // the folder is free
	defer w.close()
	if r := w.box.OpenResult(); r.Found != Resumed || !r.Renumber {
		t.Errorf("found %+v", r)
	}
}

// What was dropped while the disk stood still is reported also when it refuses at last,
// under the epoch that ended with it.
func TestDropsOfADiskThatRefuses(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name(), stuckAfter: time.Hour, probeEvery: time.Hour})
	w.check("CP_001", ok())
	w.flush()
	epoch := w.states["CP_001"].Epoch
	refuse := make(chan struct{}) // until then the disk stands still
	d.Before(func(op faultdisk.Op, _ string) error {
		<-refuse
		if op == faultdisk.Delete {
			return nil
		}
		return syscall.ENOSPC
	})
	for w.box.Stats().Dropped["health_check"] < 10 {
		w.check("CP_001", ok())
		w.written = w.written[:0]
	}
	dropped, last := w.box.Stats().Dropped["health_check"], w.states["CP_001"].Seq
	close(refuse)
	eventually(t, "a refusal", func() bool { return w.refusals() == 1 })
	w.rejudge([]evcp.Observation{checked(ok())})
	w.flush()
	eventually(t, "the report", func() bool { return len(w.drops()) > 0 })
	want := []dropRange{{"CP_001", epoch, last + 1 - dropped, last, dropped, 0, reasonStuck}}
	if got := w.drops(); !slices.Equal(got, want) || w.states["CP_001"].Epoch <= epoch {
		t.Errorf("reported %+v, want %+v", got, want)
	}
	d.Before(nil)
	w.close()
}

// A commit that fails makes everything since the last one void. What is judged
// again is kept in memory, and readers get first what was kept before.
func TestRefusedCommit(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
		t.Run(errno.Error(), func(t *testing.T) { refusedCommit(t, errno) })
	}
}

func refusedCommit(t *testing.T, errno syscall.Errno) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name(), probeEvery: time.Hour})
	w.check("CP_001", ok())
	w.flush()
	kept := slices.Clone(w.written)
	d.Refuse(errno)
	void := w.check("CP_001", ko())
	eventually(t, "a refusal", func() bool { return w.refusals() == 1 })
	if w.refused[0] != 2 || w.box.Generation() != 2 || w.box.Kept() >= void {
		t.Fatalf("generations %v, kept %d of %d", w.refused, w.box.Kept(), void)
	}
	if words := w.why[0].Error(); words == "" || words != w.box.Stats().RefusedWhy || strings.Contains(words, "\n") {
		t.Errorf("said %q", words)
	}
	if w.box.Stats().RefusedSince.IsZero() {
		t.Error("Stats says that all is well")
	}
	w.written = nil
	before := w.box.Kept()
	old := func() Appended { return w.box.Append(batchOf(w.box, 1, []evcp.Event{{CP: "CP_001"}}, evcp.State{})) }
	if a := old(); a != (Appended{Ticket: never, Kept: before}) {
		t.Errorf("an old generation is answered %+v", a)
	}
	w.rejudge([]evcp.Observation{checked(ko())})
	w.flush()
	if a := old(); a.Kept != before || w.box.KeptIn(1) != before || w.box.KeptIn(2) <= before {
		t.Errorf("once more is kept, an old generation is answered %+v", a)
	}
	got, _ := w.readAll(w.box.Cursor(Kafka))
	equal(t, "lines", got, append(kept, w.written...))
	if s := w.box.State("CP_001"); s.Seq != 1 || s.Failures != 1 {
		t.Errorf("state %+v", s)
	}
	d.Before(nil)
	w.close() // the disk works again: nothing is lost
	w.open()
	defer w.close()
	if o := w.box.OpenResult(); o.Found != Resumed || o.Renumber {
		t.Errorf("open result %+v", o)
	}
	got, _ = w.readAll(w.box.Cursor(Kafka))
	equal(t, "lines after a restart", got, append(kept, w.written...))
}

// A disk that never works again takes what was in memory with it, and says so;
// the next process begins new epochs, since numbers were used that it doesn't know.
func TestRefusedForGood(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name(), probeEvery: time.Hour})
	w.check("CP_001", ok())
	w.flush()
	before := w.box.State("CP_001")
	d.Refuse(syscall.EIO)
	w.check("CP_001", ko())
	eventually(t, "a refusal", func() bool { return w.refusals() == 1 })
	w.rejudge([]evcp.Observation{checked(ko())})
	w.flush()
	if err := w.box.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "is lost") {
		t.Errorf("Close said %v", err)
	}
	d.Before(nil)
	w.open()
	defer w.close()
	if o := w.box.OpenResult(); !o.Renumber || !w.box.Renumber(w.box.Handle("CP_001")) || w.box.State("CP_001") != before {
		t.Errorf("open result %+v, state %+v", o, w.box.State("CP_001"))
	}
	if w.box.Renumber(w.box.Handle("CP_009")) {
		t.Error("a charge point that nobody knows has nothing to renumber")
	}
}

// The disk is tried again, and takes over what was kept in memory, in order.
func TestRecovered(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name(), probeEvery: 5 * time.Millisecond})
	c := w.box.Cursor(Kafka)
	for range 3 {
		w.check("CP_001", ok())
		w.flush()
	}
	first := w.next(c)
	c.Advance(first.ID)
	kept := slices.Clone(w.written)
	d.Refuse(syscall.ENOSPC)
	w.check("CP_001", ko())
	eventually(t, "a refusal", func() bool { return w.refusals() == 1 })
	w.written = nil
	w.rejudge([]evcp.Observation{checked(ko()), checked(ko()), checked(ko())})
	w.flush()
	d.Before(nil)
	eventually(t, "the disk", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.recovered) == 1 })
	w.check("CP_001", ok())
	w.flush()
	if n, _ := c.Pending(); n != int64(len(kept)-1+len(w.written)) {
		t.Errorf("pending %d", n)
	}
	got, _ := w.readAll(c)
	equal(t, "lines", got, append(kept[1:], w.written...))
	want := w.states["CP_001"]
	crashed := t.TempDir()
	copyFiles(t, w.dir, crashed)
	w.close()
	v := newTestBox(t, crashed, Options{})
	defer v.close()
	if o := v.box.OpenResult(); o.Renumber || v.box.State("CP_001") != want {
		t.Errorf("open result %+v, state %+v, want %+v", o, v.box.State("CP_001"), want)
	}
	got, _ = v.readAll(v.box.Cursor(Kafka))
	equal(t, "lines after a crash", got, append(kept[1:], w.written...))
}

// A folder that can't be used at all is no reason not to watch. When it can be
// used later, what it knew and what happened since come together.
func TestRefusedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	v := newTestBox(t, dir, Options{})
	for range 4 {
		v.check("CP_001", ok())
		v.flush()
	}
	first := v.next(v.box.Cursor(Kafka))
	v.box.Cursor(Kafka).Advance(first.ID)
	v.close()
	hidden, file, link := dir+".hidden", dir+".file", dir+".link"
	if err := errors.Join(os.Rename(dir, hidden), os.WriteFile(file, nil, 0o600), os.Symlink(file, dir)); err != nil {
		t.Fatal(err)
	}
	w := newTestBox(t, dir, Options{probeEvery: 5 * time.Millisecond})
	defer w.close()
	if o := w.box.OpenResult(); o.Found != Refused || !strings.Contains(o.Why, "not a directory") {
		t.Fatalf("open result %+v", o)
	}
	w.at = evcp.StampOf(time.Now())
	w.check("CP_001", ok())
	w.check("CP_002", ko())
	w.flush()
	c := w.box.Cursor(Kafka)
	sent := w.next(c)
	c.Advance(sent.ID)
	if n := sent.Count; n == 0 {
		t.Error("nothing comes out of memory")
	}
	if err := errors.Join(os.Symlink(hidden, link), os.Rename(link, dir)); err != nil { // at once: a new one is made every 5 ms
		t.Fatal(err)
	}
	eventually(t, "the disk", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.recovered) == 1 })
	got, last := w.readAll(c)
	equal(t, "lines", got, append(v.written[1:], w.written...))
	c.Advance(last)
	if n, _ := c.Pending(); n != 0 {
		t.Errorf("pending %d", n)
	}
}

// A disk that does not answer is given up; nobody ever waited for it but Central,
// for 200 ms.
func TestStuckDisk(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name(), stuckAfter: 300 * time.Millisecond, probeEvery: time.Hour})
	w.check("CP_001", ok())
	w.flush()
	resume := d.Stall()
	for range 3 {
		w.check("CP_001", ko())
	}
	facts := w.facts(1)
	if facts[0].Action != evcp.EngineFailed || w.box.Kept() != 1 {
		t.Errorf("fact %+v while kept is %d", facts[0].Action, w.box.Kept())
	}
	eventually(t, "a refusal", func() bool { return w.refusals() == 1 })
	w.rejudge([]evcp.Observation{checked(ko()), checked(ko()), checked(ko())})
	w.flush()
	if s := w.box.State("CP_001"); s.Failures != 3 || !s.Incident.Open {
		t.Errorf("state %+v", s)
	}
	resume()
	w.close()
}

// A receipt is no news for Central: it comes when it is kept, however slow the disk.
// A failure comes after 200 ms, also behind a receipt.
func TestReceiptsWaitForTheDisk(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name()})
	resume := d.Stall()
	fail := func() {
		for range 3 {
			w.check("CP_001", ko())
		}
	}
	fail()
	w.observe(evcp.Observation{CP: "CP_001", Kind: evcp.FailureReported, Incident: w.states["CP_001"].Incident.ID})
	w.check("CP_001", ok())
	fail()
	facts, _, _ := w.box.Facts().take(time.Now().Add(slowDisk))
	if got := actions(facts); !slices.Equal(got, []evcp.Action{evcp.EngineFailed, evcp.EngineRecovered, evcp.EngineFailed}) {
		t.Errorf("while the disk stands still: %v", got)
	}
	resume()
	w.flush()
	facts, _ = w.box.Facts().Ready()
	if got := actions(facts); !slices.Equal(got, []evcp.Action{evcp.ReportEngineFailure}) {
		t.Errorf("afterwards: %v", got)
	}
	w.close()
}

func actions(facts []Fact) (all []evcp.Action) {
	for _, f := range facts {
		all = append(all, f.Action)
	}
	return all
}

// Close is bounded by its context, whatever the disk does.
func TestCloseIsBounded(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name()})
	resume := d.Stall()
	w.check("CP_001", ko())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := w.box.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	resume()
	w.close()
}

// TestCloseWithoutACheckpoint lets the file stand still once everything is committed to
// its log: what is kept is kept, and Close says so when its time is over.
func TestCloseWithoutACheckpoint(t *testing.T) {
	d := faultdisk.New(t)
	w := newTestBox(t, t.TempDir(), Options{VFS: d.Name()})
	w.check("CP_001", ok())
	w.flush()
	ctx, cancel := context.WithCancel(t.Context())
	resume := make(chan struct{})
	d.Before(func(op faultdisk.Op, file string) error {
		if op == faultdisk.Write && strings.HasSuffix(file, ".db") {
			cancel()
			<-resume
		}
		return nil
	})
	if err := w.box.Close(ctx); err != nil || ctx.Err() == nil {
		t.Errorf("closed with %v; the checkpoint began: %t", err, ctx.Err() != nil)
	}
	close(resume)
	<-w.box.currentCommitter().done
}
