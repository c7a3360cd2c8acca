package uplink_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp/internal/bubble"
	"evcp/internal/simnet"
	"evcp/internal/uplink"
	"evcp/internal/wire"
)

// lineCentral answers in lines, and counts.
type lineCentral struct {
	mu       sync.Mutex // guards what follows
	reads    int
	beats    map[string][]time.Time // heartbeats by charge point
	longest  int                    // heartbeats in one read
	perRead  int                    // how many lines of a read it answers; 0: all
	endAfter int                    // it closes the connection within a read, after so many answers; 0: never
}

func (c *lineCentral) serve(conn net.Conn) {
	defer conn.Close()
	b := make([]byte, 8192)
	for {
		n, err := conn.Read(b)
		if err != nil {
			return
		}
		replies, end := c.replies(bytes.Split(bytes.TrimSuffix(b[:n], []byte("\n")), []byte("\n")))
		conn.Write([]byte(replies))
		if end {
			return
		}
	}
}

func (c *lineCentral) replies(lines [][]byte) (replies string, end bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	for _, line := range lines {
		if !bytes.Contains(line, []byte(" heartbeat ")) {
			break
		}
		c.longest = max(c.longest, len(lines))
	}
	for i, line := range lines {
		if c.perRead > 0 && i == c.perRead {
			break
		}
		if c.endAfter > 0 && i == c.endAfter {
			return replies, true
		}
		if f := strings.Fields(string(line)); len(f) > 2 && f[2] == "heartbeat" {
			c.beats[f[1]] = append(c.beats[f[1]], time.Now())
		}
		replies += accepted
	}
	return replies, false
}

// missed are the heartbeats that did not come within limit of the one before, until now.
func (c *lineCentral) missed(limit time.Duration) (missed []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for cp, at := range c.beats {
		for i, t := range append(at[1:], time.Now()) {
			if gap := t.Sub(at[i]); gap > limit {
				missed = append(missed, fmt.Sprintf("%s: %s", cp, gap))
			}
		}
	}
	return missed
}

// TestHeartbeatsArePipelined are sent at once to a Central that answers in lines, as far as it
// answers all of them: one that reads a line and drops the rest gets them one by one, and one
// that closes in the middle gets the others again. No charge point is without its heartbeat.
func TestHeartbeatsArePipelined(t *testing.T) {
	for name, c := range map[string]struct {
		perRead, endAfter int
		framing           wire.Framing
		together          bool
		limit             time.Duration
	}{
		"lines":              {framing: wire.Line, together: true, limit: 5300 * time.Millisecond},
		"one line of each":   {framing: wire.Line, perRead: 1, together: true, limit: 11 * time.Second},
		"ends in the middle": {framing: wire.Line, endAfter: 3, together: true, limit: 5300 * time.Millisecond},
		"raw":                {framing: wire.Raw, limit: 5300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				n, central := &simnet.Net{}, &lineCentral{beats: map[string][]time.Time{}, perRead: c.perRead, endAfter: c.endAfter}
				defer acceptCentral(t, n, func() {}, central.serve)()
				h := newFleet(t, n, "central", 400, func(o *uplink.Options) { o.Codec, o.Connections = uplink.TextCodec(c.framing), 4 })
				h.run(func() {
					time.Sleep(time.Minute)
					if h.registered() != 400 {
						t.Errorf("%d registered", h.registered())
					}
					if m := central.missed(c.limit); len(m) > 0 {
						t.Errorf("%d gaps, such as %s", len(m), m[0])
					}
				})
				central.mu.Lock()
				defer central.mu.Unlock()
				if len(central.beats) != 400 || c.together != (central.longest > 1) {
					t.Errorf("%d of 400 sent heartbeats, at most %d at once", len(central.beats), central.longest)
				}
				if name == "lines" && central.reads > 400+800+60*5*4 {
					t.Errorf("%d reads", central.reads)
				}
			})
		})
	}
}
