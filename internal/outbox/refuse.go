package outbox

import (
	"errors"
	"fmt"
	"time"
)

// errStuck is a commit that does not come back.
var errStuck = errors.New("the disk does not answer")

// refuse goes on in memory, under the next generation: what was appended and not
// kept is void. It does nothing when that has already happened.
func (o *Outbox) refuse(k *keeper, cause error) {
	memory, err := openMemory()
	if err != nil {
		panic(fmt.Sprintf("outbox: neither disk nor memory: %v", errors.Join(cause, err)))
	}
	next := newKeeper(o, memory)
	next.stop = k.stop
	if !o.succeed(k, next, cause) {
		next.drop()
		return
	}
	o.disprove()
	go next.run()
}

// succeed puts the next keeper in the place of k, unless another one is there.
func (o *Outbox) succeed(k, next *keeper, cause error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keeper != k {
		return false
	}
	o.generation++
	o.void()
	o.keeper = next
	o.counts.refuse(o.dir, cause)
	o.teller.refused(o.generation, errors.New(o.counts.refusedWhy))
	return true
}

// drop ends a keeper that never ran.
func (k *keeper) drop() {
	k.healing.Stop()
	_ = k.store.close()
}

// void forgets what was appended and not kept. Runs in memory are numbered so
// that nothing on the disk, now or later, has their numbers.
func (o *Outbox) void() {
	o.load.reset()
	o.committing = 0
	o.written = o.keptTotal
	o.facts.void(o.keptRun)
	o.nextRun = max(o.nextRun, time.Now().UnixMilli())
	if o.memoryFrom == 0 {
		o.memoryFrom, o.diskRun = o.nextRun+1, o.keptRun
	}
}
