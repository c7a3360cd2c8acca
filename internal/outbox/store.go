package outbox

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// fileName is the file in the folder of the outbox.
const fileName = "outbox.db"

// store is one SQLite connection with what it has prepared. One goroutine owns
// it; where a second one reads, both go through locked.
type store struct {
	mu     sync.Mutex
	conn   *sqlite3.Conn
	path   string // "" in memory
	synced bool   // commits are synced at once
	stmts  map[string]*sqlite3.Stmt
}

// openStore opens or makes the file in dir and brings its schema up to date.
// limit bounds the log as share does.
func openStore(dir, vfs string, limit int64) (*store, error) {
	path := filepath.Join(dir, fileName)
	s, err := connect(context.Background(), fileURI(path, vfs, "rwc"))
	if err != nil {
		return nil, err
	}
	s.path = path
	return s.checked(s.prepare(fmt.Sprintf(`PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
		PRAGMA journal_size_limit=%d; PRAGMA wal_autocheckpoint=%d; PRAGMA cache_size=-128`,
		share(limit), share(limit)/pageSize)))
}

// openMemory makes the same store without a disk.
func openMemory() (*store, error) {
	s, err := connect(sqlite3.WithMaxMemory(context.Background(), 3*memorySize), ":memory:")
	if err != nil {
		return nil, err
	}
	return s.checked(s.prepare(`PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF`))
}

// openReader opens the file beside its writer.
func openReader(path, vfs string) (*store, error) {
	s, err := connect(context.Background(), fileURI(path, vfs, "rw"))
	if err != nil {
		return nil, err
	}
	s.path = path
	return s.checked(s.conn.Exec(readerPragmas))
}

const readerPragmas = `PRAGMA query_only=ON; PRAGMA cache_size=-64`

// pageSize is SQLite's own choice.
const pageSize = 4096

// share is the part of the bound that the log may take before it is moved into
// the file, that may be written between two looks at the size, and that is given
// up at once. Together they stay within a quarter of the bound.
func share(limit int64) int64 { return min(2*mib, limit/32) }

func fileURI(path, vfs, mode string, more ...string) string {
	query := url.Values{"mode": {mode}}
	if vfs != "" {
		query.Set("vfs", vfs)
	}
	for _, name := range more {
		query.Set(name, "1")
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String()
}

func connect(ctx context.Context, name string) (*store, error) {
	conn, err := sqlite3.OpenContext(ctx, name)
	if err != nil {
		return nil, err
	}
	s := &store{conn: conn, stmts: map[string]*sqlite3.Stmt{}}
	return s.checked(conn.BusyTimeout(time.Second))
}

// checked is the store, unless something went wrong: then it is closed.
func (s *store) checked(err error) (*store, error) {
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *store) inMemory() bool { return s.path == "" }

// locked runs f while nobody else uses the store.
func (s *store) locked(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}

func (s *store) meta(name string) (value string, err error) {
	err = s.each(`SELECT value FROM meta WHERE name=?`, func(p *sqlite3.Stmt) error {
		value = p.ColumnText(0)
		return nil
	}, name)
	return value, err
}

func (s *store) setMeta(name, value string) error {
	return s.do(`INSERT INTO meta VALUES (?,?) ON CONFLICT DO UPDATE SET value=excluded.value`, name, value)
}

func (s *store) host() (h host, err error) {
	h.instance, err = s.meta("instance")
	if err == nil {
		h.machine, err = s.meta("machine")
	}
	return h, err
}

func (s *store) setHost(h host) error {
	return errors.Join(s.setMeta("instance", h.instance), s.setMeta("machine", h.machine))
}

// checkpoint moves everything from the log into the file.
func (s *store) checkpoint() error {
	_, _, err := s.conn.WALCheckpoint("", sqlite3.CHECKPOINT_TRUNCATE)
	return err
}

// used is how many bytes the file and its log take, free pages aside, and how
// many pages are free.
func (s *store) used() (bytes, free int64, err error) {
	var pages, size int64
	err = errors.Join(s.ask(`PRAGMA page_count`, &pages), s.ask(`PRAGMA freelist_count`, &free), s.ask(`PRAGMA page_size`, &size))
	return (pages - free) * size, free, err
}

// vacuum gives free pages back to the disk.
func (s *store) vacuum(pages int64) error {
	return s.conn.Exec(`PRAGMA incremental_vacuum(` + strconv.FormatInt(pages, 10) + `)`)
}

func (s *store) close() error {
	if s == nil || s.conn == nil {
		return nil
	}
	var errs []error
	for _, p := range s.stmts {
		errs = append(errs, p.Close())
	}
	errs = append(errs, s.conn.Close())
	s.conn = nil
	return errors.Join(errs...)
}
