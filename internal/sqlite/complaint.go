package sqlite

import (
	"errors"
	"io/fs"
	"os"

	"github.com/ncruces/go-sqlite3"

	"evcp/internal/folder"
)

// DiskError says for people, in one line, why a file in dir can't be written. SQLite
// has the same words for a full disk and a broken one; so the disk is asked itself.
func DiskError(dir string, err error) string {
	if errors.Is(err, sqlite3.IOERR) || errors.Is(err, sqlite3.CANTOPEN) || errors.Is(err, sqlite3.FULL) {
		if cause := ProbeWrite(dir); cause != nil {
			return cause.Error()
		}
	}
	return folder.OneLine(err)
}

// ProbeWrite writes as much to dir as SQLite may want at once, and answers with what
// the system says to that: nil, or its bare error.
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
