package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// A disk that takes nothing can still be read, but SQLite as it usually comes
// can't: beside a log it wants a file of memory to share with others, and makes or
// empties it. So it is given a disk on which a file is only read and there is no
// such memory. With locking_mode=EXCLUSIVE it then keeps to itself where in the log
// each page is. Nobody may write the file meanwhile.

// OpenImmutable opens a file that nobody writes, its log included, and changes nothing at all.
// ErrEmpty is one that is just being made.
func (k Schema) OpenImmutable(f Location) (*DB, error) {
	db, err := k.ours(OpenImmutable(f))
	return db, early(f, err)
}

// OpenImmutable does the same with any file, whatever is in it.
func OpenImmutable(f Location) (*DB, error) {
	if !HasWAL(f.Path) {
		return read(f.uri("ro", "immutable"), stillPragma) // SQLite would make a log
	}
	disk, ok := vfs.Find(f.VFS).(vfs.VFSFilename)
	if !ok {
		return nil, fmt.Errorf("no disk is called %q", f.VFS)
	}
	still := Location{f.Path, "still-" + f.VFS}
	vfs.Register(still.VFS, stillDisk{disk})
	return read(still.uri("ro"), stillPragma)
}

const stillPragma = `PRAGMA locking_mode=EXCLUSIVE; `

// HasWAL reports whether a process has the file open, or had when it was killed.
func HasWAL(path string) bool {
	_, err := os.Stat(path + "-wal")
	return !errors.Is(err, fs.ErrNotExist)
}

// stillDisk is a disk on which files are only read.
type stillDisk struct{ vfs.VFSFilename }

func (d stillDisk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_WAL) == 0 {
		return nil, flags, sqlite3.CANTOPEN
	}
	flags = flags&^(vfs.OPEN_READWRITE|vfs.OPEN_CREATE) | vfs.OPEN_READONLY
	f, flags, err := d.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return stillFile{f}, flags, nil
}

func (stillDisk) Delete(string, bool) error { return sqlite3.READONLY }

// stillFile is a file on it. Locks are for those who write.
type stillFile struct{ vfs.File }

func (stillFile) WriteAt([]byte, int64) (int, error) { return 0, sqlite3.READONLY }
func (stillFile) Truncate(int64) error               { return sqlite3.READONLY }
func (stillFile) Sync(vfs.SyncFlag) error            { return nil }
func (stillFile) Lock(vfs.LockLevel) error           { return nil }
func (stillFile) Unlock(vfs.LockLevel) error         { return nil }
func (stillFile) CheckReservedLock() (bool, error)   { return false, nil }
