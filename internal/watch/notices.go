package watch

import (
	"sync"
	"sync/atomic"
)

// noticeQueue is what others have for the log: functions that write a line each. Adding never
// waits; what finds most of them waiting is dropped.
type noticeQueue struct {
	most    int
	come    chan struct{} // has room for one; received by the reader
	dropped atomic.Uint64

	mu      sync.Mutex
	waiting []func()
}

// add queues a notice, and reports whether there was room. Any goroutine may call.
func (q *noticeQueue) add(write func()) (queued bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == q.most {
		q.dropped.Add(1)
		return false
	}
	q.waiting = append(q.waiting, write)
	select {
	case q.come <- struct{}{}:
	default: // the reader has not taken the last one yet
	}
	return true
}

// each takes all that waits.
func (q *noticeQueue) each(do func(write func())) {
	q.mu.Lock()
	taken := q.waiting
	q.waiting = nil // room for very many is not kept
	q.mu.Unlock()
	for _, write := range taken {
		do(write)
	}
}

func (q *noticeQueue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}
