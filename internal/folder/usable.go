package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"evcp/internal/language"
)

// leastSpace is what a state folder needs at least on its disk, in bytes.
const leastSpace = 4 << 20

// Usable returns why this process could not keep its state in the folder dir, nil if it can.
// It changes nothing: of a folder that is missing it asks the nearest one above. Of the files
// it looks at those that are there.
func Usable(dir string, files ...string) error {
	above, err := nearest(dir)
	if err != nil {
		return err
	}
	if err := mayWrite(above); err != nil {
		return err
	}
	for _, name := range files {
		if err := mayWrite(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if free, known := freeSpace(above); known && free < leastSpace {
		return language.Errorf("less than %d MiB are free on its disk", leastSpace>>20)
	}
	return nil
}

// nearest is dir, or the folder above it that exists.
func nearest(dir string) (string, error) {
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			return "", syscall.ENOTDIR
		case err == nil:
			return dir, nil
		case !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir):
			return "", errors.Unwrap(err)
		}
		dir = filepath.Dir(dir)
	}
}
