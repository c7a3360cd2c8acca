package wait

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// NewTimer makes a Timer on a timer of the kernel, or of package time where none is to be had.
// For a process that wakes a few times a second the first costs a fraction of the second: for
// that one Go's runtime wakes up to a millisecond early, waits once more, and has another thread
// look every 20 µs meanwhile. See docs/decisions/0059.
func NewTimer() Timer {
	if t, err := newKernelTimer(); err == nil {
		return t
	}
	return NewGoTimer()
}

func newKernelTimer() (*kernelTimer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	t := &kernelTimer{fd: uintptr(fd), file: os.NewFile(uintptr(fd), "timer"), c: make(chan time.Time, 1), done: make(chan struct{})}
	conn, err := t.file.SyscallConn()
	if err = errors.Join(err, polled(t.file)); err != nil {
		return nil, errors.Join(err, t.file.Close())
	}
	go t.run(conn)
	return t, nil
}

// polled is nil if Go's poller has a file that does not block. It may have refused it, as at the
// limit of epoll watches (fs.epoll.max_user_watches): then nobody would be woken by it.
func polled(f *os.File) error {
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("the poller does not have %s: %w", f.Name(), err)
	}
	return nil
}

type kernelTimer struct {
	fd   uintptr
	file *os.File
	c    chan time.Time
	done chan struct{}
}

// run waits in Go's poller, which needs no thread.
func (t *kernelTimer) run(conn syscall.RawConn) {
	defer close(t.done)
	for {
		err := conn.Read(func(fd uintptr) bool {
			var expired [8]byte // a read that never blocks: no need for the scheduler's bookkeeping
			_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&expired)), uintptr(len(expired)))
			return errno != unix.EAGAIN
		})
		if err != nil { // closed
			return
		}
		select {
		case t.c <- time.Now():
		default:
		}
	}
}

func (t *kernelTimer) C() <-chan time.Time { return t.c }

func (t *kernelTimer) Reset(after time.Duration) {
	select {
	case <-t.c: // of the moment before
	default:
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(after), 1))}                              // 0 would stop it
	_, _, _ = unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, t.fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0) // its arguments are right
}

func (t *kernelTimer) Close() {
	_ = t.file.Close() // ends the goroutine; nothing else can go wrong
	<-t.done
}
