package outbox

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"evcp/internal/faultdisk"
)

func logFileSize(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, fileName+"-wal"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// The log has its size from the start, so that no commit makes the file system take a block.
func TestLogIsReserved(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	defer w.close()
	size := logFileSize(t, w.dir)
	if want := logSize(w.box.options.MaxSize); size < want || size > want+want/8 {
		t.Errorf("the log has %d bytes at the start, want a little more than %d", size, want)
	}
	for range 50 {
		w.check("CP_001", ok())
		w.flush()
	}
	if now := logFileSize(t, w.dir); now != size {
		t.Errorf("the log grew from %d to %d bytes", size, now)
	}
}

// A log that was reserved and never used, as a kill right after the start leaves it, says
// nothing: neither to the next process nor to one that may only read.
func TestReservedLogWithoutCommit(t *testing.T) {
	dir, states := someHistory(t)
	replaceWith(t, filepath.Join(dir, fileName+"-wal"), strings.Repeat("\x00", mib))
	if h := openTestHistory(t, dir); len(readHistory(t, h)) == 0 {
		t.Error("nobody can look at what is kept")
	}
	w := newTestBox(t, dir, Options{})
	defer w.close()
	if got := w.box.OpenResult(); got.Found != Resumed || got.Renumber {
		t.Errorf("open result %+v", got)
	}
	for cp, want := range states {
		if got := w.box.State(cp); got != want {
			t.Errorf("%s is %+v, want %+v", cp, got, want)
		}
	}
}

// A disk that has no room to reserve is used all the same.
func TestNoRoomForTheLog(t *testing.T) {
	dir, _ := someHistory(t)
	d := faultdisk.New(t)
	var refused atomic.Bool
	d.Before(func(op faultdisk.Op, file string) error {
		if op == faultdisk.Reserve && strings.HasSuffix(file, "-wal") {
			refused.Store(true)
			return syscall.ENOSPC
		}
		return nil
	})
	w := newTestBox(t, dir, Options{VFS: d.Name()})
	defer w.close()
	if got := w.box.OpenResult(); got.Found != Resumed || !refused.Load() {
		t.Errorf("open result %+v", got)
	}
	w.check("CP_001", ok())
	w.flush()
	if since := w.box.Stats().RefusedSince; !since.IsZero() {
		t.Errorf("the disk refused at %v", since)
	}
}
