package archive

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"evcp"
	"evcp/internal/history"
	"evcp/internal/kafka"
	"evcp/internal/sqlite"
)

// never and always are moments before and after all events.
const (
	never  = evcp.Stamp(1)
	always = evcp.Stamp(4_000_000_000_000_000)
)

// minutesOf are the minutes of all charge points in the file.
func minutesOf(t *testing.T, dir string) (text string, all []history.Minute, from evcp.Stamp) {
	t.Helper()
	v, err := OpenView(filepath.Join(dir, FileName), "", true)
	must(t, err)
	defer func() { must(t, v.Close()) }()
	cps, err := v.CPs()
	must(t, err)
	for _, cp := range cps {
		k, err := v.Minutes(cp, max(never, v.Progress.Newest.Add(-40*24*time.Hour)), v.Progress.Newest+1)
		must(t, err)
		text += fmt.Sprintln(cp, k)
		all, from = append(all, k.Minutes...), k.From
	}
	return text, all, from
}

// TestMinutesAfterKills: an archive that was killed again and again, and committed at other
// moments, has the minutes of one that has read all at once.
func TestMinutesAfterKills(t *testing.T) {
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 2))
		records := stream(random, 100*time.Second)
		at, dir := 0, t.TempDir()
		a := openArchive(t, dir)
		for at < len(records) {
			next := min(at+1+random.IntN(60), len(records))
			must(t, a.Take(kafka.ReadBatch{Records: records[at:next]}))
			switch random.IntN(3) {
			case 0:
				must(t, a.Commit())
			case 1:
				must(t, a.Close())
				a = openArchive(t, dir)
				next = int(a.Progress().Next[0])
			}
			at = next
		}
		must(t, a.Commit())
		must(t, a.Close())
		other := t.TempDir()
		b := openArchive(t, other)
		must(t, b.Take(kafka.ReadBatch{Records: records}))
		must(t, b.Commit())
		must(t, b.Close())
		got, all, _ := minutesOf(t, dir)
		if want, _, _ := minutesOf(t, other); got != want || len(all) < 100 {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
		}
	}
}

// TestMinutesAreRemoved: those older than is asked are removed, counted from the newest event;
// a later archive that keeps them longer does not have them again.
func TestMinutesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	a := openArchive(t, dir)
	a.KeepMinutes(24 * time.Hour)
	f := newFleet(3, 10*time.Minute)
	for range 6 * 24 * 3 {
		must(t, a.Take(f.second(0)))
	}
	must(t, a.Commit())
	from := history.HourOf(f.now.Add(-10 * time.Minute)).Add(-24 * time.Hour)
	check := func() {
		t.Helper()
		_, all, kept := minutesOf(t, dir)
		if kept != from || len(all) != 3*6*25 || all[0].At < from {
			t.Errorf("%d minutes from %v, kept from %v, want %v", len(all), all[0].At.Time(), kept.Time(), from.Time())
		}
		var oldest int64
		must(t, a.db.QueryInts(`SELECT min(hour) FROM minutes`, &oldest))
		if evcp.Stamp(oldest) != from {
			t.Errorf("the oldest row is of %v", evcp.Stamp(oldest).Time())
		}
	}
	check()
	must(t, a.Close())
	a = openArchive(t, dir)
	a.KeepMinutes(48 * time.Hour)
	check()
	must(t, a.Close())
}

// TestFutureRemovesNoMinutes: one event of a wrong clock does not remove what is kept.
func TestFutureRemovesNoMinutes(t *testing.T) {
	now := evcp.StampOf(time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC))
	m := minuteRetention{keep: 24 * time.Hour}.at(always, now.Time())
	if want := now.Add(-24 * time.Hour); m.from != want {
		t.Errorf("kept from %v, want %v", m.from.Time(), want.Time())
	}
}

// TestFirstVersion: a file of the first version can be read as a backup; opened, it has minutes
// from then on.
func TestFirstVersion(t *testing.T) {
	dir := t.TempDir()
	first, err := migrations.ReadFile("migrations/001_history.sql")
	must(t, err)
	schema := sqlite.Schema{ApplicationID: fileSchema.ApplicationID, Migrations: fstest.MapFS{"migrations/001_history.sql": {Data: first}}}
	db, err := schema.Open(sqlite.DBFile{Path: filepath.Join(dir, FileName)}, pragmas)
	must(t, err)
	at := history.HourOf(origin).Add(30 * time.Minute)
	must(t, db.Exec(`UPDATE progress SET serial = 1, topic = 'events', newest = ?, records = 1`, int64(at)))
	must(t, db.Close())
	must(t, Backup(filepath.Join(dir, FileName), filepath.Join(dir, "backup.db")))
	v, err := OpenView(filepath.Join(dir, "backup.db"), "", false)
	must(t, err)
	troubled, err := v.Troubled(0)
	if must(t, err); v.Progress.Records != 1 || len(troubled) > 0 {
		t.Errorf("the backup: %+v, %v", v.Progress, troubled)
	}
	must(t, v.Close())
	a := openArchive(t, dir)
	f := newFleet(1, time.Minute)
	f.now = at.Add(time.Minute)
	for range 3 {
		must(t, a.Take(f.second(0)))
	}
	must(t, a.Commit())
	if _, all, from := minutesOf(t, dir); len(all) != 3 || from != at {
		t.Errorf("%d minutes from %v", len(all), from.Time())
	}
	must(t, a.Close())
}

// TestIncidentsByTime: a list of the newest incidents reads the index, not every element.
func TestIncidentsByTime(t *testing.T) {
	dir := t.TempDir()
	a := openArchive(t, dir)
	defer func() { must(t, a.Close()) }()
	f := newFleet(3, time.Minute)
	for s := range 100 {
		must(t, a.Take(f.second(min(s%20/10*1000, 1)))) // CP_00000 fails now and then
	}
	must(t, a.Commit())
	v, err := OpenView(filepath.Join(dir, FileName), "", true)
	must(t, err)
	defer func() { must(t, v.Close()) }()
	if all, err := v.Troubled(origin); err != nil || fmt.Sprint(all) != "[CP_00000]" {
		t.Errorf("%v, %v", all, err)
	}
	plan := ""
	must(t, v.db.Query(`EXPLAIN QUERY PLAN `+troubledList, func(row *sqlite.Stmt) error {
		plan += row.ColumnText(3) + "\n"
		return nil
	}, int64(origin), int64(1)))
	if !strings.Contains(plan, "USING INDEX incidents_by_time") || strings.Contains(plan, "SCAN elements") || strings.Contains(plan, "SCAN checks") {
		t.Errorf("the plan is\n%s", plan)
	}
}
