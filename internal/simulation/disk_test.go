package simulation

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"evcp/internal/faultdisk"
)

// newDisk is the SQLite VFS of one process of the Monitor. Its machine never loses power.
func newDisk(t *testing.T, faults *diskFaults) *faultdisk.Disk {
	d := faultdisk.New(t)
	d.NoSync()
	d.Before(func(op faultdisk.Op, _ string) error {
		if full := faults.wait(); full && (op == faultdisk.Write || op == faultdisk.Reserve || op == faultdisk.Sync) {
			return syscall.ENOSPC
		}
		return nil
	})
	return d
}

// diskFaults are the faults of the machine's disk, for every process.
type diskFaults struct {
	mu      sync.Mutex
	full    bool
	resumes chan struct{} // closed at the end of a hang; nil: no hang
}

// fill makes every write and sync fail, until it is called with false.
func (f *diskFaults) fill(full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full = full
}

// hang blocks every write for so long.
func (f *diskFaults) hang(long time.Duration) {
	resumes := make(chan struct{})
	f.set(resumes)
	time.Sleep(long)
	f.set(nil)
	close(resumes)
}

func (f *diskFaults) set(resumes chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resumes = resumes
}

// wait waits while the disk hangs, and reports whether it is full.
func (f *diskFaults) wait() (full bool) {
	f.mu.Lock()
	resumes, full := f.resumes, f.full
	f.mu.Unlock()
	if resumes != nil {
		<-resumes
	}
	return full
}

func (f *diskFaults) active() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.full || f.resumes != nil
}
