package probe

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// socketWatch waits in a goroutine until a socket in an epoll has something to tell, and then
// wakes the owner. It is for slow Engines: an owner that polled for them every 10 ms would
// use more CPU time than their checks.
type socketWatch struct {
	epoll, stop int // stop is an eventfd
	ready       chan<- struct{}
	limits      chan time.Duration // closed at the end; nil: not started
	waiting     atomic.Bool        // from wait until the owner was woken
	done        chan struct{}
}

// wait wakes the owner once there is something, or after limit. It does nothing while an
// earlier wait goes on, which wakes the owner, too.
func (w *socketWatch) wait(limit time.Duration) {
	if w.waiting.Swap(true) {
		return
	}
	if w.limits == nil {
		w.limits, w.done = make(chan time.Duration, 1), make(chan struct{})
		go w.run()
	}
	w.limits <- limit
}

func (w *socketWatch) run() {
	defer close(w.done)
	for limit := range w.limits {
		fds := []unix.PollFd{{Fd: int32(w.epoll), Events: unix.POLLIN}, {Fd: int32(w.stop), Events: unix.POLLIN}}
		_, _ = unix.Poll(fds, int(limit/time.Millisecond)+1) // interrupted: the owner looks, and waits again
		w.waiting.Store(false)
		select {
		case w.ready <- struct{}{}:
		default:
		}
	}
}

// close ends the goroutine.
func (w *socketWatch) close() error {
	if w.limits != nil {
		close(w.limits)
		_, _ = unix.Write(w.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // can't fail: the counter is 0
		<-w.done
	}
	return unix.Close(w.stop)
}
