package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ncruces/go-sqlite3"
	"go.uber.org/goleak"
)

// pageSize is SQLite's own choice, in bytes.
const pageSize = 4096

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	first  = `CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0) STRICT`
	second = `ALTER TABLE words ADD COLUMN said INTEGER NOT NULL DEFAULT 7`
)

// kind has as many steps as are given.
func kind(steps ...string) Schema {
	all := fstest.MapFS{}
	for i, sql := range steps {
		all["migrations/"+string(rune('1'+i))+".sql"] = &fstest.MapFile{Data: []byte(sql)}
	}
	return Schema{ApplicationID: 0x74657374, Migrations: all}
}

func open(t *testing.T, k Schema, f DBFile) *DB {
	t.Helper()
	db, err := k.Open(f, `PRAGMA journal_mode=WAL`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func words(t *testing.T, db *DB) string {
	t.Helper()
	var all []string
	must(t, db.Query(`SELECT word FROM words ORDER BY word`, func(r *Stmt) error {
		all = append(all, r.ColumnText(0))
		return nil
	}))
	return strings.Join(all, " ")
}

func newFile(t *testing.T) DBFile { return DBFile{Path: filepath.Join(t.TempDir(), "a.db")} }

// A file of an older version is brought up to date, with what is in it.
func TestStepsAreTakenOnce(t *testing.T) {
	f := newFile(t)
	db := open(t, kind(first), f)
	must(t, db.Exec(`INSERT INTO words (word) VALUES (?)`, "kept"))
	must(t, db.Close())
	for range 2 {
		db = open(t, kind(first, second), f)
		var said int64
		must(t, db.QueryInts(`SELECT said FROM words`, &said))
		if said != 7 || words(t, db) != "kept" {
			t.Errorf("said %d, words %q", said, words(t, db))
		}
		must(t, db.Close())
	}
}

// A step that fails leaves the file at the version before.
func TestStepThatFails(t *testing.T) {
	f := newFile(t)
	must(t, open(t, kind(first), f).Close())
	if _, err := kind(first, `ALTER TABLE words ADD COLUMN more; nonsense`).Open(f, ``); err == nil || !strings.Contains(err.Error(), "migrations/2.sql") {
		t.Errorf("%v, want an error that names the step", err)
	}
	open(t, kind(first, second), f)
}

// What is not ours, or newer, stays byte for byte as it is.
func TestNotOurs(t *testing.T) {
	for _, c := range []struct {
		why  string
		make Schema
		want error
	}{
		{Foreign, Schema{ApplicationID: 7, Migrations: kind(first).Migrations}, ErrForeign},
		{Newer, kind(first, second), ErrNewer},
	} {
		t.Run(c.why, func(t *testing.T) {
			f := newFile(t)
			must(t, open(t, c.make, f).Close())
			before := files(t, f)
			for name, try := range map[string]func() (*DB, error){
				"open":  func() (*DB, error) { return kind(first).Open(f, `PRAGMA journal_mode=DELETE`) },
				"still": func() (*DB, error) { return kind(first).OpenImmutable(f) },
			} {
				_, err := try()
				if !errors.Is(err, c.want) || Unusable(err) != c.why || Reason(err) != c.want.Error() {
					t.Errorf("%s: %v: %q, %q", name, err, Unusable(err), Reason(err))
				}
			}
			if after := files(t, f); after != before {
				t.Error("the file was changed")
			}
			open(t, c.make, f)
			if _, err := kind(first).OpenReader(f); !errors.Is(err, c.want) {
				t.Errorf("beside: %v", err)
			}
		})
	}
}

// files is everything beside a file, to be compared.
func files(t *testing.T, f DBFile) string {
	t.Helper()
	all, err := filepath.Glob(f.Path + "*")
	must(t, err)
	var b strings.Builder
	for _, name := range all {
		content, err := os.ReadFile(name)
		must(t, err)
		b.WriteString(name + "\n" + string(content) + "\n")
	}
	return b.String()
}

// A file that is no database is the file's fault; a folder that is not there isn't.
func TestUnusable(t *testing.T) {
	f := newFile(t)
	must(t, os.WriteFile(f.Path, []byte(strings.Repeat("not a database\n", 1000)), 0o600))
	_, err := kind(first).Open(f, ``)
	if Unusable(err) != Corrupt || strings.Contains(Reason(err), "\n") {
		t.Errorf("%v: %q, %q", err, Unusable(err), Reason(err))
	}
	_, err = kind(first).Open(DBFile{Path: filepath.Join(f.Path, "a.db")}, ``)
	if err == nil || Unusable(err) != "" {
		t.Errorf("%v: %q", err, Unusable(err))
	}
}

// What keeps a file from being opened is said once.
func TestErrorIsSaidOnce(t *testing.T) {
	f := newFile(t)
	must(t, open(t, kind(first), f).Close())
	must(t, os.Mkdir(f.Path+"-shm", 0o700))
	if _, err := kind(first).Open(f, ``); err == nil || strings.Count(err.Error(), "unable to open database file") != 1 {
		t.Errorf("%v", err)
	}
}

// Check finds a page that was scribbled over.
func TestCheck(t *testing.T) {
	f := newFile(t)
	db := open(t, kind(first), f)
	for n := range 2000 {
		must(t, db.Exec(`INSERT INTO words VALUES (?,?)`, strings.Repeat("x", n%90)+string(rune('a'+n%26))+strings.Repeat("y", n/26), n))
	}
	must(t, db.QuickCheck())
	must(t, db.Close())
	b, err := os.ReadFile(f.Path)
	must(t, err)
	copy(b[10*pageSize:], strings.Repeat("\xff", pageSize))
	must(t, os.WriteFile(f.Path, b, 0o600))
	if err := open(t, kind(first), f).QuickCheck(); Unusable(err) != Corrupt {
		t.Errorf("damage: %v", err)
	}
}

// A transaction is all or nothing, and what it reads goes on after an error.
func TestTransact(t *testing.T) {
	db := open(t, kind(first), newFile(t))
	oops := errors.New("oops")
	err := db.Transact(true, func() error { return errors.Join(db.Exec(`INSERT INTO words VALUES ('a', 1)`), oops) })
	if !errors.Is(err, oops) || words(t, db) != "" {
		t.Errorf("%v, words %q", err, words(t, db))
	}
	must(t, db.Transact(false, func() error { return db.Exec(`INSERT INTO words VALUES ('b', 2)`) }))
	if words(t, db) != "b" {
		t.Errorf("words %q", words(t, db))
	}
}

// A walk ends early without a trace, and its statement can walk again.
func TestEach(t *testing.T) {
	db := open(t, kind(first), newFile(t))
	must(t, db.Exec(`INSERT INTO words (word) VALUES ('a'), ('b'), ('c')`))
	for _, end := range []error{ErrStop, errors.New("oops")} {
		seen := 0
		err := db.Query(`SELECT word FROM words`, func(*Stmt) error {
			if seen++; seen == 2 {
				return end
			}
			return nil
		})
		if seen != 2 || errors.Is(end, ErrStop) != (err == nil) {
			t.Errorf("%d rows, %v", seen, err)
		}
	}
	if err := db.Exec(`INSERT INTO words (word) VALUES (?)`, 1.5); err == nil {
		t.Error("a float was bound")
	}
	n := int64(99)
	must(t, db.QueryIntsFor(`SELECT n FROM words WHERE word = ?`, []any{"z"}, &n))
	if n != 99 {
		t.Errorf("no row, and n is %d", n)
	}
}

// A reader beside the writer sees what is committed, and can't write.
func TestBeside(t *testing.T) {
	f := newFile(t)
	w := open(t, kind(first), f)
	for name, beside := range map[string]func(DBFile) (*DB, error){"own": OpenReader, "another's": kind(first).OpenReader} {
		r, err := beside(f)
		must(t, err)
		must(t, w.Exec(`INSERT INTO words (word) VALUES (?)`, name))
		if got := words(t, r); !strings.Contains(got, name) {
			t.Errorf("%s: words %q", name, got)
		}
		if err := r.Exec(`DELETE FROM words`); !errors.Is(err, sqlite3.READONLY) {
			t.Errorf("%s: written: %v", name, err)
		}
		must(t, errors.Join(r.Close(), r.Close()))
	}
}

// A file that a process is just making has nothing in it.
func TestBesideTooEarly(t *testing.T) {
	f := newFile(t)
	must(t, os.WriteFile(f.Path, nil, 0o600))
	if _, err := kind(first).OpenReader(f); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
}

// So has one that has its size already, and not its first page: what tells it from a
// file that is none of SQLite's is the journal beside it.
func TestHalfMade(t *testing.T) {
	f := newFile(t)
	must(t, os.WriteFile(f.Path, make([]byte, pageSize), 0o600))
	for name, read := range map[string]func(DBFile) (*DB, error){"beside": kind(first).OpenReader, "still": kind(first).OpenImmutable} {
		if _, err := read(f); Unusable(err) != Corrupt {
			t.Errorf("%s: %v", name, err)
		}
		must(t, os.WriteFile(f.Path+"-journal", nil, 0o600))
		if _, err := read(f); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s, with a journal: %v", name, err)
		}
		must(t, os.Remove(f.Path+"-journal"))
	}
}

// A file that is read as it stands is not touched, with a log or without one, and
// what is in the log is seen.
func TestStill(t *testing.T) {
	f := newFile(t)
	w := open(t, kind(first), f)
	must(t, w.Exec(`INSERT INTO words (word) VALUES ('logged')`))
	crashed := DBFile{Path: filepath.Join(t.TempDir(), "a.db")}
	for _, part := range []string{"", "-wal"} {
		b, err := os.ReadFile(f.Path + part)
		must(t, err)
		must(t, os.WriteFile(crashed.Path+part, b, 0o400))
	}
	must(t, w.Close())
	for name, f := range map[string]DBFile{"with a log": crashed, "without": f} {
		before := files(t, f)
		r, err := kind(first).OpenImmutable(f)
		must(t, err)
		if words(t, r) != "logged" {
			t.Errorf("%s: words %q", name, words(t, r))
		}
		must(t, r.Close())
		if after := files(t, f); after != before {
			t.Errorf("%s: something was changed", name)
		}
	}
}

// Memory takes no more than it may.
func TestMemory(t *testing.T) {
	db, err := kind(first).OpenMemory(8<<20, `PRAGMA journal_mode=MEMORY`)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	for n := 0; err == nil && n < 100; n++ {
		err = db.Exec(`INSERT INTO words VALUES (?,?)`, strings.Repeat("x", 1<<20), n)
	}
	if err == nil || Unusable(err) != "" || !db.InMemory() {
		t.Errorf("100 MiB in 8: %v", err)
	}
}
