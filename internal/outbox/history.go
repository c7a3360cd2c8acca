package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"evcp"
	"evcp/internal/sqlite"
)

// ErrNothingKept is a folder in which no Monitor has kept an event.
var ErrNothingKept = errors.New("nothing is kept there")

// History reads what a folder keeps, beside the process that owns it or without
// one. It changes no file and makes none, so that it may run as another user; one
// exception: in a crashed folder that was copied without its -shm file, SQLite makes that
// file anew. A History belongs to one goroutine.
type History struct {
	store     runStore
	path      string
	file      os.FileInfo // to notice that the file was put aside and replaced
	immutable bool        // no process had it when it was opened
	snapshot  bool        // opened as if no process had it: the disk has no room to read beside a writer
	after     int64
}

// OpenHistory opens the history of the folder dir for reading. ErrNothingKept
// means that there is none, or that a process is just making it.
func OpenHistory(dir string) (*History, error) {
	h := &History{path: filepath.Join(dir, fileName)}
	if err := h.open(); err != nil {
		return nil, h.wrap(err)
	}
	return h, nil
}

func (h *History) wrap(err error) error {
	if err == nil || errors.Is(err, ErrNothingKept) {
		return err
	}
	return fmt.Errorf("read %s: %w", h.path, err)
}

// open connects. While the owner starts or ends, files appear or vanish, and the file may
// be half made: then it is tried again.
func (h *History) open() (err error) {
	for range 3 {
		if err = h.openOnce(); err == nil || !halfMade(err) && !h.stale() {
			return err
		}
	}
	return err
}

// halfMade reports whether an error may come from a file that is made or closed just now.
func halfMade(err error) bool {
	return errors.Is(err, sqlite3.NOTADB) || errors.Is(err, sqlite3.CORRUPT)
}

// openOnce connects. Without a log no process has the file open, and the file is read
// alone. With one, reader and writer share the files that the writer made; where the disk
// does not allow that, nobody can be writing.
func (h *History) openOnce() error {
	file, err := os.Stat(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNothingKept
	}
	if err != nil {
		return err
	}
	if h.file != nil && !os.SameFile(h.file, file) {
		h.after = 0
	}
	h.file, h.immutable, h.snapshot = file, !sqlite.HasWAL(h.path), false
	f := sqlite.DBFile{Path: h.path}
	if !h.immutable {
		h.store, err = storeOn(schema.OpenReader(f))
		h.snapshot = errors.Is(err, sqlite3.IOERR) || errors.Is(err, sqlite3.CANTOPEN)
	}
	if h.immutable || h.snapshot {
		h.store, err = storeOn(schema.OpenImmutable(f))
	}
	if errors.Is(err, sqlite.ErrEmpty) {
		err = ErrNothingKept
	}
	return err
}

// stale reports whether the way the file is open is the wrong one by now, or may be: a
// Monitor has started or ended, or has put the file aside.
func (h *History) stale() bool {
	if h.snapshot || sqlite.HasWAL(h.path) == h.immutable {
		return true
	}
	file, err := os.Stat(h.path)
	return err == nil && h.file != nil && !os.SameFile(h.file, file)
}

// Since skips the runs that end before the moment from.
func (h *History) Since(from evcp.Stamp) error {
	return h.wrap(h.store.QueryIntsFor(`SELECT id - 1 FROM runs WHERE until >= ? ORDER BY id LIMIT 1`, []any{int64(from)}, &h.after))
}

// Next reads the next run; false when there is none yet. It follows a process that has
// begun to write since.
func (h *History) Next() (Run, bool, error) {
	run, ok, err := h.read()
	if halfMade(err) || (!ok || err != nil) && h.stale() {
		if err = errors.Join(h.Close(), h.open()); err == nil {
			run, ok, err = h.read()
		}
	}
	if errors.Is(err, sqlite3.BUSY) || errors.Is(err, ErrNothingKept) {
		return Run{}, false, nil // soon
	}
	if err != nil {
		return Run{}, false, h.wrap(err)
	}
	if ok {
		h.after = run.ID
	}
	return run, ok, nil
}

func (h *History) read() (Run, bool, error) {
	if h.store.Closed() {
		if err := h.open(); err != nil {
			return Run{}, false, err
		}
	}
	return h.store.readAfter(h.after, 1<<62)
}

// Close closes the file.
func (h *History) Close() error { return h.store.Close() }
