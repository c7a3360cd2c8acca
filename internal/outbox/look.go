package outbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"evcp"
)

// ErrNothingKept is a folder in which no Monitor has kept anything.
var ErrNothingKept = errors.New("nothing is kept there")

// History reads what a folder keeps, beside the process that owns it or without
// one. It changes no file and makes none, so that it may run as another user;
// only of a crashed folder that was copied without its -shm file SQLite makes
// that one anew. A History belongs to one goroutine.
type History struct {
	store *store
	path  string
	still bool // no process had the file when it was opened: it can't grow unseen
	after int64
}

// OpenHistory opens the history of the folder dir for reading. ErrNothingKept
// means that there is none.
func OpenHistory(dir string) (*History, error) {
	h := &History{path: filepath.Join(dir, fileName)}
	if _, err := os.Stat(h.path); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNothingKept
	}
	if err := h.open(); err != nil {
		return nil, fmt.Errorf("read %s: %w", h.path, err)
	}
	return h, nil
}

// open connects. Without a log nobody has the file open, and nothing but the file
// itself is needed. With one, readers and the writer agree in the files that the
// writer has made.
func (h *History) open() error {
	_, err := os.Stat(h.path + "-wal")
	h.still = errors.Is(err, fs.ErrNotExist)
	s, err := connect(context.Background(), readURI(h.path, h.still))
	if err != nil {
		return err
	}
	if err := errors.Join(s.conn.Exec(`PRAGMA query_only=ON; PRAGMA cache_size=-256`), s.ours()); err != nil {
		return errors.Join(err, s.close())
	}
	h.store = s
	return nil
}

func readURI(path string, still bool) string {
	query := url.Values{"mode": {"ro"}}
	if still {
		query.Set("immutable", "1")
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String()
}

// ours reports whether this version can read the file.
func (s *store) ours() error {
	var id, version int64
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	if err := errors.Join(err, s.ask(`PRAGMA application_id`, &id), s.ask(`PRAGMA user_version`, &version)); err != nil {
		return err
	}
	switch {
	case id != applicationID:
		return errForeign
	case version > int64(len(steps)):
		return errNewer
	}
	return nil
}

// Since passes over what was kept before the run that holds the moment from.
func (h *History) Since(from evcp.Stamp) error {
	return h.store.askFor(`SELECT id - 1 FROM runs WHERE until >= ? ORDER BY id LIMIT 1`, []any{int64(from)}, &h.after)
}

// Next reads the next run; false when there is none yet. A process that began to
// write since is noticed, and followed.
func (h *History) Next() (Run, bool, error) {
	run, ok, err := h.store.readAfter(h.after, 1<<62)
	if (!ok || err != nil) && h.stale() {
		if err := errors.Join(h.store.close(), h.open()); err != nil {
			return Run{}, false, fmt.Errorf("read %s: %w", h.path, err)
		}
		run, ok, err = h.store.readAfter(h.after, 1<<62)
	}
	if err != nil && !errors.Is(err, sqlite3.BUSY) {
		return Run{}, false, fmt.Errorf("read %s: %w", h.path, err)
	}
	if ok {
		h.after = run.ID
	}
	return run, ok, nil
}

// stale reports whether the file changed hands: a Monitor began, or ended.
func (h *History) stale() bool {
	_, err := os.Stat(h.path + "-wal")
	return errors.Is(err, fs.ErrNotExist) != h.still
}

// Close lets go of the file.
func (h *History) Close() error { return h.store.close() }
