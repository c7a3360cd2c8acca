package testbed

import (
	"errors"
	"net"
	"os/exec"
	"testing"
)

// few is a range of the tests' own, so that they take nobody's blocks away.
func few(t *testing.T, blocks int) *Ports {
	p := &Ports{first: last, last: last + blocks*block}
	t.Cleanup(func() {
		for _, guard := range p.guards {
			guard.Close()
		}
	})
	return p
}

// Each port comes once and can be listened on, and it is nobody else's: a second
// process finds none of them, whether they are listened on or not.
func TestTake(t *testing.T) {
	p, other := few(t, 4), few(t, 4)
	seen := map[string]bool{}
	for i := range 2 * block / 3 {
		for _, from := range []*Ports{p, other} {
			for _, address := range take(t, from, 1+i%2) {
				if seen[address] {
					t.Errorf("%s came twice", address)
				}
				seen[address] = true
				l, err := net.Listen("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				l.Close()
			}
		}
	}
}

// What is taken by a stranger is passed over.
func TestTakePassesOver(t *testing.T) {
	p := few(t, 1)
	take(t, p, 1)
	l, err := net.Listen("tcp", address(p.now+1))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if next := take(t, p, 1)[0]; next == l.Addr().String() {
		t.Errorf("%s is taken", next)
	}
}

// A port can be listened on at once, also while processes are started.
func TestTakeWhileProcessesStart(t *testing.T) {
	p, started := few(t, 3), make(chan error, 1)
	go func() {
		var err error
		for range 200 {
			err = errors.Join(err, exec.Command("true").Run())
		}
		started <- err
	}()
	for range 250 {
		l, err := net.Listen("tcp", take(t, p, 1)[0])
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	if err := <-started; err != nil {
		t.Error(err)
	}
}

// More than there are is an error, not an endless search.
func TestTakeTooMany(t *testing.T) {
	p := few(t, 2)
	take(t, p, 2*block-2-1)
	for range 3 {
		if got, err := p.Take(2); err == nil {
			t.Errorf("%d ports", len(got))
		}
	}
}

func take(t *testing.T, p *Ports, n int) []string {
	t.Helper()
	addresses, err := p.Take(n)
	if err != nil || len(addresses) != n {
		t.Fatalf("%d of %d, %v", len(addresses), n, err)
	}
	return addresses
}
