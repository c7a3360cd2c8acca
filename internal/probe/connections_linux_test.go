package probe_test

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/probe"
)

// The conformance of the drivers where connections begin, break and end.

// TestConformanceOfConnections counts dials to Engines that keep their connections, and to
// those that close.
func TestConformanceOfConnections(t *testing.T) {
	for name, tt := range map[string]struct {
		closes bool
		dials  int32
		answer string
	}{
		"kept": {false, 1, "OK"}, "closing": {true, 5, "OK"}, "more than asked": {false, 5, "OK\nOK\n"},
	} {
		t.Run(name, func(t *testing.T) {
			withDrivers(t, func(t *testing.T, d probe.Driver) {
				var dials atomic.Int32
				fx := realTarget(t, d, listenAndServe(t, func(c *net.TCPConn) {
					dials.Add(1)
					for {
						if _, ok := read(c); !ok {
							return
						}
						cork(t, c)
						c.Write([]byte(tt.answer))
						if tt.closes {
							return
						}
						uncork(t, c)
					}
				}), unchanged)
				for range 5 {
					fx.want(evcp.OK, evcp.NoCause, "OK")
					time.Sleep(20 * time.Millisecond)
				}
				if n := dials.Load(); n != tt.dials && fx.repeated == 0 {
					t.Errorf("%d connections, want %d", n, tt.dials)
				}
			})
		})
	}
}

// TestConformanceOfEnds: an Engine that ends its connections in every way is told of our end
// in order, never by a reset, and the next connection is as good as the first.
func TestConformanceOfEnds(t *testing.T) {
	withDrivers(t, func(t *testing.T, d probe.Driver) {
		var n atomic.Int32
		ends := make(chan error, 20)
		fx := realTarget(t, d, listenAndServe(t, func(c *net.TCPConn) {
			reply := func() bool {
				_, asked := read(c)
				c.Write([]byte("OK"))
				return asked
			}
			asked := reply()
			switch n.Add(1) % 4 {
			case 0: // closes
			case 1:
				c.CloseWrite()
				_, err := io.Copy(io.Discard, c)
				ends <- err
			case 2:
				time.Sleep(10 * time.Millisecond)
				c.SetLinger(0)
			case 3:
				asked = reply()
			}
			if !asked {
				ends <- io.ErrUnexpectedEOF
			}
		}), unchanged)
		for range 20 {
			fx.want(evcp.OK, evcp.NoCause, "OK")
			time.Sleep(20 * time.Millisecond)
		}
		for range 3 {
			if err := <-ends; err != nil {
				t.Error(err)
			}
		}
	})
}

// TestConformanceOfABreak: an Engine that resets the kept connection under a question is
// asked once more; blanks between two checks are dropped, and other bytes end a connection.
func TestConformanceOfABreak(t *testing.T) {
	for name, tt := range map[string]struct {
		between string
		reset   bool
		dials   int32
	}{"reset": {"", true, 3}, "blanks": {" \r\n", false, 1}, "words": {"KO", false, 4}} {
		t.Run(name, func(t *testing.T) {
			withDrivers(t, func(t *testing.T, d probe.Driver) {
				var dials atomic.Int32
				taken, sent := make(chan struct{}), make(chan struct{})
				fx := realTarget(t, d, listenAndServe(t, func(c *net.TCPConn) {
					dials.Add(1)
					for n := 1; ; n++ {
						if _, ok := read(c); !ok {
							return
						}
						if tt.reset && n == 2 {
							c.SetLinger(0)
							return
						}
						c.Write([]byte("OK"))
						if tt.between == "" {
							continue
						}
						if _, more := <-taken; !more {
							return
						}
						c.Write([]byte(tt.between))
						arrive(t, c)
						sent <- struct{}{}
					}
				}), unchanged)
				defer close(taken)
				for range 3 + 1 {
					if r := fx.want(evcp.OK, evcp.NoCause, "OK"); r.outcome.Status != evcp.OK {
						return
					}
					if tt.between != "" {
						taken <- struct{}{}
						<-sent
					}
				}
				if n := dials.Load(); n != tt.dials && !tt.reset && fx.repeated == 0 || tt.reset && n < 3 {
					t.Errorf("%d connections, want %d", n, tt.dials)
				}
			})
		})
	}
}
