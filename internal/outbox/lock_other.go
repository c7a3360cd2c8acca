//go:build !unix

package outbox

import (
	"os"
	"path/filepath"
)

// lockFolder takes the folder for this process. Elsewhere than on Unix a file
// that is open can't be removed, and one that is left over can.
func lockFolder(dir string) (*os.File, error) {
	name := filepath.Join(dir, "lock")
	if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
		return nil, InUseError{Dir: dir}
	}
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}
