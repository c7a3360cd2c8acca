//go:build !unix

package folder

import (
	"errors"
	"io/fs"
	"os"
)

// lockFile makes the file anew. On Windows a file that is open can't be removed, and one
// that a dead process left behind can.
func lockFile(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errLocked
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// mayWrite returns why a file can't be there; whether this process may write is not known.
func mayWrite(path string) error {
	_, err := os.Stat(path)
	return err
}
