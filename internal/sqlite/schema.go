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
}

// Why a file can't be used.
var (
	ErrForeign = errors.New("it belongs to another program")
	ErrNewer   = errors.New("a newer version of this program wrote it")
	ErrContent = errors.New("unreadable content") // SQLite can read it, and its owner can't
	ErrEmpty   = errors.New("nothing is in it yet")
)

// What a file is called that is put aside.
const (
	Corrupt = "corrupt"
	Foreign = "foreign"
	Newer   = "newer"
)

// Unusable says in one word why a file must be put aside; "" when the trouble is not
// the file's: the disk's, say, or the rights'.
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

// stamps says whose file it is: all are 0 in one that was just made.
type stamps struct{ id, version, tables int64 }

func (db *DB) stamps() (st stamps, err error) {
	err = errors.Join(db.QueryInts(`PRAGMA application_id`, &st.id), db.QueryInts(`PRAGMA user_version`, &st.version),
		db.QueryInts(`SELECT count(*) FROM sqlite_schema`, &st.tables))
	return st, err
}

// usable reports whether this version, which knows so many steps, can use the file.
func (k Schema) usable(st stamps, steps int) error {
	switch {
	case st.id != k.ApplicationID && st != stamps{}:
		return ErrForeign
	case st.version > int64(steps):
		return ErrNewer
	}
	return nil
}

func (k Schema) steps() ([]string, error) { return fs.Glob(k.Migrations, "migrations/*.sql") }

// prepare looks whose file it is before it changes anything in it.
func (k Schema) prepare(db *DB, pragmas string) error {
	all, err := k.steps()
	if err != nil {
		return err
	}
	st, err := db.stamps()
	if err != nil {
		return err
	}
	if err := k.usable(st, len(all)); err != nil {
		return err
	}
	if err := db.conn.Exec(pragmas); err != nil {
		return err
	}
	return k.migrate(db, all[st.version:], int(st.version))
}

func (k Schema) migrate(db *DB, todo []string, version int) error {
	for i, step := range todo {
		sql, err := fs.ReadFile(k.Migrations, step)
		if err != nil {
			return err
		}
		if err := db.conn.Exec(fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
			sql, k.ApplicationID, version+i+1)); err != nil {
			return errors.Join(fmt.Errorf("apply %s: %w", step, err), db.rollback())
		}
	}
	return nil
}

// early is the error of a reader, who may have come while the file was made: it has its
// size before it has its first page, and a journal beside it till then.
func early(f Location, err error) error {
	if errors.Is(err, sqlite3.NOTADB) {
		if _, gone := os.Stat(f.Path + "-journal"); gone == nil {
			return ErrEmpty
		}
	}
	return err
}

// ours is a connection that reads, if the file is of this kind. It looks at one
// moment: a process may be making the file.
func (k Schema) ours(db *DB, err error) (*DB, error) {
	if err != nil {
		return nil, err
	}
	return db.checked(k.look(db))
}

func (k Schema) look(db *DB) (err error) {
	if err := db.conn.Exec(`BEGIN`); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.rollback()) }()
	all, err := k.steps()
	if err != nil {
		return err
	}
	st, err := db.stamps()
	switch {
	case err != nil:
		return err
	case st == stamps{}:
		return ErrEmpty
	}
	return k.usable(st, len(all))
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
