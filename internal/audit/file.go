package audit

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"evcp"
	"evcp/internal/folder"
	"evcp/internal/language"
	"evcp/internal/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// boardSchema names the file: "EVBO".
var boardSchema = sqlite.Schema{ApplicationID: 0x4556424f, Migrations: migrations}

// FileName is the name of the file in Central's state folder; lockName that of its lock.
const (
	FileName = "board.db"
	lockName = "board.lock"
)

const pragmas = `PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; `

// BoardDB is board.db, open for writing by this process alone. Any goroutine may use it.
type BoardDB struct {
	lock *folder.Lock
	db   *sqlite.DB
	log  *slog.Logger
	gone sync.Once // logged that the file is gone
}

// Open opens the file in a folder, or makes it. One that can't be used is put aside: then
// nobody can sign in until a first user is made anew. One that another process has open is
// folder.ErrInUse.
func Open(dir string, log *slog.Logger) (*BoardDB, error) {
	lock, err := folder.Acquire(dir, lockName)
	if err != nil {
		return nil, err
	}
	db, err := openFile(dir, log)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &BoardDB{lock: lock, db: db, log: log}, nil
}

// openFile makes a file for the user of this process alone: who reads the hashes of passwords can
// guess at them.
func openFile(dir string, log *slog.Logger) (*sqlite.DB, error) {
	db, aside, err := boardSchema.OpenOrReplace(sqlite.DBFile{Path: filepath.Join(dir, FileName), Private: true}, pragmas)
	if aside.Name != "" {
		log.Warn("put an unusable board.db aside: users, owners, maintenance and ports are gone", "file", aside.Name, "why", aside.Why)
	}
	return db, err
}

// ReadFile reads a file, which a process may have open for writing, and changes nothing.
// Without one read is not called.
func ReadFile(path string, read func(*sqlite.DB) error) error {
	if !exists(path) {
		return nil
	}
	db, err := boardSchema.OpenToRead(sqlite.DBFile{Path: path})
	if err != nil {
		return err
	}
	return errors.Join(read(db), db.Close())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Backup copies a file to another one, which must not exist: the state of the last commit.
// copied is false where there is none.
func Backup(path, to string) (copied bool, err error) {
	if !exists(path) {
		return false, nil
	}
	if err := boardSchema.Backup(path, to); err != nil {
		return true, err
	}
	return true, os.Chmod(to, 0o600)
}

// Close closes the file.
func (f *BoardDB) Close() error { return errors.Join(f.db.Close(), f.lock.Close()) }

// Read runs read while nobody writes.
func (f *BoardDB) Read(read func(*sqlite.DB) error) error {
	return f.db.WithLock(func() error { return read(f.db) })
}

// Write writes what is no change that anybody made: when a session was last used, what has
// expired. It stands in no line of the log.
func (f *BoardDB) Write(write func(*sqlite.DB) error) error {
	return f.db.WithLock(func() error {
		return f.db.Transact(false, func() error { return write(f.db) })
	})
}

// Actor is who makes a change, and by what he is known.
type Actor struct {
	Name string
	Kind ActorKind
	Peer string // his address; "" for this machine's socket and Central itself
}

// ActorKind is what proves the name of an Actor.
type ActorKind string

// The kinds.
const (
	ByUser     ActorKind = "user"     // a session
	ByToken    ActorKind = "token"    // a token for programs
	ByProxy    ActorKind = "proxy"    // the header of a trusted proxy
	ByProvider ActorKind = "provider" // a session of who signed in at the OpenID Connect provider
	ByLocal    ActorKind = "local"    // the socket in the state folder, or the folder itself
	BySetup    ActorKind = "setup"    // the first token
	ByCentral  ActorKind = "central"  // Central itself: something recovered, or its time was over
	ByNobody   ActorKind = "nobody"   // nothing: who was refused
)

// BoardChange is a change under way.
type BoardChange struct {
	DB    *sqlite.DB
	By    Actor
	At    evcp.Stamp
	lines []ChangeLine
	after []func()
}

// ChangeLine is one line of the log.
type ChangeLine struct {
	ID     int64
	At     evcp.Stamp
	By     Actor
	Action string
	Target string
	Before json.RawMessage // nil: it was not there
	After  json.RawMessage // nil: it is not there any more
}

// errNoLine is a change that would leave no trace: a mistake of the program.
var errNoLine = errors.New("a change without a line in the audit log")

// ErrFull is a log that has no room for more lines.
var ErrFull = language.Coded("audit_full")

// ErrGone is a file that was removed from its folder, or replaced, while it is open: what is
// written then is lost with the process.
var ErrGone = language.Coded("board_gone")

const (
	// maxLines bounds the log: some 3 GB.
	maxLines = 10_000_000
	// MaxValue bounds what one line says of before and of after, in bytes; what is longer is
	// counted.
	MaxValue = 4 << 10
)

// Line adds a line to the log, of this transaction. before and after are values for
// encoding/json; nil is what is not there.
func (c *BoardChange) Line(action ChangeAction, target string, before, after any) {
	c.lines = append(c.lines, ChangeLine{At: c.At, By: c.By, Action: action.String(), Target: target, Before: jsonOf(before), After: jsonOf(after)})
}

func jsonOf(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("audit: encode %T: %v", v, err)) // values of this program
	}
	if len(text) > MaxValue {
		return fmt.Appendf(nil, `{"bytes":%d}`, len(text))
	}
	return text
}

// Lost is ErrGone where the file was removed or replaced. The log says so once.
func (f *BoardDB) Lost() error {
	if !f.db.Replaced() {
		return nil
	}
	f.gone.Do(func() { f.log.Warn("nothing can be entered until a restart: board.db was removed or replaced") })
	return ErrGone
}

// AfterCommit has f called when the transaction is committed, before any other one begins.
func (c *BoardChange) AfterCommit(f func()) { c.after = append(c.after, f) }

// Change runs change and adds its lines to the log, in one transaction that survives power
// loss. After an error nothing has changed.
func (f *BoardDB) Change(by Actor, change func(*BoardChange) error) error {
	return f.db.WithLock(func() error {
		if err := f.Lost(); err != nil {
			return err
		}
		c := &BoardChange{DB: f.db, By: by, At: evcp.StampOf(time.Now())}
		err := f.db.Transact(true, func() error {
			if err := change(c); err != nil {
				return err
			}
			return c.writeLines()
		})
		if err != nil {
			return err
		}
		for _, f := range c.after {
			f()
		}
		return nil
	})
}

func (c *BoardChange) writeLines() error {
	if len(c.lines) == 0 {
		return errNoLine
	}
	var last int64
	if err := c.DB.QueryInts(`SELECT max(id) FROM audit`, &last); err != nil {
		return err
	}
	if last+int64(len(c.lines)) > maxLines {
		return ErrFull
	}
	for i, l := range c.lines {
		if err := c.DB.Exec(`INSERT INTO audit (id, at, who, kind, peer, action, target, before, after) VALUES (?,?,?,?,?,?,?,?,?)`,
			last+int64(i)+1, int64(l.At), l.By.Name, string(l.By.Kind), l.By.Peer, l.Action, l.Target, string(l.Before), string(l.After)); err != nil {
			return err
		}
	}
	return nil
}

// Lines are at most limit lines of the log, the newest first, below an id; 0 is above all.
func (f *BoardDB) Lines(limit int, below int64) (all []ChangeLine, err error) {
	if below == 0 {
		below = maxLines + 1
	}
	const list = `SELECT id, at, who, kind, peer, action, target, before, after FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?`
	err = f.Read(func(db *sqlite.DB) error {
		return db.Query(list, func(row *sqlite.Stmt) error {
			all = append(all, ChangeLine{
				ID: row.ColumnInt64(0), At: evcp.Stamp(row.ColumnInt64(1)),
				By:     Actor{row.ColumnText(2), ActorKind(row.ColumnText(3)), row.ColumnText(4)},
				Action: row.ColumnText(5), Target: row.ColumnText(6), Before: rawJSON(row.ColumnText(7)), After: rawJSON(row.ColumnText(8)),
			})
			return nil
		}, below, limit)
	})
	return all, err
}

func rawJSON(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}
