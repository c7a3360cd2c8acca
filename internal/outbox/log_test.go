package outbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"evcp"
	"evcp/internal/faultdisk"
	"evcp/internal/sqlite"
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

// holdLog is another program that keeps a transaction open until it is told to end.
func holdLog(t *testing.T, dir string) (release func()) {
	t.Helper()
	other, err := sqlite.OpenReader(sqlite.DBFile{Path: filepath.Join(dir, fileName)})
	if err != nil {
		t.Fatal(err)
	}
	var runs int64
	if err := errors.Join(other.Exec(`BEGIN`), other.QueryInts(`SELECT count(*) FROM runs`, &runs)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
}

// logCalls are the calls of Options.LogHeld.
type logCalls struct {
	mu    sync.Mutex
	calls []bool
}

func (l *logCalls) add(held bool, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, held)
}

func (l *logCalls) all() []bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// Another program's transaction that makes the log grow is told once, and that it is over,
// too; then the log gets its usual size again. Nobody has to wait for it at the end.
func TestLogThatIsHeld(t *testing.T) {
	var told logCalls
	w := newTestBox(t, t.TempDir(), Options{MaxSize: 4 * mib, LogHeld: told.add})
	release := holdLog(t, w.dir)
	for !w.box.Stats().LogHeld && logFileSize(t, w.dir) < 2*heldLogSize(4*mib) {
		w.checkMany(8, 32, wordyOK)
	}
	w.checkMany(8, 32, wordyOK)
	eventually(t, "the owner was told", func() bool { return slices.Equal(told.all(), []bool{true}) })
	if s := w.box.Stats(); !s.LogHeld || s.LogBytes < heldLogSize(4*mib) || s.LogBytes+s.Bytes > s.Limit {
		t.Errorf("%+v", s)
	}
	release()
	for range 3 { // moved into the file, begun again, and cut
		w.check("CP_001", ok())
		w.flush()
	}
	eventually(t, "the owner was told", func() bool { return slices.Equal(told.all(), []bool{true, false}) })
	if s := w.box.Stats(); s.LogHeld || s.LogBytes > 2*logSize(4*mib) {
		t.Errorf("%+v", s)
	}
	release = holdLog(t, w.dir)
	w.check("CP_001", ok())
	w.reopen()
	release()
	w.close()
	equal(t, "lines", query(t, w.dir, `SELECT event FROM events ORDER BY run`), w.written)
}

// A log that is held grows to the bound and no further: then the outbox goes on in memory,
// until the other program ends its transaction.
func TestLogThatFillsTheBound(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{MaxSize: 4 * mib, probeEvery: 5 * time.Millisecond})
	release := holdLog(t, w.dir)
	onDisk := func() int64 {
		info, err := os.Stat(filepath.Join(w.dir, fileName))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size() + logFileSize(t, w.dir)
	}
	for w.refusals() == 0 && onDisk() < 5*mib {
		ticket := w.checkAtOnce(64, wordyOK(0))
		eventually(t, "a commit or a refusal", func() bool { return w.box.Kept() >= ticket || w.refusals() > 0 })
	}
	if w.refusals() != 1 || w.why[0].Error() != errLogHeld.Error() || onDisk() > 4*mib+mib/4 {
		t.Fatalf("refused: %v; %d bytes on disk", w.why, onDisk())
	}
	w.written = w.written[:64*w.box.KeptIn(1)]
	w.rejudge([]evcp.Observation{checked(ko())})
	w.flush()
	size := onDisk()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	for ctx.Err() == nil { // the disk is tried meanwhile
		if w.hasRecovered() || onDisk() > size {
			t.Fatalf("in memory: %v, %d bytes on disk, then %d", !w.hasRecovered(), size, onDisk())
		}
		time.Sleep(10 * time.Millisecond)
	}
	release()
	eventually(t, "the disk", w.hasRecovered)
	w.reopen()
	defer w.close()
	got, _ := w.waitLines(w.box.Cursor(Kafka), len(w.written))
	equal(t, "lines", got, w.written)
}
