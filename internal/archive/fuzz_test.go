package archive

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
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
