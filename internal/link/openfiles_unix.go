//go:build unix

package link

import (
	"math"
	"syscall"
)

// OpenFiles is how many files this process may have open, 0 if that is not known. The Go
// runtime has raised the soft limit to the hard one.
func OpenFiles() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	if limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}
