package probe

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestEnginesLeaveFiles: the last files that a process may open are not for Engines, so that a
// fleet which is too large can still be asked, and reaches Central, Kafka and its disk.
func TestEnginesLeaveFiles(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, tc := range []struct {
		openFiles, least int
		refused          bool
	}{{256, 150, false}, {256, 192, true}, {1024, 900, false}, {1024, 960, true}, {0, 960, false}} {
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, tc.least)
		if err != nil {
			t.Fatal(err)
		}
		refused := errors.Is((&raw{openFiles: tc.openFiles}).spare(n), unix.EMFILE)
		if refused != tc.refused {
			t.Errorf("file %d of %d: refused %v", n, tc.openFiles, refused)
		}
		if closed := unix.Close(n) != nil; closed != tc.refused {
			t.Errorf("file %d of %d: closed %v", n, tc.openFiles, closed)
		}
	}
}
