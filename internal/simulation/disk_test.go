package simulation

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// disk is SQLite's disk in one folder, for one life of a Monitor: it ends when the
// process is killed.
type disk struct {
	vfs.VFSFilename
	name    string
	weather *weather

	mu   sync.RWMutex // a write holds it shared, the kill alone
	dead bool
}

// weather is what befalls the machine's disk, whoever writes.
type weather struct {
	mu    sync.Mutex
	full  bool
	still chan struct{} // closed when the disk moves again; nil while it does
}

var disks atomic.Int64

func newDisk(t *testing.T, w *weather) *disk {
	d := &disk{name: fmt.Sprintf("sim-%d", disks.Add(1)), VFSFilename: vfs.Find("os").(vfs.VFSFilename), weather: w}
	vfs.Register(d.name, d)
	t.Cleanup(func() { vfs.Unregister(d.name) })
	return d
}

// fill makes every write and sync fail until it is called with false.
func (w *weather) fill(full bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.full = full
}

// freeze holds every write up for so long.
func (w *weather) freeze(long time.Duration) {
	moves := make(chan struct{})
	w.set(moves)
	time.Sleep(long)
	w.set(nil)
	close(moves)
}

func (w *weather) set(still chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.still = still
}

// now waits while the disk stands still, and reports whether it is full.
func (w *weather) now() (full bool) {
	w.mu.Lock()
	still, full := w.still, w.full
	w.mu.Unlock()
	if still != nil {
		<-still
	}
	return full
}

// alter does what changes a file, if the disk and the process let it. A full disk
// refuses what needs more room.
func (d *disk) alter(grows bool, do func() error) error {
	full := d.weather.now()
	d.mu.RLock()
	defer d.mu.RUnlock()
	switch {
	case d.dead:
		return vfs.SystemError(syscall.EIO, sqlite3.IOERR)
	case full && grows:
		return vfs.SystemError(syscall.ENOSPC, sqlite3.FULL)
	}
	return do()
}

// kill ends all writing and copies the files as they are. The folder's lock and
// SQLite's shared memory die with a process.
func (d *disk) kill(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "lock" || strings.HasSuffix(e.Name(), "-shm") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (f vfs.File, out vfs.OpenFlag, err error) {
	open := func() error {
		f, out, err = d.VFSFilename.OpenFilename(name, flags)
		return err
	}
	if flags&vfs.OPEN_CREATE == 0 {
		err = open()
	} else {
		err = d.alter(false, open)
	}
	if err != nil {
		return nil, flags, err
	}
	return &file{File: f, d: d}, out, nil
}

func (d *disk) Delete(path string, syncDir bool) error {
	return d.alter(false, func() error { return d.VFSFilename.Delete(path, syncDir) })
}

// file is a file on such a disk.
type file struct {
	vfs.File
	d *disk
}

func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.d.alter(true, func() error {
		n, err = f.File.WriteAt(p, off)
		return err
	})
	return n, err
}

func (f *file) Truncate(size int64) error {
	return f.d.alter(false, func() error { return f.File.Truncate(size) })
}

// Sync takes part in the weather and does nothing: the machine never dies.
func (f *file) Sync(vfs.SyncFlag) error { return f.d.alter(true, func() error { return nil }) }

func (f *file) SharedMemory() vfs.SharedMemory {
	return f.File.(vfs.FileSharedMemory).SharedMemory()
}
func (f *file) LockState() vfs.LockLevel { return f.File.(vfs.FileLockState).LockState() }
func (f *file) PersistWAL() bool         { return f.File.(vfs.FilePersistWAL).PersistWAL() }
func (f *file) SetPersistWAL(keep bool)  { f.File.(vfs.FilePersistWAL).SetPersistWAL(keep) }
func (f *file) PowersafeOverwrite() bool {
	return f.File.(vfs.FilePowersafeOverwrite).PowersafeOverwrite()
}
func (f *file) SetPowersafeOverwrite(on bool) {
	f.File.(vfs.FilePowersafeOverwrite).SetPowersafeOverwrite(on)
}
