package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/ncruces/go-sqlite3"

	"evcp/internal/folder"
)

// Schema says what the files of a program are.
type Schema struct {
	ApplicationID int64 // the application_id that marks them
	// Migrations has migrations/*.sql: each brings a file one version further, in the order
	// of their names. user_version counts those that a file has seen.
	Migrations fs.FS
	// NewFile are pragmas that a file gets before anything is in it. Some of them would write
	// to the file at each start.
	NewFile string
}

// Why a file can't be used.
var (
	ErrForeign = errors.New("it belongs to another program")
	ErrNewer   = errors.New("a newer version of this program wrote it")
	ErrContent = errors.New("unreadable content") // SQLite can read it, and its owner can't
	ErrEmpty   = errors.New("nothing is in it yet")
)

// The answers of Unusable, which stand in the name of a file that is put aside.
const (
	Corrupt = "corrupt"
	Foreign = "foreign"
	Newer   = "newer"
)

// Unusable says in one word why a file must be put aside; "" when the error is not the
// file's fault but, say, the disk's.
func Unusable(err error) string {
	switch {
	case errors.Is(err, ErrForeign):
		return Foreign
	case errors.Is(err, ErrNewer):
		return Newer
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB), errors.Is(err, ErrContent):
		return Corrupt
	}
	return ""
}

// Reason says the same for people, in one line.
func Reason(err error) string {
	switch Unusable(err) {
	case Foreign:
		return ErrForeign.Error()
	case Newer:
		return ErrNewer.Error()
	}
	return folder.OneLine(err)
}

// fileHeader says whose file it is: all are 0 in one that was just made.
type fileHeader struct{ id, version, tables int64 }

// check reads the header, and reports whether this version, which has those migrations,
// can use the file.
func (s Schema) check(db *DB) (h fileHeader, migrations []string, err error) {
	if migrations, err = fs.Glob(s.Migrations, "migrations/*.sql"); err != nil {
		return h, nil, err
	}
	err = db.QueryInts(`SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id, pragma_user_version`, &h.id, &h.version, &h.tables)
	switch {
	case err != nil:
	case h.id != s.ApplicationID && h != fileHeader{}:
		err = ErrForeign
	case h.version > int64(len(migrations)):
		err = ErrNewer
	}
	return h, migrations, err
}

// prepare checks whose file it is before it changes anything in it, and brings it up to date.
func (s Schema) prepare(db *DB, pragmas string) error {
	h, migrations, err := s.check(db)
	if err != nil {
		return err
	}
	if h == (fileHeader{}) && !db.inMemory {
		pragmas = s.NewFile + pragmas
	}
	if err := db.conn.Exec(pragmas); err != nil {
		return err
	}
	for i, name := range migrations[h.version:] {
		sql, err := fs.ReadFile(s.Migrations, name)
		if err != nil {
			return err
		}
		if err := db.conn.Exec(fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
			sql, s.ApplicationID, h.version+int64(i)+1)); err != nil {
			return errors.Join(fmt.Errorf("apply %s: %w", name, err), db.rollback())
		}
	}
	return nil
}

// emptyWhileMade is the error of a reader that opens a file while it is made: it has its
// size before it has its first page, and a journal beside it until then.
func emptyWhileMade(f DBFile, err error) error {
	if errors.Is(err, sqlite3.NOTADB) {
		if _, gone := os.Stat(f.Path + "-journal"); gone == nil {
			return ErrEmpty
		}
	}
	return err
}

// verified is a connection for reading, if the file is of this schema.
func (s Schema) verified(db *DB, err error) (*DB, error) {
	if err != nil {
		return nil, err
	}
	return db.checked(s.verify(db))
}

// verify reads in one transaction: a process may be making the file.
func (s Schema) verify(db *DB) (err error) {
	if err := db.conn.Exec(`BEGIN`); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.rollback()) }()
	h, _, err := s.check(db)
	if err == nil && h == (fileHeader{}) {
		err = ErrEmpty
	}
	return err
}

// QuickCheck reads the whole file and reports damage as ErrContent.
func (db *DB) QuickCheck() error {
	var problems int64
	err := db.QueryInts(`SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'`, &problems)
	if err == nil && problems > 0 {
		err = ErrContent
	}
	return err
}

// DiskError says for people, in one line, why a file in dir can't be written. SQLite
// reports a full disk and a broken one alike; so another write is tried.
func DiskError(dir string, err error) string {
	if errors.Is(err, sqlite3.IOERR) || errors.Is(err, sqlite3.CANTOPEN) || errors.Is(err, sqlite3.FULL) {
		if cause := ProbeWrite(dir); cause != nil {
			return cause.Error()
		}
	}
	return folder.OneLine(err)
}

// ProbeWrite writes as much to dir as SQLite may want at once, and returns the system's
// bare error, or nil.
func ProbeWrite(dir string) error {
	f, err := os.CreateTemp(dir, "room-*")
	if err == nil {
		_, err = f.Write(make([]byte, 64<<10))
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
