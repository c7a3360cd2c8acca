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

// ours is what the file is: "EVCT".
var ours = sqlite.Schema{ApplicationID: 0x45564354, Migrations: migrations}

const (
	fileName = "central.db"
	lockName = "central.lock"
	// checkedSize is the largest file that is read as a whole at start.
	checkedSize = 256 << 20
)

// store keeps the charge points on disk. It is used by one goroutine at a time.
type store struct {
	dir  string
	lock *folder.Lock
	db   *sqlite.DB  // nil while there is none
	file os.FileInfo // which file db has; nil = not known
}

// aside is a file that could not be used: its new name, and why in one line.
type aside struct{ file, why string }

// openStore takes the folder; a folder that another process has is
// folder.ErrInUse. A file that is damaged, foreign or newer than this program is put
// aside and named, never deleted.
func openStore(dir string) (*store, []aside, error) {
	s := closedStore(dir)
	var put []aside
	_, err := s.ensure()
	if sqlite.Unusable(err) != "" {
		var note aside
		if note, err = s.renew(err); err == nil {
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

// closedStore is one that could not be opened yet; ensure opens it.
func closedStore(dir string) *store { return &store{dir: dir} }

func (s *store) path() string { return filepath.Join(s.dir, fileName) }

// open opens the file and finds out whether it is whole.
func (s *store) open() error {
	db, err := ours.Open(sqlite.Location{Path: s.path()}, `PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL`)
	if err != nil {
		return err
	}
	info, _ := os.Stat(s.path()) // without it nobody notices when it is taken away
	if info == nil || info.Size() <= checkedSize {
		if err := db.QuickCheck(); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	s.db, s.file = db, info
	return nil
}

// ensure makes sure that there is a file, and that it is the one which is written: a
// folder may be deleted, or a backup put in its place, under our hands. made is a
// file that was opened anew; it may know nothing.
func (s *store) ensure() (made bool, err error) {
	if s.db != nil && !s.gone() {
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

// gone reports whether the file is not the one that stands in the folder.
func (s *store) gone() bool {
	now, err := os.Stat(s.path())
	return errors.Is(err, fs.ErrNotExist) || err == nil && s.file != nil && !os.SameFile(s.file, now)
}

// renew puts the present file aside and begins a new one.
func (s *store) renew(why error) (aside, error) {
	_ = s.db.Close() // its file is not to be used any more
	s.db = nil
	name, err := folder.PutAside(s.path(), sqlite.Unusable(why), time.Now())
	if err != nil {
		return aside{}, err
	}
	return aside{file: name, why: sqlite.Reason(why)}, s.open()
}

// close gives the folder back.
func (s *store) close() error {
	err := s.db.Close()
	s.db = nil
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}
