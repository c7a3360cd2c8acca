package outbox

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"evcp"
	"evcp/internal/folder"
)

// newFolder is an outbox in a folder that can be moved away, with one check kept.
func newFolder(t *testing.T, options Options) *testBox {
	t.Helper()
	w := newTestBox(t, filepath.Join(t.TempDir(), "state"), options)
	w.check("CP_001", ok())
	w.flush()
	return w
}

func mustDo(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// A folder or a file that is taken away under a running process is noticed by the next look,
// which is made every second, without a commit, and is like a disk that refuses: events go on in memory, in a
// new epoch, and move to a new file when there can be one.
func TestTheFolderIsTakenAway(t *testing.T) {
	for name, take := range map[string]func(dir string) error{
		"folder":              removeFolder,
		"file":                func(dir string) error { return os.Remove(filepath.Join(dir, fileName)) },
		"log":                 func(dir string) error { return os.Remove(filepath.Join(dir, fileName+"-wal")) },
		"moved":               func(dir string) error { return os.Rename(dir, dir+"-moved") },
		"a copy in its place": putCopy,
	} {
		t.Run(name, func(t *testing.T) {
			w := newFolder(t, Options{probeEvery: 100 * time.Millisecond})
			epoch := w.states["CP_001"].Epoch
			mustDo(t, take(w.dir))
			eventually(t, "the refusal", func() bool { return w.refusals() == 1 })
			if why := w.why[0].Error(); why != errReplaced.Error() {
				t.Errorf("says %q", why)
			}
			w.rejudge([]evcp.Observation{checked(ko())})
			w.flush()
			eventually(t, "the disk", w.hasRecovered)
			want := w.states["CP_001"]
			if want.Epoch <= epoch {
				t.Errorf("epoch %d after %d", want.Epoch, epoch)
			}
			w.reopen()
			if got := w.box.State("CP_001"); got != want || w.box.OpenResult().Renumber {
				t.Errorf("resumed %+v, %+v\nwant %+v", got, w.box.OpenResult(), want)
			}
			w.close()
		})
	}
}

// removeFolder removes a folder at once: the outbox may write into it meanwhile.
func removeFolder(dir string) error {
	return errors.Join(os.Rename(dir, dir+"-removed"), os.RemoveAll(dir+"-removed"))
}

// putCopy moves a folder away and puts a copy of it in its place, at once: the outbox makes a
// folder that is missing.
func putCopy(dir string) error {
	return errors.Join(os.CopyFS(dir+"-copy", os.DirFS(dir)), os.Rename(dir, dir+"-moved"), os.Rename(dir+"-copy", dir))
}

// Taken away just before the end, it is noticed at the end.
func TestTheFolderIsTakenAwayAtTheEnd(t *testing.T) {
	w := newFolder(t, Options{})
	want := w.states["CP_001"]
	mustDo(t, removeFolder(w.dir))
	w.reopen()
	defer w.close()
	if got := w.box.State("CP_001"); got != want || w.box.OpenResult().Found != Resumed {
		t.Errorf("resumed %+v, %+v", got, w.box.OpenResult())
	}
	w = newFolder(t, Options{})
	mustDo(t, os.Rename(w.dir, w.dir+"-removed"), os.WriteFile(w.dir, nil, 0o600))
	if err := w.box.Close(t.Context()); err == nil {
		t.Error("a folder that can't be made again is closed without an error")
	}
}

// With its lock removed, or a copy of the folder in its place, a process has the folder
// again by the next look: a second one is refused.
func TestTheLockIsTakenAway(t *testing.T) {
	for name, take := range map[string]func(dir string) error{
		"lock":                func(dir string) error { return os.Remove(filepath.Join(dir, lockName)) },
		"a copy in its place": putCopy,
	} {
		t.Run(name, func(t *testing.T) {
			w := newFolder(t, Options{probeEvery: 100 * time.Millisecond})
			defer w.close()
			held := func() *folder.Lock {
				w.box.mu.Lock()
				defer w.box.mu.Unlock()
				return w.box.lock
			}
			lost := held()
			mustDo(t, take(w.dir))
			eventually(t, "another lock", func() bool { lock := held(); return lock != lost && !lock.Lost() })
			if _, err := Open(w.dir, w.options); !errors.Is(err, folder.ErrInUse) {
				t.Errorf("a second process: %v", err)
			}
		})
	}
}

// A second process that took the folder before that is noticed: the first one leaves the
// file to it, goes on in memory, and has the folder again when the second has ended.
func TestASecondProcessHasTheFolder(t *testing.T) {
	w := newFolder(t, Options{probeEvery: 100 * time.Millisecond})
	elsewhere := t.TempDir()
	second, err := folder.Acquire(elsewhere, lockName)
	mustDo(t, err)
	mustDo(t, os.Rename(filepath.Join(elsewhere, lockName), filepath.Join(w.dir, lockName))) // at once: the outbox makes a lock that is missing
	eventually(t, "the refusal", func() bool { return w.refusals() == 1 })
	if want := (folder.InUseError{Dir: w.dir, PID: strconv.Itoa(os.Getpid())}).Error(); w.why[0].Error() != want {
		t.Errorf("says %q, want %q", w.why[0], want)
	}
	w.rejudge([]evcp.Observation{checked(ko())})
	w.flush()
	if _, err := os.Stat(filepath.Join(w.dir, markerName)); err != nil {
		t.Errorf("the marker, which is the second's: %v", err)
	}
	mustDo(t, second.Close())
	eventually(t, "the disk", w.hasRecovered)
	w.close()
	if got := query(t, w.dir, `SELECT sum(count) FROM runs`); got[0] != "2" {
		t.Errorf("the file holds %s events", got)
	}
}
