package outbox

import (
	"errors"
	"sync"

	"evcp/internal/sqlite"
)

// runReader is the second connection to the file. It is open only while a cursor is
// behind.
type runReader struct {
	mu        sync.Mutex
	store     *runStore
	immutable bool // the store reads a file that nobody writes
	closed    bool
	// writers counts the connections that may write the file. While there are none
	// it is read as it stands: a full disk has no room for the memory that readers
	// and writers share.
	writers int
	trial   bool // a disk that refused is being tried again
}

// errTrial is a file that can't be read just now, since the disk is being tried.
var errTrial = errors.New("the disk is being tried")

// begin says that the disk is being tried: one more connection may write.
func (r *runReader) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trial = true
	r.writers++
	if r.immutable {
		r.drop()
	}
}

// fail says that nothing came of the trial.
func (r *runReader) fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trial = false
	r.writers--
}

// succeed says that its connection is the writer from now on.
func (r *runReader) succeed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trial = false
	r.drop()
}

// abandoned says that the writer has let go of the file.
func (r *runReader) abandoned() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writers--
}

// read reads the run after a run, up to another one.
func (r *runReader) read(f sqlite.Location, after, before int64) (Run, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return Run{}, false, ErrClosed
	}
	err := r.open(f)
	if err == nil {
		var run Run
		var ok bool
		if run, ok, err = r.store.readAfter(after, before); err == nil {
			return run, ok, nil
		}
		r.drop()
	}
	if r.trial {
		err = errTrial
	}
	return Run{}, false, err
}

func (r *runReader) open(f sqlite.Location) (err error) {
	switch {
	case r.store != nil:
	case r.writers == 0:
		r.immutable = true
		r.store, err = storeOn(schema.OpenImmutable(f))
	default:
		r.store, err = storeOn(sqlite.OpenReader(f))
	}
	return err
}

// disconnect closes the connection once nobody needs it.
func (r *runReader) disconnect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop()
}

func (r *runReader) drop() {
	_ = r.store.close() // it has only read
	r.store, r.immutable = nil, false
}

// close closes it for good.
func (r *runReader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop()
	r.closed = true
}
