// Package sqlite is a program's own file in SQLite's format: whose it is, which
// schema it has, what is prepared in it, and the ways it can be opened: to be
// written, beside its writer, on a disk that takes nothing, or in memory. What is
// kept in it is its owner's affair.
//
// A file that belongs to another program, or was written by a newer version of its
// own, is refused before anything in it is changed. SQLite's own errors come as they
// are, so that errors.Is knows sqlite3.BUSY and its like.
package sqlite

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Stmt is where a query stands: its columns are read from it.
type Stmt = sqlite3.Stmt

// Location is where a file is: its path, and the SQLite VFS that is the disk; "" is the
// operating system's.
type Location struct{ Path, VFS string }

// PageSize is SQLite's own choice, in bytes.
const PageSize = 4096

// DB is a connection with what it has prepared. One goroutine owns it; where a second
// one reads, both go through Locked.
type DB struct {
	mu       sync.Mutex
	conn     *sqlite3.Conn // nil when it is closed
	inMemory bool
	synced   bool // commits are synced at once
	prepared map[string]*sqlite3.Stmt
}

// Open opens or makes a file and brings its schema up to date. What
// pragmas ask for happens before that, and only to a file of this kind. ErrForeign
// and ErrNewer are files that stay as they are.
func (k Schema) Open(f Location, pragmas string) (*DB, error) {
	db, err := connect(context.Background(), f.uri("rwc"))
	if err != nil {
		return nil, err
	}
	return db.checked(k.prepare(db, pragmas))
}

// OpenMemory makes the same without a disk. More than limit bytes it takes never.
func (k Schema) OpenMemory(limit int64, pragmas string) (*DB, error) {
	db, err := connect(sqlite3.WithMaxMemory(context.Background(), limit), ":memory:")
	if err != nil {
		return nil, err
	}
	db.inMemory = true
	return db.checked(k.prepare(db, pragmas))
}

// OpenReader opens a file for reading that this process has open for writing.
func OpenReader(f Location) (*DB, error) { return read(f.uri("rw"), "") }

// OpenReader opens a file for reading that another process has open for writing, and
// changes nothing. ErrEmpty is one that is just being made. Without a writer SQLite
// would make a log: see HasLog, and Still.
func (k Schema) OpenReader(f Location) (*DB, error) {
	db, err := k.ours(read(f.uri("ro"), ""))
	return db, early(f, err)
}

// read opens for reading only, with few pages in memory.
func read(uri, pragmas string) (*DB, error) {
	db, err := connect(context.Background(), uri)
	if err != nil {
		return nil, err
	}
	return db.checked(db.conn.Exec(pragmas + `PRAGMA query_only=ON; PRAGMA cache_size=-64`))
}

func connect(ctx context.Context, uri string) (*DB, error) {
	conn, err := sqlite3.OpenContext(ctx, uri)
	if err != nil {
		return nil, err
	}
	db := &DB{conn: conn, prepared: map[string]*sqlite3.Stmt{}}
	return db.checked(conn.BusyTimeout(time.Second))
}

// uri names the file to SQLite.
func (f Location) uri(mode string, more ...string) string {
	query := url.Values{"mode": {mode}}
	if f.VFS != "" {
		query.Set("vfs", f.VFS)
	}
	for _, name := range more {
		query.Set(name, "1")
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(f.Path), RawQuery: query.Encode()}).String()
}

// checked is the connection, unless something went wrong: then it is closed.
func (db *DB) checked(err error) (*DB, error) {
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// InMemory reports whether there is no disk under it.
func (db *DB) InMemory() bool { return db.inMemory }

// WithLock runs f while nobody else uses the connection.
func (db *DB) WithLock(f func() error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return f()
}

// Checkpoint moves everything from the log into the file.
func (db *DB) Checkpoint() error {
	_, _, err := db.conn.WALCheckpoint("", sqlite3.CHECKPOINT_TRUNCATE)
	return err
}

// Usage is how many bytes the file and its log take, free pages aside, and how many
// pages are free.
func (db *DB) Usage() (bytes, free int64, err error) {
	var pages int64
	err = errors.Join(db.QueryInts(`PRAGMA page_count`, &pages), db.QueryInts(`PRAGMA freelist_count`, &free))
	return (pages - free) * PageSize, free, err
}

// Vacuum gives free pages back to the disk.
func (db *DB) Vacuum(pages int64) error {
	return db.conn.Exec(`PRAGMA incremental_vacuum(` + strconv.FormatInt(pages, 10) + `)`)
}

// Closed reports whether Close was called.
func (db *DB) Closed() bool { return db.conn == nil }

// Close lets go of the file. It may be called again, and of none.
func (db *DB) Close() error {
	if db == nil || db.Closed() {
		return nil
	}
	var errs []error
	for _, p := range db.prepared {
		errs = append(errs, p.Close())
	}
	errs = append(errs, db.conn.Close())
	db.conn = nil
	return errors.Join(errs...)
}
