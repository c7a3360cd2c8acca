package outbox

import (
	"errors"
	"fmt"
	"time"

	"evcp/internal/sqlite"
)

// errStuck is a commit that does not come back.
var errStuck = errors.New("the disk does not answer")

// refuse goes on in memory, under the next generation: what was appended and not
// kept is void. It does nothing when that has already happened.
func (o *Outbox) refuse(k *committer, cause error) {
	memory, err := openMemory()
	if err != nil {
		panic(fmt.Sprintf("outbox: neither disk nor memory: %v", errors.Join(cause, err)))
	}
	next := newCommitter(o, memory)
	next.stop = k.stop
	if !o.succeed(k, next, sqlite.DiskError(o.dir, cause)) {
		next.drop()
		return
	}
	o.removeMarker()
	go next.run()
}

// succeed puts the next keeper in the place of k, unless another one is there.
func (o *Outbox) succeed(k, next *committer, why string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.committer != k {
		return false
	}
	o.generation++
	o.discard()
	o.committer = next
	o.counts.refuse(why)
	o.notifier.refused(o.generation, errors.New(why))
	return true
}

// drop ends a keeper that never ran.
func (k *committer) drop() {
	k.stopTimers()
	_ = k.store.close()
}

// discard forgets what was appended and not kept, what was given up of it included.
func (o *Outbox) discard() {
	o.pending.reset()
	o.givenUp = dropSet{}
	o.committing = 0
	o.written = o.keptTotal
	o.facts.discard(o.keptRun)
	if o.memoryFrom == 0 {
		o.intoMemory(o.keptRun)
	}
}

// intoMemory makes the next run the first that is in memory only. It is numbered so
// that nothing on the disk, now or later, has its number. Runs after diskRun never
// were.
func (o *Outbox) intoMemory(diskRun int64) {
	o.nextRun = max(o.nextRun, time.Now().UnixMilli())
	o.memoryFrom, o.diskRun = o.nextRun+1, diskRun
}
