package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"evcp"
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

// The same on file systems that are really full and really read-only.
func TestStartOnAFullDisk(t *testing.T) {
	for _, end := range ends {
		t.Run(end, func(t *testing.T) {
			d := mountSmallDisk(t)
			o := before(t, d.dir, end, Options{})
			d.fill()
			o.goesOn(t, "no space left on device", d.drain)
		})
	}
}

func TestStartOnAReadOnlyDisk(t *testing.T) {
	for _, end := range ends {
		t.Run(end, func(t *testing.T) {
			d := mountSmallDisk(t)
			o := before(t, d.dir, end, Options{})
			d.readOnly()
			o.goesOn(t, "read-only file system", d.writable)
		})
	}
}

// Without a lock file nobody can be kept out, and nobody can have come in.
func TestReadOnlyAndNeverLocked(t *testing.T) {
	d := mountSmallDisk(t)
	o := before(t, d.dir, "clean", Options{})
	if err := os.Remove(filepath.Join(o.dir, lockName)); err != nil {
		t.Fatal(err)
	}
	d.readOnly()
	o.goesOn(t, "read-only file system", d.writable)
}

// A disk that fills up while the Monitor runs is read on, in order.
func TestDiskFillsUp(t *testing.T) {
	d := mountSmallDisk(t)
	w := newTestBox(t, d.state(), Options{probeEvery: 5 * time.Millisecond})
	for range 200 {
		w.checkMany(1, 8, alwaysOK)
	}
	kept := slices.Clone(w.written)
	d.fill()
	for w.refusals() == 0 { // the log has some room left
		ticket := w.check("CP_001", ko())
		eventually(t, "a commit or a refusal", func() bool { return w.box.Kept() >= ticket || w.refusals() > 0 })
		if w.box.Kept() >= ticket {
			kept = slices.Clone(w.written)
		}
	}
	if words := w.why[0].Error(); !strings.Contains(words, "no space left on device") {
		t.Errorf("said %q", words)
	}
	w.written = nil
	w.rejudge([]evcp.Observation{checked(ko())})
	w.flush()
	got, _ := w.waitLines(w.box.Cursor(Kafka), len(kept)+len(w.written))
	equal(t, "lines", got, append(kept, w.written...))
	d.drain()
	eventually(t, "the disk", w.hasRecovered)
	w.reopen()
	defer w.close()
	got, _ = w.waitLines(w.box.Cursor(Kafka), len(kept)+len(w.written))
	equal(t, "lines after a restart", got, append(kept, w.written...))
}
