package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/ncruces/go-sqlite3"

	"evcp/internal/folder"
)

// complaint says for people what the disk did, in one line. SQLite has the same word
// for a full disk and a broken one; so the disk is asked itself.
func complaint(dir string, err error) string {
	words := folder.OneLine(err)
	if errors.Is(err, sqlite3.IOERR) {
		if cause := writeSome(dir); cause != nil {
			words = cause.Error()
		}
	}
	return fmt.Sprintf("state folder %s can't be used: %s; events are kept in memory only", dir, words)
}

// writeSome writes as much as SQLite may want at once and answers with what the
// system says to that.
func writeSome(dir string) error {
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
