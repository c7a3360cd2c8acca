package operations

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/audit"
)

func openStore(t *testing.T) (*Store, func(func(*audit.BoardChange) error) error) {
	t.Helper()
	file, err := audit.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	s, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return s, func(f func(*audit.BoardChange) error) error {
		return s.Change(audit.Actor{Name: "ana", Kind: audit.ByUser}, f)
	}
}

// TestWhatBeginsAndEndsByTime: each beginning and end is told once, at its time, and the next one
// is known before.
func TestWhatBeginsAndEndsByTime(t *testing.T) {
	s, change := openStore(t)
	now := evcp.StampOf(time.Now())
	at := func(hours int) evcp.Stamp { return now.Add(time.Duration(hours) * time.Hour) }
	if err := change(func(c *audit.BoardChange) error {
		_, err1 := s.Maintain(c, MaintenanceWindow{CP: "CP_1", From: at(2), To: at(4), Reason: "cable"})
		_, err2 := s.Maintain(c, MaintenanceWindow{Site: "North", From: at(3), To: at(5), Reason: "roof"})
		_, err3 := s.Take(c, "CP_2", now, "ana", "", at(6))
		return errors.Join(err1, err2, err3)
	}); err != nil {
		t.Fatal(err)
	}
	s.SetSites(map[evcp.CPID]string{"CP_1": "North", "CP_3": "North"})
	_, _, version := s.Since(0)
	last := now
	for _, step := range []struct {
		at, next int
		told     []Touched
		one, two string // the maintenance of CP_1, of CP_3
		owned    bool
	}{
		{1, 2, nil, "", "", true},
		{2, 3, []Touched{{CP: "CP_1"}}, "cable", "", true},
		{3, 4, []Touched{{Site: "North"}}, "roof", "roof", true}, // of two it is the one that ends last
		{4, 5, []Touched{{CP: "CP_1"}}, "roof", "roof", true},
		{5, 6, []Touched{{Site: "North"}}, "", "", true},
		{6, 0, []Touched{{CP: "CP_2"}}, "", "", false},
		{7, 0, nil, "", "", false},
	} {
		next := s.step(last, at(step.at))
		last = at(step.at)
		want := evcp.Stamp(0)
		if step.next != 0 {
			want = at(step.next)
		}
		told, all, newer := s.Since(version)
		version = newer
		if next != want || all || !reflect.DeepEqual(told, step.told) {
			t.Errorf("hour %d: told %v, next %v, want %v and %v", step.at, told, next, step.told, want)
		}
		reason := func(cp evcp.CPID) string {
			if m := s.At(cp, last.Time()).Maintenance; m != nil {
				return m.Reason
			}
			return ""
		}
		if one, two := reason("CP_1"), reason("CP_3"); one != step.one || two != step.two {
			t.Errorf("hour %d: CP_1 %q, CP_3 %q", step.at, one, two)
		}
		if owned := s.At("CP_2", last.Time()).Owner != nil; owned != step.owned {
			t.Errorf("hour %d: owned %t", step.at, owned)
		}
	}
}

// TestAReaderThatIsFarBehind is told that everything may have changed.
func TestAReaderThatIsFarBehind(t *testing.T) {
	s := Empty()
	sites := map[evcp.CPID]string{}
	for n := range maxTouched + 1 {
		sites[evcp.CPID(fmt.Sprint("CP_", n))] = "North"
	}
	watch := s.Watch()
	s.SetSites(sites)
	<-watch
	_, all, now := s.Since(0)
	if !all || now != maxTouched+1 || len(s.touched) != maxTouched {
		t.Errorf("all %t, version %d, %d held", all, now, len(s.touched))
	}
	if what, all, _ := s.Since(now - 2); all || len(what) != 2 {
		t.Errorf("two behind: %v, all %t", what, all)
	}
	if _, all, _ := s.Since(now + 1); !all {
		t.Error("a version of another start is taken for one of this")
	}
	if err := s.Change(audit.Actor{}, nil); !errors.Is(err, ErrNoFile) {
		t.Errorf("a change without a file: %v", err)
	}
}

// TestBadTimes: windows and owners end, and begin no longer ago than a year.
func TestBadTimes(t *testing.T) {
	s, change := openStore(t)
	now := evcp.StampOf(time.Now())
	const day = 24 * time.Hour
	for _, w := range []MaintenanceWindow{
		{CP: "CP_1", Reason: "x"},
		{CP: "CP_1", Reason: "x", To: now.Add(-time.Minute)},
		{CP: "CP_1", Reason: "x", From: now.Add(2 * day), To: now.Add(day)},
		{CP: "CP_1", Reason: "x", To: now.Add(400 * day)},
		{CP: "CP_1", Reason: "x", From: now.Add(-400 * day), To: now.Add(day)},
		{CP: "CP_1", Site: "North", Reason: "x", To: now.Add(day)},
		{Reason: "x", To: now.Add(day)},
		{CP: "CP_1", Reason: " ", To: now.Add(day)},
		{CP: "CP_1", Reason: strings.Repeat("x", MaxText+1), To: now.Add(day)},
	} {
		if err := change(func(c *audit.BoardChange) error { _, err := s.Maintain(c, w); return err }); err == nil {
			t.Errorf("%+v is a window", w)
		}
	}
	for _, until := range []evcp.Stamp{now.Add(-time.Minute), now.Add(31 * day)} {
		if err := change(func(c *audit.BoardChange) error { _, err := s.Take(c, "CP_1", now, "ana", "", until); return err }); !errors.Is(err, ErrUntil) {
			t.Errorf("until %v: %v", until, err)
		}
	}
	if err := change(func(c *audit.BoardChange) error { _, err := s.Take(c, "CP_1", 0, "ana", "", 0); return err }); !errors.Is(err, ErrNoIncident) {
		t.Errorf("without an incident: %v", err)
	}
	if windows, err := s.Windows(10, 0); err != nil || len(windows) != 0 || len(s.Owners()) != 0 {
		t.Errorf("%v, %v, %v", windows, err, s.Owners())
	}
}
