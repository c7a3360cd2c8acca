//go:build !unix

package central

import (
	"fmt"
	"os"
)

// lockFolder only opens the file: this system is not one that EV_Central is run
// on, and the database still keeps two processes from damaging it.
func lockFolder(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	return f, nil
}
