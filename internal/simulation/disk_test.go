package simulation

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"evcp/internal/faultdisk"
)

// newDisk is SQLite's disk for one life of a Monitor. Its machine never loses power.
func newDisk(t *testing.T, w *weather) *faultdisk.Disk {
	d := faultdisk.New(t)
	d.NoSync()
	d.Before(func(op faultdisk.Op, _ string) error {
		if full := w.now(); full && (op == faultdisk.Write || op == faultdisk.Sync) {
			return syscall.ENOSPC
		}
		return nil
	})
	return d
}

// weather is what befalls the machine's disk, whoever writes.
type weather struct {
	mu    sync.Mutex
	full  bool
	still chan struct{} // closed when the disk moves again; nil while it does
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
