package sqlite

import (
	"errors"
	"os"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// Checkpoint moves everything from the log into the file.
func (db *DB) Checkpoint() error {
	_, _, err := db.conn.WALCheckpoint("", sqlite3.CHECKPOINT_TRUNCATE)
	return err
}

// LimitLog makes the commit after which the log has so many bytes move it into the file.
func (db *DB) LimitLog(bytes int64) error {
	return db.execPages(`PRAGMA wal_autocheckpoint=`, bytes)
}

// ReserveLog makes the log as large on the disk as LimitLog lets it become, so that a commit
// needs no new block of it. Behind its last commit are zeros then, which SQLite takes for the
// end. It does nothing to a log that is longer.
func (db *DB) ReserveLog(bytes int64) error {
	if db.inMemory {
		return nil
	}
	f, err := db.conn.FileControl("", sqlite3.FCNTL_JOURNAL_POINTER)
	if err != nil {
		return err
	}
	log, ok := f.(vfs.FileSizeHint)
	if !ok {
		return nil
	}
	var page int64
	if err := db.QueryInts(`PRAGMA page_size`, &page); err != nil {
		return err
	}
	// Whoever has the write lock is alone in changing the size of the log.
	if err := db.Exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	return errors.Join(log.SizeHint(logHeader+(bytes/page+lastCommit)*(logFrame+page)), db.rollback())
}

// What a log has beside its pages, in bytes, and how many pages its last commit may add.
const (
	logHeader  = 32
	logFrame   = 24
	lastCommit = 16
)

// LogSize is how many bytes the log has on the disk.
func (db *DB) LogSize() int64 {
	info, err := os.Stat(db.path + "-wal")
	if err != nil {
		return 0 // Replaced says so
	}
	return info.Size()
}

// LogHeld moves into the file what can be moved, and reports whether a transaction of another
// connection keeps the rest in the log.
func (db *DB) LogHeld() (bool, error) {
	logged, moved, err := db.conn.WALCheckpoint("", sqlite3.CHECKPOINT_PASSIVE)
	if errors.Is(err, sqlite3.BUSY) { // somebody else is moving it
		return false, nil
	}
	return err == nil && moved < logged, err
}
