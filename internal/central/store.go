package central

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"evcp/internal/folder"
	"evcp/internal/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// fileKind is what the file is: "EVCT".
var fileKind = sqlite.Schema{ApplicationID: 0x45564354, Migrations: migrations}

const (
	fileName = "central.db"
	lockName = "central.lock"
	// maxIntegrityCheck is the largest file that is read as a whole at start.
	maxIntegrityCheck = 256 << 20
)

// stateFile keeps the charge points on disk. It is used by one goroutine at a time.
type stateFile struct {
	dir  string
	lock *folder.Lock
	db   *sqlite.DB  // nil while there is none
	info os.FileInfo // which file db has; nil = not known
}

// asideFile is a file that could not be used: its new name, and why in one line.
type asideFile struct{ file, why string }

// openStateFile takes the folder; a folder that another process has is
// folder.ErrInUse. A file that is damaged, foreign or newer than this program is put
// aside and named, never deleted.
func openStateFile(dir string) (*stateFile, []asideFile, error) {
	s := newStateFile(dir)
	var put []asideFile
	_, err := s.ensure()
	if sqlite.Unusable(err) != "" {
		var note asideFile
		if note, err = s.replace(err); err == nil {
			put = append(put, note)
		}
	}
	if errors.Is(err, folder.ErrInUse) {
		return nil, nil, fmt.Errorf("%w; give this EV_Central a folder of its own with --state-dir", err)
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	return s, put, nil
}

// newStateFile is one that could not be opened yet; ensure opens it.
func newStateFile(dir string) *stateFile { return &stateFile{dir: dir} }

func (s *stateFile) path() string { return filepath.Join(s.dir, fileName) }

// open opens the file and finds out whether it is whole.
func (s *stateFile) open() error {
	db, err := fileKind.Open(sqlite.Location{Path: s.path()}, `PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL`)
	if err != nil {
		return err
	}
	info, _ := os.Stat(s.path()) // without it nobody notices when it is taken away
	if info == nil || info.Size() <= maxIntegrityCheck {
		if err := db.QuickCheck(); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	s.db, s.info = db, info
	return nil
}

// ensure makes sure that there is a file, and that it is the one which is written: a
// folder may be deleted, or a backup put in its place, under our hands. made is a
// file that was opened anew; it may know nothing.
func (s *stateFile) ensure() (made bool, err error) {
	if s.db != nil && !s.replaced() {
		return false, nil
	}
	_ = s.close() // what it has is not in the folder any more
	if err := os.MkdirAll(s.dir, 0o750); err != nil {
		return false, fmt.Errorf("create it: %w", err)
	}
	if s.lock, err = folder.Acquire(s.dir, lockName); err != nil {
		return false, err
	}
	if err := s.open(); err != nil {
		return false, err
	}
	return true, nil
}

// replaced reports whether the file is not the one that stands in the folder.
func (s *stateFile) replaced() bool {
	now, err := os.Stat(s.path())
	return errors.Is(err, fs.ErrNotExist) || err == nil && s.info != nil && !os.SameFile(s.info, now)
}

// replace puts the present file aside and begins a new one.
func (s *stateFile) replace(why error) (asideFile, error) {
	_ = s.db.Close() // its file is not to be used any more
	s.db = nil
	name, err := folder.PutAside(s.path(), sqlite.Unusable(why), time.Now())
	if err != nil {
		return asideFile{}, err
	}
	return asideFile{file: name, why: sqlite.Reason(why)}, s.open()
}

// close gives the folder back.
func (s *stateFile) close() error {
	err := s.db.Close()
	s.db = nil
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}
