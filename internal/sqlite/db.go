// Package sqlite opens a program's own SQLite file and brings its schema up to date. A
// file is opened to be written (Schema.Open), for reading beside its writer
// (OpenReader), for reading on a disk that takes no writes (OpenImmutable), or in memory
// (Schema.OpenMemory).
//
// A file that belongs to another program, or was written by a newer version of this one,
// is refused before anything in it is changed. SQLite's own errors are returned as they
// are, so that errors.Is finds sqlite3.BUSY and its like.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"evcp/internal/folder"
)

// Stmt is a prepared statement. While it is at a row, the columns are read from it.
type Stmt = sqlite3.Stmt

// DBFile is where a file is, and who may read it.
type DBFile struct {
	Path    string
	VFS     string // the SQLite VFS that is the disk; "" is the operating system's
	Private bool   // a new file is for the user of this process alone
}

// DB is a connection with its prepared statements. One goroutine owns it; where a second
// one reads, both use WithLock.
type DB struct {
	mu       sync.Mutex
	conn     *sqlite3.Conn // nil when it is closed
	inMemory bool
	synced   bool // commits are synced at once
	prepared map[string]*sqlite3.Stmt
	path     string
	info     [len(ownFiles)]os.FileInfo // of the file and its log, when it was opened for writing
}

// ownFiles are the suffixes of the file and of its log.
var ownFiles = [...]string{"", "-wal"}

// Open opens or makes a file and brings its schema up to date. The pragmas are executed
// before that, and only on a file of this schema. On ErrForeign and ErrNewer the file is
// unchanged. The log gets the owner and the mode of the file: it holds what the file does.
func (s Schema) Open(f DBFile, pragmas string) (*DB, error) {
	if f.Private {
		if err := makePrivate(f.Path); err != nil {
			return nil, err
		}
	}
	db, err := connect(context.Background(), f.uri("rwc", "modeof", f.Path))
	if err != nil {
		return nil, err
	}
	if db, err = db.checked(s.prepare(db, pragmas)); err != nil {
		return nil, err
	}
	db.path = f.Path
	for i, suffix := range ownFiles {
		db.info[i], _ = os.Stat(f.Path + suffix) // without it, the loss of the file goes unnoticed
	}
	return db, nil
}

// makePrivate makes an empty file for the user of this process alone, if there is none.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// UnusableFile is one that was put aside.
type UnusableFile struct {
	Name string // its new name; "": there was none
	Why  string // for people
}

// OpenOrReplace is Open, and puts a file aside that can't be used: a new one takes its place.
func (s Schema) OpenOrReplace(f DBFile, pragmas string) (db *DB, aside UnusableFile, err error) {
	db, err = s.Open(f, pragmas)
	kind := Unusable(err)
	if kind == "" {
		return db, aside, err
	}
	aside.Why = Reason(err)
	if aside.Name, err = folder.PutAside(f.Path, kind, time.Now()); err != nil {
		return nil, aside, err
	}
	db, err = s.Open(f, pragmas)
	return db, aside, err
}

// Replaced reports whether the file that Schema.Open opened, or its log, is not the one in
// its folder any more: what is written then can't be found again.
func (db *DB) Replaced() bool {
	for i, suffix := range ownFiles {
		if folder.Replaced(db.path+suffix, db.info[i]) {
			return true
		}
	}
	return false
}

// OpenMemory makes the same in memory. Beyond limit bytes SQLite's library panics.
func (s Schema) OpenMemory(limit int64, pragmas string) (*DB, error) {
	db, err := connect(sqlite3.WithMaxMemory(context.Background(), limit), ":memory:")
	if err != nil {
		return nil, err
	}
	db.inMemory = true
	return db.checked(s.prepare(db, pragmas))
}

// OpenReader opens a file for reading that this process has open for writing.
func OpenReader(f DBFile) (*DB, error) { return read(f.uri("rw"), "") }

// OpenReader opens a file for reading that another process has open for writing, and
// changes nothing. ErrEmpty is one that a process is just making. Without a writer SQLite
// would make a log: see HasWAL, and OpenImmutable.
func (s Schema) OpenReader(f DBFile) (*DB, error) {
	db, err := s.verified(read(f.uri("ro"), ""))
	return db, emptyWhileMade(f, err)
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

// uri names the file to SQLite; more are names and values of further parameters.
func (f DBFile) uri(mode string, more ...string) string {
	query := url.Values{"mode": {mode}}
	if f.VFS != "" {
		query.Set("vfs", f.VFS)
	}
	for pair := range slices.Chunk(more, 2) {
		query.Set(pair[0], pair[1])
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

// InMemory reports whether OpenMemory made it.
func (db *DB) InMemory() bool { return db.inMemory }

// WithLock runs f while nobody else uses the connection.
func (db *DB) WithLock(f func() error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return f()
}

// Usage is how many bytes of the file are used, and how many are free.
func (db *DB) Usage() (used, free int64, err error) {
	var size, pages int64
	err = errors.Join(db.QueryInts(`PRAGMA page_size`, &size), db.QueryInts(`PRAGMA page_count`, &pages),
		db.QueryInts(`PRAGMA freelist_count`, &free))
	return (pages - free) * size, free * size, err
}

// Vacuum gives at most so many free bytes back to the disk.
func (db *DB) Vacuum(bytes int64) error { return db.execPages(`PRAGMA incremental_vacuum=`, bytes) }

// execPages executes a pragma whose value is a number of pages.
func (db *DB) execPages(pragma string, bytes int64) error {
	var size int64
	if err := db.QueryInts(`PRAGMA page_size`, &size); err != nil {
		return err
	}
	return db.conn.Exec(pragma + strconv.FormatInt(bytes/size, 10))
}

// Closed reports whether Close was called. The nil DB is closed.
func (db *DB) Closed() bool { return db == nil || db.conn == nil }

// Close closes the connection. It may be called again, and on nil.
func (db *DB) Close() error {
	if db.Closed() {
		return nil
	}
	for _, p := range db.prepared {
		_ = p.Close() // repeats the error of its last execution
	}
	err := db.conn.Close()
	db.conn = nil
	return err
}

// Prepare prepares a statement once; later calls return the same.
func (db *DB) Prepare(sql string) (*Stmt, error) {
	if p, ok := db.prepared[sql]; ok {
		return p, nil
	}
	p, _, err := db.conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	db.prepared[sql] = p
	return p, nil
}

// Exec executes a statement that returns nothing.
func (db *DB) Exec(sql string, args ...any) error {
	p, err := db.bind(sql, args)
	if err != nil {
		return err
	}
	return p.Exec()
}

// ErrStop ends Query without an error, when the function that it calls returns it.
var ErrStop = errors.New("stop")

// Query calls row for each row of the result.
func (db *DB) Query(sql string, row func(*Stmt) error, args ...any) error {
	p, err := db.bind(sql, args)
	if err != nil {
		return err
	}
	for p.Step() {
		err := row(p)
		if errors.Is(err, ErrStop) {
			return p.Reset()
		}
		if err != nil {
			return errors.Join(err, p.Reset())
		}
	}
	return errors.Join(p.Err(), p.Reset())
}

// QueryInts reads the integers of the first row; without a row they stay as they were.
func (db *DB) QueryInts(sql string, into ...*int64) error { return db.QueryIntsFor(sql, nil, into...) }

// QueryIntsFor is QueryInts with values for the question marks.
func (db *DB) QueryIntsFor(sql string, args []any, into ...*int64) error {
	return db.Query(sql, func(p *Stmt) error {
		for i := range into {
			*into[i] = p.ColumnInt64(i)
		}
		return nil
	}, args...)
}

func (db *DB) bind(sql string, args []any) (*Stmt, error) {
	p, err := db.Prepare(sql)
	if err != nil {
		return nil, err
	}
	for i, a := range args {
		if err := bindOne(p, i+1, a); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func bindOne(p *Stmt, i int, a any) error {
	switch v := a.(type) {
	case int64:
		return p.BindInt64(i, v)
	case int:
		return p.BindInt(i, v)
	case bool:
		return p.BindBool(i, v)
	case string:
		return p.BindText(i, v)
	case []byte:
		return p.BindBlob(i, v)
	}
	return fmt.Errorf("bind %T", a)
}

// Transact runs f in a transaction. When synced, its commit survives power loss,
// and so does everything before it.
func (db *DB) Transact(synced bool, f func() error) error {
	if err := db.sync(synced); err != nil {
		return err
	}
	if err := db.Exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = db.Exec(`COMMIT`)
	}
	if err != nil {
		return errors.Join(err, db.rollback())
	}
	return nil
}

// sync sets whether commits wait until they are on stable storage.
func (db *DB) sync(on bool) error {
	if db.inMemory || on == db.synced {
		return nil
	}
	db.synced = on
	if on {
		return db.conn.Exec(`PRAGMA synchronous=FULL`)
	}
	return db.conn.Exec(`PRAGMA synchronous=NORMAL`)
}

// rollback ends a transaction that failed, unless SQLite has done that already.
func (db *DB) rollback() error {
	if db.conn.GetAutocommit() {
		return nil
	}
	return db.conn.Exec(`ROLLBACK`)
}
