package probe

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxWatched is for how many sockets a wait is begun: the kernel looks at each of them.
const maxWatched = 256

// socketWatch waits in a goroutine until a socket in an epoll has something to tell, and then
// wakes the owner. It is for slow Engines, and for few: an owner that looked for them every
// 10 ms would use more CPU time than their checks. The goroutine waits in Go's poller, which needs
// no thread.
type socketWatch struct {
	sockets int // the epoll of the sockets
	// epoll has that one only while somebody waits. Go's poller has epoll all the time, and
	// would wake a thread for every reply of a fleet.
	epoll   *os.File
	fd      int // of epoll
	ready   chan<- struct{}
	again   chan struct{} // closed at the end; nil: not started
	waiting atomic.Bool   // from wait until the owner was woken
	done    chan struct{}
}

// open makes a watch of an epoll that wakes the owner by ready.
func (w *socketWatch) open(sockets int, ready chan<- struct{}) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil { // for Go's poller
		return errors.Join(err, unix.Close(fd))
	}
	*w = socketWatch{sockets: sockets, epoll: os.NewFile(uintptr(fd), "epoll"), fd: fd, ready: ready}
	if err := w.epoll.SetReadDeadline(time.Time{}); err != nil { // Go's poller does not have it
		return errors.Join(err, w.epoll.Close())
	}
	return nil
}

// wait wakes the owner once there is something. It does nothing while an earlier wait goes on,
// which wakes the owner, too. It reports false if it can't, as at the limit of epoll watches.
func (w *socketWatch) wait() bool {
	if w.waiting.Swap(true) {
		return true
	}
	if err := unix.EpollCtl(w.fd, unix.EPOLL_CTL_ADD, w.sockets, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
		w.waiting.Store(false)
		return false
	}
	if w.again == nil {
		w.again, w.done = make(chan struct{}, 1), make(chan struct{})
		go w.run()
	}
	w.again <- struct{}{}
	return true
}

func (w *socketWatch) run() {
	defer close(w.done)
	conn, err := w.epoll.SyscallConn()
	for range w.again {
		if err == nil {
			err = w.waitOnce(conn)
		}
		w.waiting.Store(false)
		select {
		case w.ready <- struct{}{}:
		default:
		}
	}
}

// waitOnce waits until there is something, or until close.
func (w *socketWatch) waitOnce(conn syscall.RawConn) error {
	if err := conn.Read(somethingThere); err != nil {
		return err
	}
	return conn.Control(func(fd uintptr) { _ = unix.EpollCtl(int(fd), unix.EPOLL_CTL_DEL, w.sockets, nil) })
}

// somethingThere reports whether an epoll has something to tell, without taking it.
func somethingThere(epoll uintptr) bool {
	fds := [1]unix.PollFd{{Fd: int32(epoll), Events: unix.POLLIN}}
	var now unix.Timespec // it never blocks
	n, _, _ := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return n != 0
}

// close ends the goroutine. The epoll of the sockets stays open.
func (w *socketWatch) close() error {
	err := w.epoll.Close()
	if w.again != nil {
		close(w.again)
		<-w.done
	}
	return err
}
