package demo

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp/internal/console"
)

func connect(t *testing.T, l net.Listener) (near, far net.Conn) {
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

func TestNextPortWhenTaken(t *testing.T) {
	first := opened(t, 0)
	second := opened(t, uint16(portOf(first)))
	if portOf(second) <= portOf(first) {
		t.Errorf("wanted %d, got %d", portOf(first), portOf(second))
	}
}

// A browser resolves "localhost" to ::1 first.
func TestNextPortWhenTakenOnIPv6(t *testing.T) {
	six, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Log("this machine has no ::1, so nothing can be found there first")
		return
	}
	defer six.Close()
	if l := opened(t, uint16(portOf(six))); portOf(l) == portOf(six) {
		t.Errorf("took %d, which another program has on ::1", portOf(l))
	}
}

// A frozen server reads nothing; thawed, it reads what has arrived meanwhile.
func TestFreezer(t *testing.T) {
	var f freezer
	near, far := connect(t, freezeListener{opened(t, 0), &f})
	received := make(chan byte)
	go func() {
		defer close(received)
		var b [1]byte
		for {
			if _, err := far.Read(b[:]); err != nil {
				return
			}
			received <- b[0]
		}
	}()
	send := func(what string) {
		if _, err := near.Write([]byte(what)); err != nil {
			t.Fatal(err)
		}
	}
	send("a")
	if got := <-received; got != 'a' {
		t.Errorf("received %q", got)
	}
	f.freeze()
	f.freeze()
	send("b")
	select {
	case got := <-received:
		t.Errorf("received %q while frozen", got)
	case <-time.After(50 * time.Millisecond): // too short a time could hide a fault, never cause a failure
	}
	f.thaw()
	f.thaw()
	if got := <-received; got != 'b' {
		t.Errorf("received %q", got)
	}
	f.freeze()
	far.Close() // a connection that is closed is not held
	if _, more := <-received; more {
		t.Error("received something after the end")
	}
}

// After cut the connection to Central is closed, and a new one is refused.
func TestCutDialer(t *testing.T) {
	central := opened(t, 0)
	d := new(cutDialer)
	dial := func() (net.Conn, error) {
		conn, err := d.DialContext(context.Background(), "tcp", central.Addr().String())
		if err == nil {
			t.Cleanup(func() { conn.Close() })
		}
		return conn, err
	}
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	d.cut()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection is open: %v", err)
	}
	if _, err := dial(); !errors.Is(err, errCut) {
		t.Errorf("a new connection: %v", err)
	}
}

// TestTheBrokerMakesATopic that a second Monitor, with a topic of its own, writes to.
func TestTheBrokerMakesATopic(t *testing.T) {
	e, err := openEnv(Options{Console: console.Open(console.Options{})}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(e.kafka.Addr().String()), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("another"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := client.ProduceSync(ctx, kgo.StringRecord("an event")).FirstErr(); err != nil {
		t.Error(err)
	}
	client.Close()
	if err := e.close(); err != nil {
		t.Error(err)
	}
}
