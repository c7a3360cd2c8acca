package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUsable asks of folders that are there, missing, in the way, and another user's. Nothing
// is made by asking.
func TestUsable(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "a", "b")
	if err := Usable(missing, "x.db"); err != nil {
		t.Errorf("missing: %v", err)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("it made %v (%v)", left, err)
	}
	file := filepath.Join(dir, "x.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Usable(dir, "x.db"); err != nil {
		t.Errorf("there: %v", err)
	}
	for _, at := range []string{file, filepath.Join(file, "below")} {
		if err := Usable(at); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("%s: %v", at, err)
		}
	}
	for _, c := range []struct{ dirMode, fileMode os.FileMode }{{0o555, 0o666}, {0o777, 0o444}} {
		if err := errors.Join(os.Chmod(dir, c.dirMode), os.Chmod(file, c.fileMode)); err != nil {
			t.Fatal(err)
		}
		if err := asNobody(t, func() error { return Usable(dir, "x.db") }); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil { // for the end of the test
		t.Fatal(err)
	}
}

// asNobody calls f without the rights of root, which may write everywhere. The ids are those
// of one thread.
func asNobody(t *testing.T, f func() error) error {
	t.Helper()
	if os.Getuid() != 0 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const nobody = 65534
	set := func(id uintptr) {
		if _, _, err := unix.RawSyscall(unix.SYS_SETRESUID, id, id, 0); err != 0 {
			t.Fatal(err)
		}
	}
	set(nobody)
	defer set(0)
	return f()
}

// TestLittleSpace: /proc is a disk without any room.
func TestLittleSpace(t *testing.T) {
	if free, known := freeSpace("/proc"); !known || free != 0 {
		t.Errorf("/proc has %d bytes free (%v)", free, known)
	}
	if err := Usable("/proc"); err == nil {
		t.Error("/proc may hold a state")
	}
}
