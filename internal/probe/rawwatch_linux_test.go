package probe

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSocketWatch: the owner is woken when it waits, and at once when there is something
// already. While nobody waits, Go's poller learns nothing: it would wake a thread for every reply
// of a fleet.
func TestSocketWatch(t *testing.T) {
	sockets, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sockets)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := unix.EpollCtl(sockets, unix.EPOLL_CTL_ADD, int(r.Fd()), &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{}, 1)
	var watch socketWatch
	if err := watch.open(sockets, ready); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if first, second := watch.wait(), watch.wait(); !first || !second {
			t.Fatal("can't wait")
		}
		select {
		case <-ready:
			t.Fatal("woken by nothing")
		default:
		}
		w.WriteString("OK")
		<-ready
		if somethingThere(uintptr(watch.fd)) {
			t.Error("Go's poller is told while nobody waits")
		}
		watch.wait() // for what is there already
		<-ready
		var b [2]byte
		r.Read(b[:])
	}
	watch.wait()
	if err := watch.close(); err != nil {
		t.Error(err)
	}
	<-ready // also of a wait that never ended
}
