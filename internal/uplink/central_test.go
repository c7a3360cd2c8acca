package uplink_test

import (
	"net"
	"sync"
	"testing"

	"evcp/internal/simnet"
)

// central answers what hears says, until stop is called and everybody has hung up. It
// calls met for each connection, one after the other. No answer is silence.
func central(t *testing.T, n *simnet.Net, met func(), hears func(words string) string) (stop func()) {
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
			serving.Go(func() { talk(c, hears) })
		}
	})
	return func() {
		l.Close()
		serving.Wait()
	}
}

const welcome = "Authentication successful\n"

func talk(c net.Conn, hears func(words string) string) {
	defer c.Close()
	b := make([]byte, 512)
	for {
		size, err := c.Read(b)
		if err != nil {
			return
		}
		if answer := hears(string(b[:size])); answer != "" {
			c.Write([]byte(answer))
		}
	}
}
