package outbox

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks our files: "evcp".
const applicationID = 0x65766370

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

// errForeign and errNewer are reasons to put a file aside.
var (
	errForeign = errors.New("it belongs to another program")
	errNewer   = errors.New("a newer version of this program wrote it")
)

// openStore opens or makes the file in dir and brings its schema up to date.
// limit bounds the log as share does.
func openStore(dir, vfs string, limit int64) (*store, error) {
	path := filepath.Join(dir, fileName)
	s, err := connect(context.Background(), fileURI(path, vfs, "rwc"))
	if err != nil {
		return nil, err
	}
	s.path = path
	if err := s.prepare(fmt.Sprintf(`PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
		PRAGMA journal_size_limit=%d; PRAGMA wal_autocheckpoint=%d; PRAGMA cache_size=-512`,
		share(limit), share(limit)/pageSize)); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openMemory makes the same store without a disk.
func openMemory() (*store, error) {
	s, err := connect(sqlite3.WithMaxMemory(context.Background(), 3*memorySize), ":memory:")
	if err != nil {
		return nil, err
	}
	if err := s.prepare(`PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF`); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openReader opens the file beside its writer.
func openReader(path, vfs string) (*store, error) {
	s, err := connect(context.Background(), fileURI(path, vfs, "rw"))
	if err != nil {
		return nil, err
	}
	s.path = path
	if err := s.conn.Exec(`PRAGMA query_only=ON; PRAGMA cache_size=-256`); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openAside opens a file that was put aside. It must stay as it is.
func openAside(path, vfs string) (*store, error) {
	s, err := connect(context.Background(), fileURI(path, vfs, "ro"))
	if err == nil {
		s.path = path
	}
	return s, err
}

// pageSize is SQLite's own choice.
const pageSize = 4096

// share is the part of the bound that the log may take before it is moved into
// the file, that may be written between two looks at the size, and that is given
// up at once. Together they stay within a quarter of the bound.
func share(limit int64) int64 { return min(2*mib, limit/32) }

func fileURI(path, vfs, mode string) string {
	query := url.Values{"mode": {mode}}
	if vfs != "" {
		query.Set("vfs", vfs)
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String()
}

func connect(ctx context.Context, name string) (*store, error) {
	conn, err := sqlite3.OpenContext(ctx, name)
	if err != nil {
		return nil, err
	}
	s := &store{conn: conn, stmts: map[string]*sqlite3.Stmt{}}
	if err := conn.BusyTimeout(time.Second); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// prepare looks whose file it is before it changes anything in it.
func (s *store) prepare(pragmas string) error {
	var id, version, tables int64
	if err := s.ask(`PRAGMA application_id`, &id); err != nil {
		return err
	}
	if err := s.ask(`PRAGMA user_version`, &version); err != nil {
		return err
	}
	if err := s.ask(`SELECT count(*) FROM sqlite_schema`, &tables); err != nil {
		return err
	}
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	switch {
	case err != nil:
		return err
	case id != applicationID && (id != 0 || version != 0 || tables != 0):
		return errForeign
	case version > int64(len(steps)):
		return errNewer
	}
	if err := s.conn.Exec(pragmas); err != nil {
		return err
	}
	return s.migrate(steps[version:], int(version))
}

func (s *store) migrate(steps []string, version int) error {
	for i, step := range steps {
		sql, err := fs.ReadFile(migrations, step)
		if err != nil {
			return err
		}
		if err := s.conn.Exec(fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
			sql, applicationID, version+i+1)); err != nil {
			return errors.Join(fmt.Errorf("apply %s: %w", step, err), s.rollback())
		}
	}
	return nil
}

// stmt prepares a statement once.
func (s *store) stmt(sql string) (*sqlite3.Stmt, error) {
	if p, ok := s.stmts[sql]; ok {
		return p, nil
	}
	p, _, err := s.conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	s.stmts[sql] = p
	return p, nil
}

// do executes a statement that returns nothing.
func (s *store) do(sql string, args ...any) error {
	p, err := s.bind(sql, args)
	if err != nil {
		return err
	}
	return p.Exec()
}

// each calls row for every row that a query returns.
func (s *store) each(sql string, row func(*sqlite3.Stmt) error, args ...any) error {
	p, err := s.bind(sql, args)
	if err != nil {
		return err
	}
	for p.Step() {
		if err := row(p); err != nil {
			return errors.Join(err, p.Reset())
		}
	}
	return errors.Join(p.Err(), p.Reset())
}

// ask reads the integers of the first row; without a row they stay as they were.
func (s *store) ask(sql string, into ...*int64) error { return s.askFor(sql, nil, into...) }

func (s *store) askFor(sql string, args []any, into ...*int64) error {
	return s.each(sql, func(p *sqlite3.Stmt) error {
		for i := range into {
			*into[i] = p.ColumnInt64(i)
		}
		return nil
	}, args...)
}

func (s *store) bind(sql string, args []any) (*sqlite3.Stmt, error) {
	p, err := s.stmt(sql)
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

func bindOne(p *sqlite3.Stmt, i int, a any) error {
	switch v := a.(type) {
	case int64:
		return p.BindInt64(i, v)
	case int:
		return p.BindInt(i, v)
	case string:
		return p.BindText(i, v)
	case []byte:
		return p.BindBlob(i, v)
	}
	return fmt.Errorf("bind %T", a)
}

// transact runs f in a transaction. When synced, its commit survives power loss,
// and so does everything before it.
func (s *store) transact(synced bool, f func() error) error {
	if err := s.sync(synced); err != nil {
		return err
	}
	if err := s.do(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = s.do(`COMMIT`)
	}
	if err != nil {
		return errors.Join(err, s.rollback())
	}
	return nil
}

func (s *store) inMemory() bool { return s.path == "" }

// locked runs f while nobody else uses the store.
func (s *store) locked(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}

// sync says whether commits wait for the platter.
func (s *store) sync(on bool) error {
	if s.inMemory() || on == s.synced {
		return nil
	}
	s.synced = on
	if on {
		return s.conn.Exec(`PRAGMA synchronous=FULL`)
	}
	return s.conn.Exec(`PRAGMA synchronous=NORMAL`)
}

// rollback ends a transaction that failed, unless SQLite has done so.
func (s *store) rollback() error {
	if s.conn.GetAutocommit() {
		return nil
	}
	return s.conn.Exec(`ROLLBACK`)
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
