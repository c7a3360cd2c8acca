package loopback

import (
	"net"
	"testing"
)

// Each port comes once, and can be listened on.
func TestTake(t *testing.T) {
	p := NewPorts()
	seen := map[string]bool{}
	for range 100 {
		for _, address := range take(t, p, 3) {
			if seen[address] {
				t.Errorf("%s came twice", address)
			}
			seen[address] = true
			listen(t, address)
		}
	}
}

// After the last port comes the first, and what is taken is passed over.
func TestTakeBeginsAgain(t *testing.T) {
	p := &Ports{now: last - 1}
	first := take(t, p, 1)[0]
	listen(t, first)
	p.now = last - 1
	if again := take(t, p, 1)[0]; again == first {
		t.Errorf("%s is taken, and came again", again)
	}
}

// More than there are is an error, not an endless search.
func TestTakeTooMany(t *testing.T) {
	if got, err := NewPorts().Take(last - first + 1); err == nil {
		t.Errorf("%d ports", len(got))
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

func listen(t *testing.T, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}
