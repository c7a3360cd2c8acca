package central

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"evcp/internal/folder"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	fileName = "central.db"
	lockName = "central.lock"
	// ours marks the file as one of EV_Central's: "EVCT".
	ours = 0x45564354
	// checkedSize is the largest file that is read as a whole at start.
	checkedSize = 256 << 20
)

// store keeps the charge points on disk. It is used by one goroutine at a time.
type store struct {
	dir  string
	lock *folder.Lock
	db   *sqlite3.Conn
}

// aside is a file that could not be used: its new name, and why in one line.
type aside struct{ file, why string }

// openStore takes the folder; a folder that another process has is
// folder.ErrInUse. A file that is damaged, foreign or newer than this program is put
// aside and named, never deleted.
func openStore(dir string) (*store, []aside, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, nil, fmt.Errorf("create it: %w", err)
	}
	lock, err := folder.Take(dir, lockName)
	if errors.Is(err, folder.ErrInUse) {
		return nil, nil, fmt.Errorf("%w; give this EV_Central a folder of its own with --state-dir", err)
	}
	if err != nil {
		return nil, nil, err
	}
	s := &store{dir: dir, lock: lock}
	var put []aside
	err = s.open()
	if unusable(err) != "" {
		var note aside
		if note, err = s.renew(err); err == nil {
			put = append(put, note)
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	return s, put, nil
}

func (s *store) path() string { return filepath.Join(s.dir, fileName) }

// open opens the file, checks it, and only then changes anything in it.
func (s *store) open() error {
	db, err := sqlite3.Open("file:" + filepath.ToSlash(s.path()) + "?_pragma=busy_timeout(2000)")
	if err != nil {
		return fmt.Errorf("open %s: %w", fileName, err)
	}
	s.db = db
	if err := s.prepare(); err != nil {
		s.db = nil
		return errors.Join(err, db.Close())
	}
	return nil
}

func (s *store) prepare() error {
	if err := s.check(); err != nil {
		return err
	}
	if err := s.db.Exec("PRAGMA journal_mode=wal; PRAGMA synchronous=normal"); err != nil {
		return fmt.Errorf("set journal: %w", err)
	}
	return s.migrate()
}

// Reasons to put a file aside.
var (
	errForeign = errors.New("it belongs to another program")
	errNewer   = errors.New("a newer EV_Central wrote it")
)

// unusable says in one word why the file is at fault, and "" when the disk is, or
// the rights.
func unusable(err error) string {
	switch {
	case errors.Is(err, errForeign):
		return "foreign"
	case errors.Is(err, errNewer):
		return "newer"
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return "corrupt"
	}
	return ""
}

// check finds out whose file it is and whether it is whole.
func (s *store) check() error {
	if err := s.identify(); err != nil {
		return err
	}
	if info, err := os.Stat(s.path()); err == nil && info.Size() > checkedSize {
		return nil
	}
	found, err := s.text("PRAGMA quick_check(1)")
	if err == nil && found != "ok" {
		err = fmt.Errorf("%w: %s", sqlite3.CORRUPT, found)
	}
	return err
}

func (s *store) identify() error {
	id, err1 := s.number("PRAGMA application_id")
	tables, err2 := s.number("SELECT count(*) FROM sqlite_schema")
	done, err3 := s.number("PRAGMA user_version")
	switch err := errors.Join(err1, err2, err3); {
	case err != nil:
		return err
	case tables > 0 && id != ours:
		return fmt.Errorf("%w: application_id is %#x", errForeign, id)
	case done > int64(len(steps())):
		return fmt.Errorf("%w: its version is %d, this one knows %d", errNewer, done, len(steps()))
	default:
		return nil
	}
}

// steps are the names of the migrations, in order.
func steps() []string {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(fmt.Sprintf("central: list embedded migrations: %v", err)) // the pattern is a constant
	}
	return names
}

// migrate applies the numbered steps that the file has not seen.
func (s *store) migrate() error {
	done, err := s.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	all := steps()
	for n := int(done); n < len(all); n++ {
		sql, err := migrations.ReadFile(all[n])
		if err != nil {
			return fmt.Errorf("read migration: %w", err)
		}
		step := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT;", sql, ours, n+1)
		if err := s.db.Exec(step); err != nil {
			return fmt.Errorf("apply %s: %w", all[n], err)
		}
	}
	return nil
}

// renew puts the present file aside and begins a new one.
func (s *store) renew(why error) (aside, error) {
	if s.db != nil {
		_ = s.db.Close() // its file is not to be used any more
		s.db = nil
	}
	name, err := folder.PutAside(s.path(), unusable(why), time.Now())
	if err != nil {
		return aside{}, err
	}
	return aside{file: name, why: folder.OneLine(why)}, s.open()
}

// close gives the folder back.
func (s *store) close() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
		s.db = nil
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}

func (s *store) number(sql string) (int64, error) {
	var n int64
	err := s.query(sql, func(row *sqlite3.Stmt) { n = row.ColumnInt64(0) })
	return n, err
}

func (s *store) text(sql string) (string, error) {
	var t string
	err := s.query(sql, func(row *sqlite3.Stmt) { t = row.ColumnText(0) })
	return t, err
}

func (s *store) query(sql string, each func(row *sqlite3.Stmt)) error {
	stmt, _, err := s.db.Prepare(sql)
	if err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	for stmt.Step() {
		each(stmt)
	}
	if err := errors.Join(stmt.Err(), stmt.Close()); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
