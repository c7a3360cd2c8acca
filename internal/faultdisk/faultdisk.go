// Package faultdisk is a SQLite VFS for tests, under which a disk refuses, stands still,
// loses power, or ends with its process. Everything else it does is done by the operating
// system's own VFS. PageCache counts what is written.
package faultdisk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// Op is what is done to a file.
type Op string

// The operations that a hook is asked about.
const (
	Open     Op = "open" // only where the file may be made
	Write    Op = "write"
	Reserve  Op = "reserve" // room for what will be written
	Truncate Op = "truncate"
	Sync     Op = "sync"
	Delete   Op = "delete"
)

// ErrBroken is a broken sector: SQLite reports it as SQLITE_CORRUPT.
var ErrBroken = errors.New("broken sector")

// Disk is one such VFS. All methods may be called from any goroutine.
type Disk struct {
	vfs.VFSFilename
	name string

	mu     sync.Mutex // guards what follows
	before func(op Op, file string) error
	noSync bool
	pages  *PageCache        // nil while nothing is counted
	synced map[string][]byte // the content of each file as of its last sync

	process sync.RWMutex // an operation holds it shared, Kill alone
	dead    bool
}

var disks atomic.Int64

// New registers a disk until the test ends. Every sync is done, and what it makes
// durable is remembered for CutPower.
func New(tb testing.TB) *Disk {
	system, ok := vfs.Find("os").(vfs.VFSFilename)
	if !ok {
		tb.Fatal("SQLite has no VFS of the operating system")
	}
	d := &Disk{name: fmt.Sprintf("fault-%d", disks.Add(1)), VFSFilename: system, synced: map[string][]byte{}}
	vfs.Register(d.name, d)
	tb.Cleanup(func() { vfs.Unregister(d.name) })
	return d
}

// Name is the VFS's, for SQLite.
func (d *Disk) Name() string { return d.name }

// NoSync skips syncs, for a test whose machine never loses power: they are slow.
func (d *Disk) NoSync() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noSync = true
}

// Before sets the hook that is asked before each operation: it may wait, and its error is
// what the operation returns. Nil lets everything pass.
func (d *Disk) Before(hook func(op Op, file string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.before = hook
}

func (d *Disk) counted() *PageCache {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pages
}

// Refuse makes every operation but Delete fail.
func (d *Disk) Refuse(err error) {
	d.Before(func(op Op, _ string) error {
		if op == Delete {
			return nil
		}
		return err
	})
}

// Stall makes every operation wait until resume is called.
func (d *Disk) Stall() (resume func()) {
	released := make(chan struct{})
	d.Before(func(Op, string) error { <-released; return nil })
	return func() {
		d.Before(nil)
		close(released)
	}
}

// CutPower leaves in the folder to what had been synced.
func (d *Disk) CutPower(to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, content := range d.synced {
		if err := os.WriteFile(filepath.Join(to, filepath.Base(path)), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Kill ends all writing, as the end of the process would, and copies the files of the
// folder from as they are. The folder's lock and SQLite's shared memory end with a process.
func (d *Disk) Kill(from, to string) error {
	d.process.Lock()
	defer d.process.Unlock()
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

// do asks the hook and then does an operation, unless the process has ended. When the
// hook refuses, refused is done instead: half of a write, say.
func (d *Disk) do(op Op, file string, perform, refused func() error) error {
	d.mu.Lock()
	hook := d.before
	d.mu.Unlock()
	var err error
	if hook != nil {
		err = hook(op, file)
	}
	d.process.RLock()
	defer d.process.RUnlock()
	switch {
	case d.dead:
		return vfs.SystemError(syscall.EIO, sqlite3.IOERR)
	case err != nil:
		_ = refused()
		return systemError(op, err)
	}
	return perform()
}

func nothing() error { return nil }

// systemError is the error as SQLite's own VFS would report it.
func systemError(op Op, err error) error {
	switch {
	case op == Open:
		return vfs.SystemError(err, sqlite3.CANTOPEN)
	case errors.Is(err, syscall.ENOSPC):
		return vfs.SystemError(err, sqlite3.FULL)
	case errors.Is(err, ErrBroken):
		return vfs.SystemError(err, sqlite3.CORRUPT)
	}
	return vfs.SystemError(err, sqlite3.IOERR)
}

// OpenFilename opens a file on the disk.
func (d *Disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (f vfs.File, out vfs.OpenFlag, err error) {
	open := func() (err error) {
		f, out, err = d.VFSFilename.OpenFilename(name, flags)
		return err
	}
	if flags&vfs.OPEN_CREATE == 0 {
		err = open()
	} else {
		err = d.do(Open, name.String(), open, nothing)
	}
	if err != nil {
		return nil, flags, err
	}
	system, ok := f.(systemFile)
	if !ok {
		return nil, flags, fmt.Errorf("%T is no file of the operating system", f)
	}
	return &diskFile{File: f, system: system, d: d, name: name.String()}, out, nil
}

// Delete deletes a file.
func (d *Disk) Delete(path string, syncDir bool) error {
	return d.do(Delete, path, func() error {
		d.mu.Lock()
		delete(d.synced, path)
		d.mu.Unlock()
		return d.VFSFilename.Delete(path, syncDir)
	}, nothing)
}

// systemFile is what a file of the operating system's VFS can do.
type systemFile interface {
	vfs.File
	vfs.FileSharedMemory
	vfs.FileLockState
	vfs.FilePersistWAL
	vfs.FilePowersafeOverwrite
	vfs.FileSizeHint
}

// diskFile is a file on such a disk.
type diskFile struct {
	vfs.File
	system systemFile // the same file
	d      *Disk
	name   string
}

// WriteAt writes; a write that is refused is done by half.
func (f *diskFile) WriteAt(p []byte, off int64) (n int, err error) {
	write := func(p []byte) func() error {
		return func() (err error) {
			if c := f.d.counted(); c != nil {
				c.write(f.name, off, len(p))
			}
			n, err = f.File.WriteAt(p, off)
			return err
		}
	}
	err = f.d.do(Write, f.name, write(p), write(p[:len(p)/2]))
	return n, err
}

// Truncate cuts the file.
func (f *diskFile) Truncate(size int64) error {
	return f.d.do(Truncate, f.name, func() error { return f.File.Truncate(size) }, nothing)
}

// SizeHint makes the file so long, with room for it, unless it is longer.
func (f *diskFile) SizeHint(size int64) error {
	return f.d.do(Reserve, f.name, func() error { return f.system.SizeHint(size) }, nothing)
}

// Sync makes the file durable.
func (f *diskFile) Sync(flags vfs.SyncFlag) error {
	return f.d.do(Sync, f.name, func() error {
		f.d.mu.Lock()
		defer f.d.mu.Unlock()
		if f.d.pages != nil {
			f.d.pages.sync(f.name)
			return nil
		}
		if f.d.noSync {
			return nil
		}
		if err := f.File.Sync(flags); err != nil {
			return err
		}
		content, err := os.ReadFile(f.name)
		f.d.synced[f.name] = content
		return err
	}, nothing)
}

// What SQLite asks of a file beyond vfs.File, handed on.

func (f *diskFile) SharedMemory() vfs.SharedMemory { return f.system.SharedMemory() }
func (f *diskFile) LockState() vfs.LockLevel       { return f.system.LockState() }
func (f *diskFile) PersistWAL() bool               { return f.system.PersistWAL() }
func (f *diskFile) SetPersistWAL(keep bool)        { f.system.SetPersistWAL(keep) }
func (f *diskFile) PowersafeOverwrite() bool       { return f.system.PowersafeOverwrite() }
func (f *diskFile) SetPowersafeOverwrite(on bool)  { f.system.SetPowersafeOverwrite(on) }
