package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"evcp/internal/testbed"
)

// smallDisk is a real file system of a few megabytes, which can be filled to the
// last byte and made read-only.
type smallDisk struct {
	t   *testing.T
	dir string
}

// mountSmallDisk makes one. Only root may; where a container's root may not, there is
// nothing to test on either.
func mountSmallDisk(t *testing.T) *smallDisk {
	t.Helper()
	dir := t.TempDir()
	switch err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m"); {
	case errors.Is(err, syscall.EPERM):
		testbed.Skip(t, fmt.Sprintf("a real full and read-only disk is not tested: uid %d may not mount one (%v)", os.Geteuid(), err))
	case err != nil:
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return &smallDisk{t, dir}
}

func (d *smallDisk) state() string { return filepath.Join(d.dir, "state") }

func (d *smallDisk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill takes every byte that is left.
func (d *smallDisk) fill() {
	d.t.Helper()
	f, err := os.Create(d.ballast())
	for size := 1 << 20; size > 0 && err == nil; size /= 2 {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if errors.Is(err, syscall.ENOSPC) {
			err = nil
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		d.t.Fatal(err)
	}
}

// drain gives it back.
func (d *smallDisk) drain() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *smallDisk) readOnly() { d.remount(syscall.MS_RDONLY) }

func (d *smallDisk) writable() { d.remount(0) }

func (d *smallDisk) remount(flags uintptr) {
	d.t.Helper()
	if err := syscall.Mount("", d.dir, "", syscall.MS_REMOUNT|flags, "size=12m"); err != nil {
		d.t.Fatal(err)
	}
}
