package uplink_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/outbox"
	"evcp/internal/uplink"
)

// TestReportsAfterARestart are those without a receipt, each once.
func TestReportsAfterARestart(t *testing.T) {
	for name, tt := range map[string]struct {
		away, over bool // Central during the first run; the incident
		want       string
	}{
		"without a receipt":            {away: true, want: "registration request, ENGINE_FAILURE"},
		"failure and recovery without": {away: true, over: true, want: "registration request, ENGINE_FAILURE, ENGINE_RECOVERED"},
		"both with a receipt":          {over: true, want: "registration request"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				h := newHarness(t)
				if !tt.away {
					defer h.serveCentral()()
				}
				h.open(nil)
				h.run(func() {
					h.checked(evcp.KO, evcp.SaidKO)
					time.Sleep(2 * time.Second)
					if tt.over {
						h.checked(evcp.OK, evcp.NoCause)
					}
					time.Sleep(2 * time.Second)
				})
				if tt.away {
					defer h.serveCentral()()
				}
				h.received()
				h.open(func(o *uplink.Options) { o.Heartbeat = 0 })
				h.run(func() {
					time.Sleep(25 * time.Second)
					if tt.over { // there is nothing to repeat
						time.Sleep(time.Minute)
					}
					h.want("second run", h.received(), tt.want)
				})
				h.open(nil)
				late, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if facts, _, err := h.box.Facts().Next(late); err == nil && tt.over {
					t.Errorf("facts with receipts were kept for Central: %+v", facts)
				}
				if err := h.box.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestARestartKeepsTheRepeatInterval: the report is repeated 30 s after its last receipt,
// which came in the first run, and its repeat number goes on.
func TestARestartKeepsTheRepeatInterval(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		h := newHarness(t)
		defer h.serveCentral()()
		h.open(nil)
		began := time.Now()
		h.run(func() {
			h.checked(evcp.KO, evcp.SaidKO)
			time.Sleep(10 * time.Second)
		})
		h.received()
		h.open(func(o *uplink.Options) { o.Heartbeat = 0 })
		h.run(func() {
			time.Sleep(19*time.Second - time.Since(began)%time.Second)
			h.want("too early", h.received(), "registration request")
			time.Sleep(2 * time.Second)
			h.want("in time", h.received(), "ENGINE_FAILURE")
			if s := h.up.Status(cp).LastExchange; s.Repeat != 1 {
				t.Errorf("repeat %d", s.Repeat)
			}
		})
		if i := h.state.Incident; i.Reports != 2 {
			t.Errorf("%d reports", i.Reports)
		}
	})
}

// TestAReportIsSentAgainUntilItsReceiptIsKept loses the receipt, as when the monitor has
// ended already: the next run reports again, and once that receipt is kept, no more.
func TestAReportIsSentAgainUntilItsReceiptIsKept(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		h := newHarness(t)
		defer h.serveCentral()()
		reports := 0
		run := func(options func(*uplink.Options), first func()) {
			h.open(options)
			first()
			h.run(func() { time.Sleep(time.Second) })
			reports += count("ENGINE_FAILURE", h.received())
		}
		run(func(o *uplink.Options) {
			o.ReportEvery, o.Observe = time.Hour, func(evcp.Observation) bool { return false }
		}, func() { h.checked(evcp.KO, evcp.SaidKO) })
		if reports != 1 {
			t.Fatalf("%d reports in the first run, want 1", reports)
		}
		for n := range 2 {
			run(func(o *uplink.Options) { o.ReportEvery = time.Hour }, func() {})
			if reports != 2 {
				t.Fatalf("%d reports after run %d, want 2", reports, n+2)
			}
		}
		if i := h.state.Incident; !i.Open || i.Reports != 1 {
			t.Errorf("incident %+v, want it open and reported once", i)
		}
	})
}

// TestWhatWasReleasedIsRecalledAfterARestart: a charge point that was not watched for a while,
// in a process or between two, is reported when it is watched again, also by a later process.
func TestWhatWasReleasedIsRecalledAfterARestart(t *testing.T) {
	for name, tt := range map[string]struct {
		over bool                    // the last incident
		away func(h *sessionHarness) // ends the watch
		want string
	}{
		"released and adopted": {
			away: func(h *sessionHarness) {
				h.up.Release(h.t.Context(), cp, true)
				h.up.Adopt(cp, time.Second)
			},
			want: "registration request, ENGINE_FAILURE, disconnect",
		},
		"released and adopted, over": {
			over: true,
			away: func(h *sessionHarness) {
				h.up.Release(h.t.Context(), cp, true)
				h.up.Adopt(cp, time.Second)
			},
			want: "registration request, ENGINE_FAILURE, ENGINE_RECOVERED, disconnect",
		},
		"released and adopted, then over": {
			away: func(h *sessionHarness) {
				h.up.Release(h.t.Context(), cp, true)
				h.up.Adopt(cp, time.Second)
				time.Sleep(time.Second)
				h.checked(evcp.OK, evcp.NoCause)
			},
			want: "registration request, ENGINE_FAILURE, ENGINE_RECOVERED, disconnect",
		},
		"released": {
			away: func(h *sessionHarness) { h.up.Release(h.t.Context(), cp, true) },
			want: "registration request, ENGINE_FAILURE, disconnect",
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				h := newHarness(t)
				h.open(nil)
				h.run(func() {
					h.checked(evcp.KO, evcp.SaidKO)
					if tt.over {
						h.checked(evcp.OK, evcp.NoCause)
					}
					time.Sleep(time.Second)
					tt.away(h)
					time.Sleep(time.Second)
				})
				defer h.serveCentral()()
				h.open(func(o *uplink.Options) { o.Heartbeat = 0 })
				h.run(func() { time.Sleep(10 * time.Second) })
				h.want("second run", h.received(), tt.want)
				h.open(func(o *uplink.Options) { o.Heartbeat = 0 })
				h.run(func() { time.Sleep(10 * time.Second) })
				h.want("third run", h.received(), "registration request, disconnect")
			})
		})
	}
}

// TestAReceiptThatCameAfterTheRelease is not kept, so the report is sent again when the charge
// point is watched again, also where its goodbye is still on its way.
func TestAReceiptThatCameAfterTheRelease(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		h := newHarness(t)
		defer h.serveCentral()()
		var watched atomic.Bool
		var repeats []uint32 // kept
		h.open(func(o *uplink.Options) {
			observe := o.Observe
			o.Heartbeat, o.ReportEvery = 0, 10*time.Second
			o.Observe = func(of evcp.Observation) bool {
				if !watched.Load() {
					return false
				}
				if of.Kind == evcp.FailureReported {
					repeats = append(repeats, of.Repeat)
				}
				return observe(of)
			}
		})
		watched.Store(true)
		h.run(func() {
			h.checked(evcp.KO, evcp.SaidKO)
			time.Sleep(5 * time.Second)
			h.net.Delay(time.Second)
			time.Sleep(5500 * time.Millisecond) // the first repeat is on its way
			watched.Store(false)
			limit, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
			defer cancel()
			h.up.Release(limit, cp, true)
			if limit.Err() == nil {
				t.Error("the goodbye has been answered")
			}
			watched.Store(true)
			h.up.Adopt(cp, time.Second)
			time.Sleep(25 * time.Second)
		})
		if len(repeats) < 3 || !slices.Equal(repeats[:3], []uint32{0, 1, 2}) {
			t.Errorf("receipts are kept of the repeats %v, want 0, 1, 2 and so on", repeats)
		}
	})
}

// TestAnEngineThatFlapsWhileCentralIsAway is reported in order, incident by incident, after a
// restart as without one.
func TestAnEngineThatFlapsWhileCentralIsAway(t *testing.T) {
	const incidents = 600
	for name, restart := range map[string]bool{"goes on": false, "restarts": true} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				h := newHarness(t)
				var stop func()
				tell := func() {
					stop = h.serveCentral()
					time.Sleep(10 * time.Minute)
				}
				h.open(nil)
				h.run(func() {
					h.flap(incidents)
					if !restart {
						tell()
					}
				})
				if restart {
					h.open(nil)
					h.run(tell)
				}
				stop()
				want := []string{"registration request"}
				for range incidents {
					want = append(want, "ENGINE_FAILURE", "ENGINE_RECOVERED")
				}
				got := strings.Split(h.received(), ", ")
				got = slices.DeleteFunc(got, func(m string) bool { return strings.HasPrefix(m, "heartbeat") })
				if !slices.Equal(got, append(want, "disconnect")) {
					t.Errorf("Central received %d messages, want %d", len(got), len(want)+1)
				}
			})
		})
	}
}

// TestReportsGivenUpAtTheBound: Central is not told of what the outbox gave up, with a restart
// or without one, but of the newest incident. It is counted.
func TestReportsGivenUpAtTheBound(t *testing.T) {
	const incidents = 6000
	bubble.Run(t, func(t *testing.T) {
		h := newHarness(t)
		h.maxSize = 4 << 20
		h.open(nil)
		left := 0
		h.run(func() {
			h.flap(incidents)
			f := h.up.Figures()
			if left = f.Pending; f.GivenUp == 0 || left+int(f.GivenUp) != 2*incidents {
				t.Errorf("%d reports are pending, %d were given up", left, f.GivenUp)
			}
			if p := h.box.Stats().Cursors[outbox.Central]; p.Events != int64(left) {
				t.Errorf("the outbox has %d events for Central, want %d", p.Events, left)
			}
		})
		h.open(nil)
		h.run(func() {
			time.Sleep(time.Second)
			if got := h.up.Figures().Pending; got != left {
				t.Errorf("%d reports are pending after a restart, %d before", got, left)
			}
		})
	})
}

// flap has incidents one after the other, and waits until the session has them.
func (h *sessionHarness) flap(incidents int) {
	for i := range incidents {
		h.checked(evcp.KO, evcp.SaidKO)
		h.checked(evcp.OK, evcp.NoCause)
		if i%32 == 0 {
			time.Sleep(time.Second)
		}
	}
	time.Sleep(time.Second)
}
