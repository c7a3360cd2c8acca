package uplink_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/simnet"
	"evcp/internal/uplink"
)

// TestACentralThatHangs is told once for all, within three heartbeats, although it takes every
// connection; and none is called away when it answers again.
func TestACentralThatHangs(t *testing.T) {
	for _, many := range []int{1, 500} {
		bubble.Run(t, func(t *testing.T) {
			n := &simnet.Net{}
			var hangs atomic.Bool
			stop := serveCentral(t, n, func() {}, func(string) string {
				if hangs.Load() {
					return ""
				}
				return accepted
			})
			h := newFleet(t, n, "central", many, nil)
			h.run(func() {
				time.Sleep(30 * time.Second)
				hangs.Store(true)
				time.Sleep(20 * time.Second)
				if away := h.up.Figures().Sessions[uplink.Away]; away < many*9/10 { // one of each connection may wait for its reply
					t.Errorf("%d of %d are away", away, many)
				}
				time.Sleep(time.Minute)
				hangs.Store(false)
				time.Sleep(15 * time.Second)
				if got := h.registered(); got != many {
					t.Errorf("%d of %d are back", got, many)
				}
			})
			stop()
			h.mu.Lock()
			defer h.mu.Unlock()
			if len(h.diagnostics) != 2 {
				t.Errorf("%d: %+v", many, h.diagnostics)
			} else if b := h.diagnostics[0]; b.Kind != uplink.OutageBegan || b.Count != many || b.Cause != evcp.Timeout {
				t.Errorf("%d: %+v", many, b)
			}
		})
	}
}

// TestACentralWithoutHeartbeats: some never answer them. That is no outage.
func TestACentralWithoutHeartbeats(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		n := &simnet.Net{}
		stop := serveCentral(t, n, func() {}, func(message string) string {
			if strings.Contains(message, "heartbeat") {
				return ""
			}
			return accepted
		})
		h := newFleet(t, n, "central", 20, nil)
		h.run(func() { time.Sleep(5 * time.Minute) })
		stop()
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.diagnostics) != 0 || h.observed[evcp.Registered] != 20 {
			t.Errorf("%d registrations, %+v", h.observed[evcp.Registered], h.diagnostics)
		}
	})
}
