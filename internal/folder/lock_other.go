//go:build !unix

package folder

import (
	"errors"
	"io/fs"
	"os"
)

// takeFile makes the file anew. Elsewhere than on Unix a file that is open can't
// be removed, and one that is left over can.
func takeFile(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errTaken
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}
