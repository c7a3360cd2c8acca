package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestOneProcessHasTheFolder(t *testing.T) {
	dir := t.TempDir()
	lock, err := Acquire(dir, "lock")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Acquire(dir, "lock")
	var inUse InUseError
	if !errors.Is(err, ErrInUse) || !errors.As(err, &inUse) || inUse.Dir != dir || inUse.PID != strconv.Itoa(os.Getpid()) {
		t.Errorf("%v", err)
	}
	if errors.Is(err, os.ErrExist) {
		t.Error("it is taken for any error")
	}
	if s, err := os.Stat(filepath.Join(dir, "lock")); err != nil || s.Mode() != 0o600 {
		t.Errorf("%v, %v", s.Mode(), err)
	}
	if want := "state folder " + dir + " is in use by process " + inUse.PID; err.Error() != want {
		t.Errorf("said %q, want %q", err, want)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Acquire(dir, "lock")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// A number that was longer leaves nothing behind, and words of somebody else are
// no number.
func TestWhoHasIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lock")
	if err := os.WriteFile(path, []byte("1234567890123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := Acquire(dir, "lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if got := owner(path); got != strconv.Itoa(os.Getpid()) {
		t.Errorf("%q", got)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("words ", 10)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(dir, "lock"); !strings.HasSuffix(err.Error(), "in use by another process") {
		t.Error(err)
	}
}

func TestNoFolder(t *testing.T) {
	if _, err := Acquire(filepath.Join(t.TempDir(), "none"), "lock"); err == nil || errors.Is(err, ErrInUse) {
		t.Error(err)
	}
}

// What belongs to the file goes with it, a name is never used twice, and nothing
// is lost.
func TestPutAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "outbox.db")
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for i, want := range []string{"outbox-20260102T150405Z-corrupt.db", "outbox-20260102T150405Z-corrupt-2.db"} {
		for _, suffix := range []string{"", "-wal"} {
			if err := os.WriteFile(path+suffix, fmt.Append(nil, i, suffix), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		name, err := PutAside(path, "corrupt", now)
		if err != nil || filepath.Base(name) != want {
			t.Fatalf("%s, %v; want %s", name, err, want)
		}
		for _, suffix := range []string{"", "-wal"} {
			if content, err := os.ReadFile(name + suffix); err != nil || string(content) != fmt.Sprint(i, suffix) {
				t.Errorf("%s%s holds %q, %v", name, suffix, content, err)
			}
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
}

// What can't be put aside says why.
func TestNothingIsPutAside(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if name, err := PutAside(filepath.Join(file, "outbox.db"), "corrupt", time.Now()); name != "" || !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("%q, %v", name, err)
	}
}

func TestOneLine(t *testing.T) {
	full := errors.New("sqlite3: database or disk is full")
	err := errors.Join(full, full, errors.New("and more\n\nwords"))
	if got := OneLine(err); got != "database or disk is full; and more; words" {
		t.Errorf("said %q", got)
	}
}

// A lock is lost when its file, or the folder, is not under its name any more. Then another
// process can have the folder, and this one can see it.
func TestLostLock(t *testing.T) {
	for name, lose := range map[string]func(dir string) error{
		"the file is removed":    func(dir string) error { return os.Remove(filepath.Join(dir, "lock")) },
		"the folder is removed":  os.RemoveAll,
		"a file is in its place": func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)) },
		"a copy is in its place": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+"-moved"), os.CopyFS(dir, os.DirFS(dir+"-moved")))
		},
		"another one has it then": func(dir string) error { return os.Rename(filepath.Join(dir, "lock"), filepath.Join(dir, "other")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			lock, err := Acquire(dir, "lock")
			if err != nil || lock.Lost() {
				t.Fatalf("%v, lost at once: %t", err, lock.Lost())
			}
			defer lock.Close()
			if err := lose(dir); err != nil {
				t.Fatal(err)
			}
			if !lock.Lost() {
				t.Error("nobody notices")
			}
		})
	}
}
