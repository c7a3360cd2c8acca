package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// disk is SQLite's disk with a mind of its own: it can refuse, stand still, and
// show what a power failure would leave.
type disk struct {
	name string
	vfs.VFSFilename

	mu sync.Mutex
	// before is asked before each write, sync and truncation; its error is what
	// the operation returns. Nil lets everything pass.
	before func(op, file string) error
	// durable holds the content of each file as of its last sync.
	durable map[string][]byte
}

var disks atomic.Int64

func newDisk(t *testing.T) *disk {
	d := &disk{
		name:        fmt.Sprintf("fault-%d", disks.Add(1)),
		VFSFilename: vfs.Find("os").(vfs.VFSFilename), durable: map[string][]byte{},
	}
	vfs.Register(d.name, d)
	t.Cleanup(func() { vfs.Unregister(d.name) })
	return d
}

// hook sets what is asked before each operation.
func (d *disk) hook(f func(op, file string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.before = f
}

func (d *disk) ask(op, file string) error {
	d.mu.Lock()
	f := d.before
	d.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(op, file)
}

// refuse makes every write fail.
func (d *disk) refuse(err error) {
	d.hook(func(string, string) error { return err })
}

func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if flags&vfs.OPEN_CREATE != 0 {
		if err := d.ask("open", name.String()); err != nil {
			return nil, flags, vfs.SystemError(err, sqlite3.CANTOPEN)
		}
	}
	f, flags, err := d.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &faultFile{File: f, d: d, name: name.String()}, flags, nil
}

func (d *disk) Delete(path string, syncDir bool) error {
	d.mu.Lock()
	delete(d.durable, path)
	d.mu.Unlock()
	return d.VFSFilename.Delete(path, syncDir)
}

// cutPower leaves in a folder what had been synced.
func (d *disk) cutPower(t testingT, to string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, content := range d.durable {
		if err := os.WriteFile(filepath.Join(to, filepath.Base(path)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// faultFile is a file on such a disk.
type faultFile struct {
	vfs.File
	d    *disk
	name string
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.d.ask("write", f.name); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off) // a short write
		return n, systemError(err)
	}
	return f.File.WriteAt(p, off)
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.d.ask("truncate", f.name); err != nil {
		return systemError(err)
	}
	return f.File.Truncate(size)
}

func (f *faultFile) Sync(flags vfs.SyncFlag) error {
	if err := f.d.ask("sync", f.name); err != nil {
		return systemError(err)
	}
	if err := f.File.Sync(flags); err != nil {
		return err
	}
	content, err := os.ReadFile(f.name)
	if err != nil {
		return err
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.durable[f.name] = content
	return nil
}

// systemError is the error as SQLite's own disk would report it.
func systemError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return vfs.SystemError(err, sqlite3.FULL)
	case errors.Is(err, errBroken):
		return vfs.SystemError(err, sqlite3.CORRUPT)
	}
	return vfs.SystemError(err, sqlite3.IOERR)
}

var errBroken = errors.New("broken sector")

func (f *faultFile) SharedMemory() vfs.SharedMemory {
	return f.File.(vfs.FileSharedMemory).SharedMemory()
}
func (f *faultFile) LockState() vfs.LockLevel { return f.File.(vfs.FileLockState).LockState() }
func (f *faultFile) PersistWAL() bool         { return f.File.(vfs.FilePersistWAL).PersistWAL() }
func (f *faultFile) SetPersistWAL(keep bool)  { f.File.(vfs.FilePersistWAL).SetPersistWAL(keep) }
func (f *faultFile) PowersafeOverwrite() bool {
	return f.File.(vfs.FilePowersafeOverwrite).PowersafeOverwrite()
}
func (f *faultFile) SetPowersafeOverwrite(on bool) {
	f.File.(vfs.FilePowersafeOverwrite).SetPowersafeOverwrite(on)
}
