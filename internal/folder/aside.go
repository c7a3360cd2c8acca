package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// PutAside renames the SQLite file at path and what belongs to it, and answers
// with the new name: outbox.db that is corrupt becomes
// outbox-20260102T150405Z-corrupt.db. why is one word.
func PutAside(path, why string, now time.Time) (string, error) {
	aside, err := freeName(path, now.UTC().Format("20060102T150405Z")+"-"+why)
	if err != nil {
		return "", err
	}
	for _, suffix := range []string{"-wal", "-shm", ""} { // the file last: while it stands, this can be tried again
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("put aside %s: %w", path, err)
		}
	}
	return aside, nil
}

// freeName finds a name that nothing has: two files may be put aside in one second.
func freeName(path, why string) (string, error) {
	ext := filepath.Ext(path)
	stem := strings.TrimSuffix(path, ext) + "-" + why
	for i := 1; i < 1000; i++ {
		name := stem + ext
		if i > 1 {
			name = fmt.Sprintf("%s-%d%s", stem, i, ext)
		}
		switch _, err := os.Lstat(name); {
		case errors.Is(err, fs.ErrNotExist):
			return name, nil
		case err != nil:
			return "", fmt.Errorf("put aside %s: %w", path, err)
		}
	}
	return "", fmt.Errorf("put aside %s: a thousand files stand there already", path)
}
