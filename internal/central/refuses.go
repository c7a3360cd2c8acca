package central

import (
	"errors"
	"syscall"

	"evcp/internal/folder"
	"evcp/internal/sqlite"
)

// diskFault reports whether a disk is at fault that may be well again one day, rather
// than the rights or the name: those are told at the start, to whoever gave them.
func diskFault(dir string, err error) bool {
	if err == nil || errors.Is(err, folder.ErrInUse) {
		return false
	}
	err = errors.Join(err, sqlite.ProbeWrite(dir))
	for _, fault := range []syscall.Errno{syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}
