package demo

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

func pair(t *testing.T, l net.Listener) (near, far net.Conn) {
	t.Helper()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func opened(t *testing.T, wanted uint16) net.Listener {
	t.Helper()
	l, err := openPort(wanted)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestATakenPortGivesWay(t *testing.T) {
	first := opened(t, 0)
	second := opened(t, uint16(portOf(first)))
	if portOf(second) <= portOf(first) {
		t.Errorf("wanted %d, got %d", portOf(first), portOf(second))
	}
}

// A browser that is told "localhost" looks at ::1 first.
func TestAPortTakenOnTheOtherLoopbackGivesWay(t *testing.T) {
	six, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Log("this machine has no ::1, so nobody is found there first")
		return
	}
	defer six.Close()
	if l := opened(t, uint16(portOf(six))); portOf(l) == portOf(six) {
		t.Errorf("took %d, which is somebody else's on ::1", portOf(l))
	}
}

// Frozen, a server takes what comes and says nothing; thawed, it goes on with it.
func TestFrost(t *testing.T) {
	var f frost
	near, far := pair(t, f.listen(opened(t, 0)))
	heard := make(chan byte)
	go func() {
		defer close(heard)
		var b [1]byte
		for {
			if _, err := far.Read(b[:]); err != nil {
				return
			}
			heard <- b[0]
		}
	}()
	say := func(what string) {
		if _, err := near.Write([]byte(what)); err != nil {
			t.Fatal(err)
		}
	}
	say("a")
	if got := <-heard; got != 'a' {
		t.Errorf("heard %q", got)
	}
	f.freeze()
	f.freeze()
	say("b")
	select {
	case got := <-heard:
		t.Errorf("heard %q while frozen", got)
	case <-time.After(50 * time.Millisecond): // too short could only hide a fault, never make one
	}
	f.thaw()
	f.thaw()
	if got := <-heard; got != 'b' {
		t.Errorf("heard %q", got)
	}
	f.freeze()
	far.Close() // a connection that ends is not held
	if _, more := <-heard; more {
		t.Error("heard something after the end")
	}
}

// A cut line is dead at once, no other begins, and other addresses stay in reach.
func TestLeash(t *testing.T) {
	home, elsewhere := opened(t, 0), opened(t, 0)
	l := &leash{central: home.Addr().String()}
	dial := func(to net.Listener) (net.Conn, error) {
		conn, err := l.DialContext(context.Background(), "tcp", to.Addr().String())
		if err == nil {
			t.Cleanup(func() { conn.Close() })
		}
		return conn, err
	}
	conn, err := dial(home)
	if err != nil {
		t.Fatal(err)
	}
	l.cut()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the line lives: %v", err)
	}
	if _, err := dial(home); !errors.Is(err, errCut) {
		t.Errorf("a new line: %v", err)
	}
	if _, err := dial(elsewhere); err != nil {
		t.Errorf("another address: %v", err)
	}
}
