//go:build unix

package folder

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockFile opens the file and locks it.
func lockFile(path string) (*os.File, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errLocked
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openLock opens or makes the file; where nothing can be written, it opens one that exists.
func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) {
		if readable, readErr := os.Open(path); readErr == nil {
			return readable, nil
		}
	}
	return f, err
}

// mayWrite returns why this process may not write the file, or make files in the folder, at
// path.
func mayWrite(path string) error { return unix.Access(path, unix.W_OK) }
