package probe

import (
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketWatch waits in a goroutine until a socket in an epoll has something to tell, and then
// wakes the owner. It is for slow Engines, and for few: an owner that looked for them every
// 10 ms would use more CPU time than their checks. The goroutine waits in Go's poller, which needs
// no thread.
type socketWatch struct {
	epoll   *os.File
	ready   chan<- struct{}
	again   chan struct{} // closed at the end; nil: not started
	waiting atomic.Bool   // from wait until the owner was woken
	done    chan struct{}
}

// wait wakes the owner once there is something. It does nothing while an earlier wait goes on,
// which wakes the owner, too.
func (w *socketWatch) wait() {
	if w.waiting.Swap(true) {
		return
	}
	if w.again == nil {
		w.again, w.done = make(chan struct{}, 1), make(chan struct{})
		go w.run()
	}
	w.again <- struct{}{}
}

func (w *socketWatch) run() {
	defer close(w.done)
	conn, err := w.epoll.SyscallConn()
	for range w.again {
		if err == nil {
			err = conn.Read(somethingThere)
		}
		w.waiting.Store(false)
		select {
		case w.ready <- struct{}{}:
		default:
		}
	}
}

// somethingThere reports whether an epoll has something to tell, without taking it.
func somethingThere(epoll uintptr) bool {
	fds := [1]unix.PollFd{{Fd: int32(epoll), Events: unix.POLLIN}}
	var now unix.Timespec // it never blocks
	n, _, _ := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return n != 0
}

// close ends the goroutine, and closes the epoll.
func (w *socketWatch) close() error {
	err := w.epoll.Close()
	if w.again != nil {
		close(w.again)
		<-w.done
	}
	return err
}
