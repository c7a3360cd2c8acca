package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// unusable says in one word why a file must be put aside; "" when the trouble is
// not the file's.
func unusable(err error) string {
	switch {
	case errors.Is(err, errForeign):
		return "foreign"
	case errors.Is(err, errNewer):
		return "newer"
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB), errors.Is(err, errContent):
		return "corrupt"
	}
	return ""
}

// putAside renames the file and what belongs to it, and answers with the name.
func putAside(dir, why string, now time.Time) (string, error) {
	stem, err := freeStem(dir, "outbox-"+now.UTC().Format("20060102T150405Z")+"-"+why)
	if err != nil {
		return "", err
	}
	for _, suffix := range []string{"-wal", "-shm", ""} { // the file last: while it stands, this can be tried again
		err := os.Rename(filepath.Join(dir, fileName+suffix), stem+".db"+suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("put aside %s: %w", filepath.Join(dir, fileName), err)
		}
	}
	return stem + ".db", nil
}

// freeStem finds a name that nothing has: two files may be put aside in one second.
func freeStem(dir, name string) (string, error) {
	for i := 1; i < 1000; i++ {
		stem := filepath.Join(dir, name)
		if i > 1 {
			stem += fmt.Sprintf("-%d", i)
		}
		if _, err := os.Lstat(stem + ".db"); errors.Is(err, fs.ErrNotExist) {
			return stem, nil
		}
	}
	return "", fmt.Errorf("put aside %s: a thousand files stand there already", filepath.Join(dir, fileName))
}
