package outbox

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/faultdisk"
	"evcp/internal/testbed"
)

// What is appended comes out of a cursor, byte for byte and in order, and State
// says what the events say.
func TestWhatGoesInComesOut(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	defer w.close()
	for i := range 40 {
		w.check(cpNumber(i%3), []evcp.Outcome{ok(), ok(), ko(), ko(), ko()}[i%5])
	}
	w.flush()
	got, _ := w.readAll(w.box.Cursor(Kafka))
	equal(t, "lines", got, w.written)
	for cp, state := range w.states {
		if w.box.State(cp) != state {
			t.Errorf("%s: kept %+v, judged %+v", cp, w.box.State(cp), state)
		}
	}
}

// The caller may use its slice of events again at once.
func TestAppendCopies(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	defer w.close()
	tail := w.box.Tail(8, false)
	state, events := policy.Next(evcp.State{}, evcp.Observation{CP: "CP_001", Kind: evcp.Checked, At: w.at, Outcome: ok()}, nil)
	w.box.Append(batchOf(w.box, 1, events, state))
	events[0] = evcp.Event{CP: "XX", Action: evcp.MonitorStopped}
	w.flush()
	if run := w.next(w.box.Cursor(Kafka)); !strings.Contains(string(run.appendLines(nil)), `"cp_id":"CP_001"`) {
		t.Errorf("kept %s", run.body)
	}
	if batch := <-tail.C; batch[0].CP != "CP_001" {
		t.Errorf("tail shows %+v", batch[0])
	}
}

// Nothing is shown before it is kept, and a ticket says when. The first OK after a
// long quiet is kept at once; those that follow soon wait.
func TestTicketsAndTail(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{SyncEvery: time.Hour})
	defer w.close()
	tail := w.box.Tail(8, false)
	next := func(want int) {
		t.Helper()
		if batch := <-tail.C; len(batch) != want {
			t.Fatalf("tail shows %d events, want %d", len(batch), want)
		}
	}
	w.check("CP_001", ok())
	next(1)
	kept := w.box.State("CP_001")
	first := w.check("CP_001", ok())
	second := w.check("CP_001", ok())
	if second != first+1 || w.box.Kept() >= first {
		t.Fatalf("tickets %d, %d; kept %d", first, second, w.box.Kept())
	}
	if w.box.State("CP_001") != kept {
		t.Error("a state is shown that is not kept")
	}
	third := w.check("CP_001", ko()) // a fact takes the waiting OKs along
	next(3)
	if w.box.Kept() != third {
		t.Errorf("kept %d, want %d", w.box.Kept(), third)
	}
}

// Failed checks of many charge points share commits, and wait for no plain OK's turn.
func TestFailedChecksShareCommits(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{SyncEvery: time.Hour})
	defer w.close()
	w.check("CP_000", ok())
	w.flush()
	began, commits := time.Now(), w.box.Stats().Commits
	var ticket uint64
	for i := 0; time.Since(began) < 6*failedCheckWait; i++ {
		ticket = w.check(cpNumber(i), ko())
		time.Sleep(time.Millisecond)
	}
	for w.box.Kept() < ticket {
		time.Sleep(time.Millisecond)
	}
	if n, most := w.box.Stats().Commits-commits, uint64(time.Since(began)/failedCheckWait)+1; n > most {
		t.Errorf("%d commits, want at most %d", n, most)
	}
}

// TestUrgency is what waits for how long.
func TestUrgency(t *testing.T) {
	var state evcp.State
	for i, want := range []urgency{urgencyPlain, urgencyFailedCheck, urgencyFailedCheck, urgencyFact, urgencyFailedCheck, urgencyFact, urgencyPlain} {
		outcome := ko()
		if i == 0 || i > 4 {
			outcome = ok()
		}
		at := evcp.Stamp(1_640_000_000_000_000 + i*1_000_000)
		next, events := policy.Next(state, evcp.Observation{CP: "CP_001", Kind: evcp.Checked, At: at, Outcome: outcome}, nil)
		state = next
		if urgencyOf(events) != want {
			t.Errorf("check %d: urgency %d, want %d: %v", i, urgencyOf(events), want, events)
		}
	}
}

// A tail of changes shows the first OK of a charge point and the first one after anything else;
// beside a tail of everything it shows everything.
func TestTailOfChanges(t *testing.T) {
	for _, all := range []bool{false, true} {
		w := newTestBox(t, t.TempDir(), Options{})
		if all {
			w.box.Tail(8, false)
		}
		tail := w.box.Tail(8, true)
		for range 2 {
			w.check("CP_001", ok())
			w.check("CP_002", ok())
		}
		w.check("CP_001", ko())
		w.check("CP_001", ok())
		w.check("CP_001", ok())
		w.flush()
		var shown []string
		for len(tail.C) > 0 {
			for _, e := range <-tail.C {
				shown = append(shown, fmt.Sprint(e.CP, " ", e.Status))
			}
		}
		want := []string{"CP_001 OK", "CP_002 OK", "CP_001 KO", "CP_001 OK"}
		if all {
			want = []string{"CP_001 OK", "CP_002 OK", "CP_001 OK", "CP_002 OK", "CP_001 KO", "CP_001 OK", "CP_001 OK"}
		}
		if !slices.Equal(shown, want) {
			t.Errorf("everything %t: shown %v", all, shown)
		}
		w.close()
	}
}

// A tail that is not read loses whole batches, and counts.
func TestTailIsBounded(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	defer w.close()
	tail := w.box.Tail(1, false)
	for range 5 {
		w.check("CP_001", ok())
		w.flush()
	}
	if n := len(<-tail.C); n != 1 || tail.Dropped() != 4 {
		t.Errorf("shown %d, dropped %d", n, tail.Dropped())
	}
}

// A cursor goes on where it was: across Rewind, and across a restart.
func TestCursor(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	defer func() { w.close() }()
	for range 3 {
		w.check("CP_001", ok())
		w.flush()
	}
	c := w.box.Cursor(Kafka)
	first, second := w.next(c), w.next(c)
	c.Advance(first.ID)
	if n, oldest := c.Pending(); n != 2 || oldest != second.First {
		t.Errorf("pending %d since %v", n, oldest)
	}
	c.Rewind()
	if again := w.next(c); again.ID != second.ID {
		t.Errorf("after Rewind comes %d, want %d", again.ID, second.ID)
	}
	w.reopen()
	c = w.box.Cursor(Kafka)
	if n, oldest := c.Pending(); n != 2 || oldest != second.First {
		t.Errorf("after a restart: pending %d since %v", n, oldest)
	}
	got, last := w.readAll(c)
	equal(t, "lines", got, w.written[1:])
	c.Advance(last)
	if n, _ := c.Pending(); n != 0 {
		t.Errorf("pending %d", n)
	}
}

// A reader that this process does not have (the file has it from an earlier one) counts
// nothing as pending, and goes on where it was when it is back.
func TestCursorOfNoReader(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	defer func() { w.close() }()
	w.check("CP_001", ok())
	w.flush()
	c := w.box.Cursor(Kafka)
	c.Advance(w.next(c).ID)
	w.options.Readers = []string{Central}
	w.reopen()
	w.check("CP_001", ok())
	w.flush()
	if pending := w.box.Stats().Cursors; len(pending) != 1 || pending[Central] != (Pending{}) {
		t.Errorf("without a broker pending is %v", pending)
	}
	w.options.Readers = []string{Kafka, Central}
	w.reopen()
	if pending := w.box.Stats().Cursors[Kafka]; pending.Events != 1 || pending.Oldest == 0 {
		t.Errorf("with a broker again pending is %v", pending)
	}
}

// Next waits, and ends with its context or with the outbox.
func TestNextEnds(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.box.Cursor(Kafka).Next(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	errs := make(chan error, 2)
	go func() { _, err := w.box.Cursor(Kafka).Next(context.Background()); errs <- err }()
	go func() { _, _, err := w.box.Facts().Next(context.Background()); errs <- err }()
	w.close()
	for range 2 {
		if err := <-errs; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

// An outage, its report and its end are facts for Central. What is settled does
// not come again, what is not does, in the order of append.
func TestFacts(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	defer func() { w.close() }()
	for range 3 {
		w.check("CP_001", ko())
	}
	incident := w.states["CP_001"].Incident.ID
	w.check("CP_002", ok())
	w.check("CP_001", ok())
	facts := w.facts(2)
	if facts[0].Action != evcp.EngineFailed || facts[1].Action != evcp.EngineRecovered {
		t.Fatalf("%+v", facts)
	}
	w.box.Facts().Settle(facts[0].Pos, 1)
	w.flush()
	w.observe(evcp.Observation{CP: "CP_001", Kind: evcp.RecoveryReported, Incident: incident, Response: "OK"})
	w.flush()
	w.reopen()
	again := w.facts(2)
	facts[1].Kept = true // by now
	if again[0] != facts[1] || again[1].Action != evcp.ReportEngineRecovery {
		t.Errorf("after a restart: %+v", again)
	}
	w.box.Facts().Settle(again[1].Pos, 0)
	w.reopen()
	if got, _ := w.box.Facts().Ready(); len(got) != 0 {
		t.Errorf("settled, and comes again: %+v", got)
	}
}

func (w *testBox) facts(n int) (facts []Fact) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testbed.Patience)
	defer cancel()
	for len(facts) < n {
		more, _, err := w.box.Facts().Next(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		facts = append(facts, more...)
	}
	return facts
}

// A State after a restart is the fold of all that was kept, whether it came from
// a snapshot, from the runs, or from both.
func TestSnapshotEqualsReplay(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	for i := range 3 * snapshotRuns {
		w.check(cpNumber(i%7), []evcp.Outcome{ok(), ko(), ko(), ko(), ok()}[i/7%5])
		if i%2 == 0 {
			w.flush()
		}
	}
	w.flush()
	crashed := t.TempDir()
	copyFiles(t, w.dir, crashed)
	judged := w.states
	w.close()
	if n := query(t, crashed, `SELECT count(*) > 0, min(run) > 0 FROM states`)[0]; n != "1|1" {
		t.Fatalf("no snapshot was written: %s", n)
	}
	for name, dir := range map[string]string{"clean": w.dir, "crashed": crashed} {
		v := newTestBox(t, dir, Options{})
		for cp, state := range judged {
			if got := v.box.State(cp); got != state {
				t.Errorf("%s: %s is %+v, want %+v", name, cp, got, state)
			}
		}
		v.close()
		for cp, state := range foldLines(t, w.written) {
			if judged[cp] != state {
				t.Errorf("%s: the fold is %+v, the judgement %+v", cp, state, judged[cp])
			}
		}
	}
}

// A snapshot of 10,000 States is written in slices, so that neither Append nor the next
// commit waits for all of them. A crash between two slices loses nothing.
func TestSnapshotOfManyStates(t *testing.T) {
	const cps = 10_000
	for _, slices := range []int{1, 7, 15, cps/snapshotSlice + 2} {
		d := faultdisk.New(t)
		d.NoSync()
		w := newTestBox(t, t.TempDir(), Options{VFS: d.Name(), SyncEvery: time.Hour, probeEvery: time.Hour})
		for i := range cps {
			w.check(cpNumber(i), ok())
		}
		w.flush()
		for i := 0; w.lastRun() < int64(snapshotEvery(cps)+slices-1); i++ { // a run for each commit
			w.check(cpNumber(i*37%cps), []evcp.Outcome{ok(), ko()}[i%2])
			w.flush()
		}
		crashed := t.TempDir()
		if err := d.Kill(w.dir, crashed); err != nil {
			t.Fatal(err)
		}
		_ = w.box.Close(t.Context()) // its disk is gone
		var rows int
		if _, err := fmt.Sscan(query(t, crashed, `SELECT count(*) FROM states`)[0], &rows); err != nil {
			t.Fatal(err)
		}
		if rows > slices*snapshotSlice || rows < min(cps, (slices-1)*snapshotSlice) { // the last may be under way
			t.Errorf("%d slices, and %d States are written", slices, rows)
		}
		v := newTestBox(t, crashed, Options{})
		for cp, state := range w.states {
			if got := v.box.State(cp); got != state {
				t.Errorf("%d slices: %s is %+v, want %+v", slices, cp, got, state)
			}
		}
		v.close()
	}
}

// A person can read the file with sqlite3, also beside the process that has it.
func TestSQLiteShellBesideTheOwner(t *testing.T) {
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		testbed.Skip(t, err.Error())
	}
	w := newTestBox(t, t.TempDir(), Options{})
	defer w.close()
	for i := range 10 {
		w.check(cpNumber(i), ok())
	}
	w.flush()
	out, err := exec.Command(shell, filepath.Join(w.dir, fileName), "SELECT event FROM events ORDER BY run").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	equal(t, "events", strings.Split(strings.TrimSpace(string(out)), "\n"), w.written)
}

// The view events has the very lines.
func TestEventsView(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	for i := range 10 {
		w.check(cpNumber(i), ok())
	}
	w.close()
	equal(t, "events", query(t, w.dir, `SELECT event FROM events ORDER BY run`), w.written)
	equal(t, "field", query(t, w.dir, `SELECT event ->> 'cp_id' FROM events ORDER BY run LIMIT 1`), []string{"CP_000"})
}

// Small runs stay up to a size, large ones up to a number; none is missing between.
func TestRecentIsBounded(t *testing.T) {
	for size, want := range map[int]int{1 << 10: recentSize >> 10, 1 << 20: recentRuns} {
		var r recent
		for id := range int64(1000) {
			r.add(Run{ID: id + 1, after: id, body: make([]byte, size-runOverhead)})
		}
		if len(r.runs) != want || r.bytes != want*size {
			t.Errorf("of runs of %d bytes %d stay, %d bytes; want %d", size, len(r.runs), r.bytes, want)
		}
		first := r.runs[0].after
		if _, ok := r.after(first - 1); ok {
			t.Error("a run that is gone is still there")
		}
		for after := first; after < 1000; after++ {
			if run, ok := r.after(after); !ok || run.ID != after+1 {
				t.Errorf("after %d comes %d, %t", after, run.ID, ok)
			}
		}
	}
}
