package outbox

import (
	"context"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/faultdisk"
	"evcp/internal/sqlite"
)

// flashMinutes is how long a Monitor is watched, after as many minutes to warm up: the log
// has been moved into the file several times by then.
const flashMinutes = 20

// What a lone Monitor writes to its disk wears out flash storage. One check a second, the
// Engine OK; docs/BENCHMARKS.md has what a process was seen to write.
func TestFlashWear(t *testing.T) {
	both := []string{Kafka, Central}
	for _, c := range []struct {
		name    string
		options Options
		old     bool
		most    float64 // MB a day
	}{
		{"with a broker", Options{Readers: both}, false, 300},
		{"no broker", Options{Readers: []string{Central}}, false, 300},
		{"with a broker, every 10 s", Options{Readers: both, SyncEvery: 10 * time.Second}, false, 100},
		{"no broker, every 10 s", Options{Readers: []string{Central}, SyncEvery: 10 * time.Second}, false, 100},
		{"no broker, every 10 s, old events go", Options{Readers: []string{Central}, SyncEvery: 10 * time.Second, Keep: 64 << 10}, false, 110},
		{"with a broker, a file of an older version", Options{Readers: both}, true, 600},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := faultdisk.New(t)
			pages := disk.CountPages()
			c.options.VFS = disk.Name()
			dir := t.TempDir()
			if c.old {
				makeOldFile(t, dir)
			}
			bubble.Run(t, func(t *testing.T) {
				if mb := writtenInADay(t, dir, c.options, pages); mb > c.most {
					t.Errorf("%.0f MB a day, want at most %.0f", mb, c.most)
				} else {
					t.Logf("%.0f MB a day", mb)
				}
			})
		})
	}
}

// writtenInADay is how much the disk is given, in MB.
func writtenInADay(t *testing.T, dir string, options Options, pages *faultdisk.PageCache) float64 {
	if options.SyncEvery == 0 {
		options.SyncEvery = 100 * time.Millisecond
	}
	w := newTestBox(t, dir, options)
	defer w.close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if len(options.Readers) > 1 {
		go deliver(ctx, w.box.Cursor(Kafka))
	}
	minutesOfChecks(t, w, pages)
	before := pages.Written()
	minutesOfChecks(t, w, pages)
	return float64(pages.Written()-before) / 1e6 * 24 * 60 / flashMinutes
}

func minutesOfChecks(t *testing.T, w *testBox, pages *faultdisk.PageCache) {
	for i := range flashMinutes * 60 {
		w.at += evcp.Stamp(137 * (i % 7))
		w.check("CP_001", evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: time.Duration(500+i*7919%733) * time.Microsecond})
		w.written = w.written[:0]
		time.Sleep(time.Second)
		if i%30 == 0 {
			if err := pages.Expire(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// makeOldFile makes the file of the version before compact lines: pages of SQLite's own
// size, and every line as it goes to Kafka. It answers with the lines in it; Kafka has the
// first.
func makeOldFile(t *testing.T, dir string) (written []string) {
	t.Helper()
	old := sqlite.Schema{ApplicationID: schema.ApplicationID, Migrations: migrationsUntil(t, "0004")}
	s, err := storeOn(old.Open(sqlite.DBFile{Path: filepath.Join(dir, fileName)}, `PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL`))
	if err != nil {
		t.Fatal(err)
	}
	state, at := evcp.State{}, evcp.StampOf(time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC))
	total := total{}
	for id := range int64(20) {
		r := runRow{Run: Run{ID: id + 1}}
		outcome := ok()
		if id == 7 {
			outcome = ko()
		}
		var events []evcp.Event
		state, events = policy.Next(state, evcp.Observation{CP: "CP_001", Kind: evcp.Checked, At: at, Outcome: outcome}, nil)
		r.add(events)
		for line := range r.Each() {
			written = append(written, string(line))
		}
		total.events += int64(r.Count)
		total.bytes += int64(len(r.appendLines(nil)))
		if err := s.Exec(insertRun, r.ID, int64(r.First), int64(r.Last), r.Count, r.facts, r.reports, total.events, total.bytes, string(r.appendLines(nil))); err != nil {
			t.Fatal(err)
		}
		at += 1_000_000
	}
	if err := s.Exec(`INSERT INTO cursors VALUES ('kafka',1,1,0)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return written
}

// migrationsUntil has the migrations up to the one that begins so.
func migrationsUntil(t *testing.T, last string) fstest.MapFS {
	t.Helper()
	some := fstest.MapFS{}
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name()[:len(last)] > last {
			continue
		}
		sql, err := migrations.ReadFile("migrations/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		some["migrations/"+e.Name()] = &fstest.MapFile{Data: sql}
	}
	return some
}

// A file of an older version is gone on with: nothing in it is lost or comes twice, and what
// is written after it is read with it, by readers and by people.
func TestOldFile(t *testing.T) {
	dir := t.TempDir()
	lines := makeOldFile(t, dir)
	w := newTestBox(t, dir, Options{})
	if got := w.box.OpenResult(); got.Found != Resumed || got.Replayed != len(lines) {
		t.Errorf("open result %+v", got)
	}
	w.states["CP_001"] = w.box.State("CP_001")
	w.at = w.states["CP_001"].At
	for range 5 {
		w.check("CP_001", ok())
		w.flush()
	}
	lines = append(lines, w.written...)
	got, _ := w.readAll(w.box.Cursor(Kafka))
	equal(t, "for Kafka", got, lines[1:])
	w.close()
	equal(t, "for people", query(t, dir, `SELECT event FROM events ORDER BY run`), lines)
	if got := query(t, dir, `SELECT count(*) FROM runs WHERE body LIKE '[%'`); got[0] != "5" {
		t.Errorf("%s rows are compact", got[0])
	}
	h, err := OpenHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	got = nil
	for run, ok, err := h.Next(); ok || err != nil; run, ok, err = h.Next() {
		if err != nil {
			t.Fatal(err)
		}
		for line := range run.Each() {
			got = append(got, string(line))
		}
	}
	equal(t, "history", got, lines)
}
