package archive

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"evcp/internal/kafka"
)

// FuzzPosition: a view opens at a position that was pinned, and at no other.
func FuzzPosition(f *testing.F) {
	dir := f.TempDir()
	a := openArchive(f, dir)
	defer func() {
		if err := a.Close(); err != nil {
			f.Error(err)
		}
	}()
	fleet := newFleet(1, time.Second)
	if err := errors.Join(a.SetTopic("events"), a.Take(fleet.second(0))); err != nil {
		f.Fatal(err)
	}
	pinned, err := a.Position()
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{pinned, "", "none/0", "0:1,1:2/3", "0:-1/0", "/", "0:0x2/0", "999999999999:1/0"} {
		f.Add(text)
	}
	path := filepath.Join(dir, FileName)
	f.Fuzz(func(t *testing.T, position string) {
		v, err := OpenView(path, position, true)
		switch {
		case err == nil && position != "" && v.Position() != position:
			t.Errorf("%q is at %s", position, v.Position())
		case err == nil && position != pinned && position != "":
			t.Errorf("%q was never pinned", position)
		case err != nil && (!errors.Is(err, ErrNoPosition) || position == pinned):
			t.Errorf("%q: %v", position, err)
		}
		if err == nil {
			must(t, v.Close())
		}
	})
}

// FuzzTake: no records, in any order, break the history, and whatever was committed is read again
// as it was.
func FuzzTake(f *testing.F) {
	fleet := newFleet(2, time.Second)
	for n := range 3 {
		var all []byte
		for _, r := range fleet.second(n * 500).Records {
			all = append(append(all, r.Value...), '\n')
		}
		f.Add(all)
	}
	f.Add([]byte(`{"cp_id":"A","monitor_id":"EV_CP_M","action":"clock_stepped","offset_s":-3600.0,"timestamp":1640000000.0,"instance":"x","epoch":1,"seq":1,"event_id":"A-1-1"}` + "\n"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		dir := t.TempDir()
		a := openArchive(t, dir)
		must(t, a.SetTopic("events"))
		var b kafka.ReadBatch
		for len(lines) > 0 && len(b.Records) < 300 {
			n := min(max(indexLine(lines), 0), len(lines))
			b.Records = append(b.Records, kafka.TopicRecord{Offset: int64(len(b.Records)), Value: lines[:n]})
			lines = lines[min(n+1, len(lines)):]
		}
		must(t, errors.Join(a.Take(b), a.Commit()))
		first := ofCPs(shown(t, dir, ""))
		must(t, a.Close())
		a = openArchive(t, dir)
		must(t, errors.Join(a.SetTopic("events"), a.Take(b), a.Commit())) // once more
		must(t, a.Close())
		if again := ofCPs(shown(t, dir, "")); again != first {
			t.Errorf("taken twice\n%s\nwant\n%s", again, first)
		}
	})
}

// ofCPs is what is shown without its last line, which counts records.
func ofCPs(text string) string {
	return text[:strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n')+1]
}

// indexLine is where the first line ends.
func indexLine(b []byte) int {
	for i, c := range b {
		if c == '\n' {
			return i
		}
	}
	return len(b)
}
