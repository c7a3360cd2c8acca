package outbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp"
	"evcp/internal/sqlite"
	"evcp/internal/testbed"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("EVCP_TEST_CHILD"); dir != "" {
		child(dir)
	}
	if parent := os.Getenv("EVCP_TEST_TAKE_OVER"); parent != "" {
		takeOverChild(parent)
	}
	testbed.LimitRapidChecks(25) // each crashes and restarts a database many times
	goleak.VerifyTestMain(m)
}

// testingT is what a test and a rapid test have in common.
type testingT interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// testBox is an outbox with what happens around it: the judgement of its charge
// points, made the way the monitor makes it.
type testBox struct {
	t       testingT
	dir     string
	options Options
	box     *Outbox
	at      evcp.Stamp
	states  map[evcp.CPID]evcp.State
	written []string // every line appended

	mu        sync.Mutex
	dropped   []dropRange
	refused   []uint64
	why       []error
	recovered []string
}

var policy = evcp.Policy{Fall: 3, Rise: 1, Instance: "test"}

func newTestBox(t testingT, dir string, options Options) *testBox {
	w := &testBox{t: t, dir: dir, options: options, at: evcp.StampOf(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)), states: map[evcp.CPID]evcp.State{}}
	if w.options.SyncEvery == 0 {
		w.options.SyncEvery = 2 * time.Millisecond
	}
	if w.options.Readers == nil {
		w.options.Readers = []string{Kafka, Central}
	}
	w.options.Observe = func(o evcp.Observation) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.dropped = append(w.dropped, dropRange{o.CP, o.DroppedEpoch, o.From, o.To, o.Count, o.Facts, o.Reason})
		return true
	}
	w.options.Refused = func(generation uint64, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.refused, w.why = append(w.refused, generation), append(w.why, err)
	}
	w.options.Recovered = func(aside string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.recovered = append(w.recovered, aside)
	}
	w.open()
	return w
}

// drops are those that were reported so far.
func (w *testBox) drops() []dropRange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.dropped)
}

func (w *testBox) open() {
	w.t.Helper()
	box, err := Open(w.dir, w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	w.box = box
	for cp := range w.states {
		w.states[cp] = box.State(cp)
	}
}

func (w *testBox) close() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testbed.Patience)
	defer cancel()
	if err := w.box.Close(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func (w *testBox) reopen() {
	w.t.Helper()
	w.close()
	w.open()
}

func ok() evcp.Outcome {
	return evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: time.Millisecond}
}
func ko() evcp.Outcome {
	return evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO", Latency: time.Millisecond}
}

// check judges one check of a charge point and appends what comes of it.
func (w *testBox) check(cp evcp.CPID, outcome evcp.Outcome) (ticket uint64) {
	return w.observe(evcp.Observation{CP: cp, Kind: evcp.Checked, Outcome: outcome})
}

// checkAtOnce judges one check of so many charge points, as one batch of the first
// generation.
func (w *testBox) checkAtOnce(cps int, outcome evcp.Outcome) (ticket uint64) {
	w.at += 1_000_000
	b := Batch{Generation: 1}
	for i := range cps {
		cp, from := cpNumber(i), len(b.Events)
		w.states[cp], b.Events = policy.Next(w.states[cp], evcp.Observation{CP: cp, Kind: evcp.Checked, At: w.at, Outcome: outcome}, b.Events)
		b.Judged = append(b.Judged, Judged{Handle: w.box.Handle(cp), Events: len(b.Events) - from, State: w.states[cp]})
	}
	for i := range b.Events {
		w.written = append(w.written, string(b.Events[i].AppendJSON(nil)))
	}
	return w.box.Append(b).Ticket
}

func (w *testBox) observe(o evcp.Observation) (ticket uint64) {
	w.at += 1_000_000
	o.At = w.at
	if _, ok := w.states[o.CP]; !ok {
		w.states[o.CP] = w.box.State(o.CP)
	}
	state, events := policy.Next(w.states[o.CP], o, nil)
	w.states[o.CP] = state
	for _, e := range events {
		w.written = append(w.written, string(e.AppendJSON(nil)))
	}
	return w.box.Append(batchOf(w.box, w.box.Generation(), events, state)).Ticket
}

// batchOf is a batch of one judgement.
func batchOf(box *Outbox, generation uint64, events []evcp.Event, state evcp.State) Batch {
	b := Batch{Generation: generation, Events: events}
	if len(events) > 0 {
		b.Judged = []Judged{{Handle: box.Handle(events[0].CP), Events: len(events), State: state}}
	}
	return b
}

func (w *testBox) flush() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testbed.Patience)
	defer cancel()
	if err := w.box.Flush(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// lastRun is the newest kept run.
func (w *testBox) lastRun() int64 {
	w.box.mu.Lock()
	defer w.box.mu.Unlock()
	return w.box.keptRun
}

// next takes the next run of a cursor.
func (w *testBox) next(c *Cursor) Run {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testbed.Patience)
	defer cancel()
	run, err := c.Next(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

// waitLines takes n lines from a cursor, or more. While the disk is being tried there may
// be none for a moment.
func (w *testBox) waitLines(c *Cursor, n int) (got []string, last int64) {
	w.t.Helper()
	for len(got) < n {
		run := w.next(c)
		for line := range run.Each() {
			got = append(got, string(line))
		}
		last = run.ID
	}
	return got, last
}

// readAll takes what a cursor has left, without waiting for more.
func (w *testBox) readAll(c *Cursor) (got []string, last int64) {
	w.t.Helper()
	for {
		run, ok, err := c.TryNext()
		if err != nil {
			w.t.Fatal(err)
		}
		if !ok {
			return got, last
		}
		n := 0
		for line := range run.Each() {
			got = append(got, string(line))
			n++
		}
		if n != run.Count {
			w.t.Errorf("run %d says %d events and holds %d", run.ID, run.Count, n)
		}
		last = run.ID
	}
}

// equal compares lines and shows the first difference.
func equal(t testingT, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Fatalf("%s: %d of %d; missing %s", what, len(got), len(want), want[i])
		case i >= len(want):
			t.Fatalf("%s: %d instead of %d; too many: %s", what, len(got), len(want), got[i])
		case got[i] != want[i]:
			t.Fatalf("%s: %d is\n%s, want\n%s", what, i, got[i], want[i])
		}
	}
}

// eventually waits for a condition.
func eventually(t testingT, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(testbed.Patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// query asks the file of a closed outbox.
func query(t testingT, dir, sql string) (rows []string) {
	t.Helper()
	s, err := storeOn(sqlite.OpenReader(sqlite.DBFile{Path: filepath.Join(dir, fileName)}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Query(sql, func(p *sqlite.Stmt) error {
		var row []string
		for i := range p.ColumnCount() {
			row = append(row, p.ColumnText(i))
		}
		rows = append(rows, strings.Join(row, "|"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// foldLines is the fold of the events in the lines.
func foldLines(t testingT, text []string) map[evcp.CPID]evcp.State {
	t.Helper()
	states := map[evcp.CPID]evcp.State{}
	for _, line := range text {
		e, err := evcp.ParseEvent([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		states[e.CP] = states[e.CP].After(e)
	}
	return states
}

// copyFiles copies the files of an outbox as they are at this moment, as a crash
// of the process would leave them.
func copyFiles(t testingT, from, to string) {
	t.Helper()
	for _, name := range []string{fileName, fileName + "-wal", markerName} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func cpNumber(i int) evcp.CPID { return evcp.CPID(fmt.Sprintf("CP_%03d", i)) }

func countLines(b []byte) int { return bytes.Count(b, newline) }

var _ testingT = (*testing.T)(nil)
