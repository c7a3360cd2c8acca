package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// A disk that takes no writes can still be read, but not by SQLite as it comes: beside a
// log it makes or empties a file of shared memory. Here it gets a VFS on which files are
// only read and there is no shared memory; with locking_mode=EXCLUSIVE it then keeps the
// index of the log in its own memory. Nobody may write the file meanwhile.

// OpenImmutable opens a file that nobody writes, its log included, and changes nothing.
// ErrEmpty is one that a process is just making.
func (s Schema) OpenImmutable(f DBFile) (*DB, error) {
	db, err := s.verified(OpenImmutable(f))
	return db, emptyWhileMade(f, err)
}

// OpenImmutable does the same with any file, whatever is in it.
func OpenImmutable(f DBFile) (*DB, error) {
	if !HasWAL(f.Path) {
		return read(f.uri("ro", "immutable", "1"), exclusive) // without immutable SQLite would make a log
	}
	system, ok := vfs.Find(f.VFS).(vfs.VFSFilename)
	if !ok {
		return nil, fmt.Errorf("no disk is called %q", f.VFS)
	}
	readOnly := DBFile{Path: f.Path, VFS: "read-only-" + f.VFS}
	vfs.Register(readOnly.VFS, readOnlyVFS{system})
	return read(readOnly.uri("ro"), exclusive)
}

// OpenToRead opens a file for reading, whether a process has it open for writing or not, and
// changes nothing.
func (s Schema) OpenToRead(f DBFile) (*DB, error) {
	if HasWAL(f.Path) {
		return s.OpenReader(f)
	}
	return s.OpenImmutable(f)
}

// Backup copies a file to another, which must not exist, while a process may have it open for
// writing: the state of the last commit.
func (s Schema) Backup(path, to string) error {
	db, err := s.OpenToRead(DBFile{Path: path})
	if err != nil {
		return err
	}
	return errors.Join(db.Exec(`PRAGMA query_only=OFF`), db.Exec(`VACUUM INTO ?`, to), db.Close())
}

const exclusive = `PRAGMA locking_mode=EXCLUSIVE; `

// HasWAL reports whether a process has the file open, or had when it was killed.
func HasWAL(path string) bool {
	_, err := os.Stat(path + "-wal")
	return !errors.Is(err, fs.ErrNotExist)
}

// readOnlyVFS opens the database and its log alone, for reading.
type readOnlyVFS struct{ vfs.VFSFilename }

func (d readOnlyVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_WAL) == 0 {
		return nil, flags, sqlite3.CANTOPEN
	}
	flags = flags&^(vfs.OPEN_READWRITE|vfs.OPEN_CREATE) | vfs.OPEN_READONLY
	f, flags, err := d.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return readOnlyFile{f}, flags, nil
}

func (readOnlyVFS) Delete(string, bool) error { return sqlite3.READONLY }

// readOnlyFile is a file of readOnlyVFS. It takes no locks: nobody writes.
type readOnlyFile struct{ vfs.File }

func (readOnlyFile) WriteAt([]byte, int64) (int, error) { return 0, sqlite3.READONLY }
func (readOnlyFile) Truncate(int64) error               { return sqlite3.READONLY }
func (readOnlyFile) Sync(vfs.SyncFlag) error            { return nil }
func (readOnlyFile) Lock(vfs.LockLevel) error           { return nil }
func (readOnlyFile) Unlock(vfs.LockLevel) error         { return nil }
func (readOnlyFile) CheckReservedLock() (bool, error)   { return false, nil }
