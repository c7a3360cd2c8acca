package uplink_test

import (
	"net"
	"sync"
	"testing"

	"evcp/internal/simnet"
)

// central accepts whatever it is told, until stop is called and everybody has hung
// up. It calls met for each connection, one after the other, and heard with the words.
func central(t *testing.T, n *simnet.Net, met func(), heard func(words string)) (stop func()) {
	t.Helper()
	l, err := n.Listen("central")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			met()
			serving.Go(func() { talk(c, heard) })
		}
	})
	return func() {
		l.Close()
		serving.Wait()
	}
}

func talk(c net.Conn, heard func(words string)) {
	defer c.Close()
	b := make([]byte, 512)
	for {
		size, err := c.Read(b)
		if err != nil {
			return
		}
		heard(string(b[:size]))
		c.Write([]byte("Authentication successful\n"))
	}
}
