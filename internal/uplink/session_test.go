package uplink_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/simnet"
	"evcp/internal/uplink"
	"evcp/internal/wire"
)

// TestSession goes through an outage, rejected reports, a Central that forgot the charge
// point, an unanswered heartbeat and a clean stop.
func TestSession(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		h := newHarness(t)
		h.open(nil)
		var stop func()
		answered, _ := h.run(func() {
			synctest.Wait() // until the first registration failed
			h.checked(evcp.OK, evcp.NoCause)
			time.Sleep(3 * time.Second)
			<-h.up.Attempted()
			h.want("no Central", h.diagnosed(), `outage began refused "" 0`)
			h.checked(evcp.KO, evcp.SaidKO)
			time.Sleep(time.Second)
			if s := h.up.Status(cp); s.Phase != uplink.Away || h.up.Figures().Pending != 1 || s.Next != "registration request" {
				t.Errorf("%+v, %d pending", s, h.up.Figures().Pending)
			}
			stop = h.serveCentral()
			time.Sleep(5 * time.Second)
			h.want("Central started", h.received(), "registration request, ENGINE_FAILURE, heartbeat KO")
			h.want("Central started", h.diagnosed(), `outage ended  "Authentication successful" 1`)
			if s := h.up.Status(cp); s.Phase != uplink.Registered || s.LastExchange.Message != "heartbeat KO" || s.LastExchange.Reply.Text != "Authentication successful" || s.NextAt.Sub(s.LastExchange.At) != 5*time.Second {
				t.Errorf("%+v", s)
			}

			h.setReplies("ENGINE_FAILURE", "ERROR database\n", "ERROR database\n")
			time.Sleep(33 * time.Second)
			if got := h.received(); count("ENGINE_FAILURE", got) != 3 || count("heartbeat KO", got) < 1 {
				t.Errorf("repeated until it was accepted: %s", got)
			}
			h.want("rejected", h.diagnosed(), `report rejected  "ERROR database" 0`)

			h.setReplies("ENGINE_RECOVERED", "KO not registered\n")
			h.checked(evcp.OK, evcp.NoCause)
			time.Sleep(4 * time.Second)
			h.want("forgotten", h.received(), "ENGINE_RECOVERED, registration request, ENGINE_RECOVERED, heartbeat OK")
			h.want("forgotten", h.diagnosed(), `report rejected  "KO not registered" 0`)

			h.setReplies("heartbeat OK", "")
			h.checked(evcp.OK, evcp.NoCause)
			time.Sleep(9 * time.Second)
			h.want("one heartbeat without an answer", h.received(), "heartbeat OK")
			h.want("one heartbeat without an answer", h.diagnosed(), "")
			checkFigures(t, h.up.Figures())
		})
		h.want("the end", h.received(), "disconnect")
		if !answered {
			t.Error("disconnect had no reply")
		}
		stop()
		h.want("kept", fmt.Sprint(h.kept), "[register_to_central health_check health_check engine_failed authenticated_with_central report_engine_failure"+
			" report_engine_failure health_check engine_recovered register_to_central authenticated_with_central report_engine_recovery health_check]")
	})
}

func checkFigures(t *testing.T, f uplink.Figures) {
	t.Helper()
	want := map[string]uint64{
		"false received": 2, "false not_taken": 2, "true not_registered": 1, "true received": 1,
	}
	for _, r := range f.Reports {
		if key := fmt.Sprint(r.Recovery, " ", r.Result); r.Count != want[key] {
			t.Errorf("%d reports %s, want %d", r.Count, key, want[key])
		}
	}
	delivered := uint64(0)
	for _, n := range f.Delivery.Counts {
		delivered += n
	}
	if len(f.Reports) != 8 || delivered != 2 || f.Pending != 0 || f.Sessions[uplink.Refused] != 0 || len(f.Sessions) != 4 || f.Sessions[uplink.Registered] != 1 {
		t.Errorf("%+v", f)
	}
}

// TestARejectedRegistration ends only a Monitor under StopWhenRefused that Central never
// accepted; any other registers again every minute.
func TestARejectedRegistration(t *testing.T) {
	const rejected = "Authentication denied: unknown charging point CP_001"
	for name, tt := range map[string]struct {
		stop, before, inProcess, ends bool
	}{
		"for the first time":             {stop: true, ends: true},
		"accepted by an earlier process": {stop: true, before: true},
		"accepted in this process":       {stop: true, inProcess: true},
		"in a fleet":                     {},
		"in a fleet, once accepted":      {before: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				h := newHarness(t)
				defer h.serveCentral()()
				h.open(func(o *uplink.Options) {
					o.StopWhenRefused, o.Heartbeat = tt.stop, 0
					if tt.inProcess { // the acceptance is never kept
						o.Observe = func(evcp.Observation) bool { return false }
					}
				})
				if tt.before {
					h.judge(evcp.Observation{Kind: evcp.Registered})
					time.Sleep(time.Second) // it is kept
				}
				rejections := []string{rejected + "\n", rejected + "\n", rejected + "\n"}
				if tt.inProcess {
					rejections = append([]string{accepted}, rejections...)
					h.setReplies("ENGINE_FAILURE", "not registered\n")
				}
				h.setReplies("registration request", rejections...)
				_, err := h.run(func() {
					time.Sleep(time.Second)
					if tt.inProcess {
						h.checked(evcp.KO, evcp.SaidKO)
					}
					time.Sleep(118 * time.Second)
					if f := h.up.Figures(); !tt.ends && (f.Sessions[uplink.Refused] != 1 || h.up.Status(cp).Phase.String() != "refused") {
						t.Errorf("%+v", f)
					}
				})
				var refused *uplink.RefusedError
				if errors.As(err, &refused) != tt.ends || err != nil && err.Error() != `Central refused CP_001: "`+rejected+`"` {
					t.Errorf("ended with %v", err)
				}
				h.mu.Lock()
				defer h.mu.Unlock()
				if !tt.inProcess && !slices.Contains(h.kept, evcp.RegistrationRejected) {
					t.Errorf("the rejection was not kept: %v", h.kept)
				}
				asked := len(h.messages)
				if want := map[bool]int{true: 1, false: 2}[tt.ends]; !tt.inProcess && asked != want || tt.inProcess && asked != 4 {
					t.Errorf("received %q in two minutes", h.messages)
				}
			})
		})
	}
}

// TestAPeerThatIsNotCentral is diagnosed once, however often it is asked.
func TestAPeerThatIsNotCentral(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		h := newHarness(t)
		h.setReplies("registration request", slices.Repeat([]string{"HTTP/1.1 400 Bad Request\n"}, 100)...)
		defer h.serveCentral()()
		h.open(func(o *uplink.Options) { o.StopWhenRefused = true })
		answered, err := h.run(func() { time.Sleep(30 * time.Second) })
		if asked := count("registration request", h.received()); err != nil || answered || asked < 5 {
			t.Errorf("%v after %d registrations, disconnect answered %t", err, asked, answered)
		}
		h.want("not Central", h.diagnosed(), `not Central  "HTTP/1.1 400 Bad Request" 0`)
		if s := h.up.Status(cp); s.Phase.String() != "connecting" || s.Since.IsZero() || s.LastExchange.Message != "registration request" || h.up.Status("CP_999") != (uplink.SessionStatus{}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestForgottenAndUnanswered has Central forget the Monitor between two heartbeats, and
// then leave one report without a reply.
func TestForgottenAndUnanswered(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		h := newHarness(t)
		h.setReplies("heartbeat MONITORING", "OK\n", "KO not registered\n")
		h.setReplies("ENGINE_FAILURE", "")
		defer h.serveCentral()()
		h.open(nil)
		h.run(func() {
			time.Sleep(7 * time.Second)
			h.want("forgotten", h.received(), "registration request, heartbeat MONITORING, registration request, heartbeat MONITORING")
			h.want("forgotten", h.diagnosed(), "")
			h.checked(evcp.KO, evcp.SaidKO)
			time.Sleep(4 * time.Second)
			h.want("no reply", h.received(), "ENGINE_FAILURE, registration request, ENGINE_FAILURE, heartbeat KO")
			h.want("no reply", h.diagnosed(), `outage began timeout "" 0, outage ended  "Authentication successful" 1`)
			for _, r := range h.up.Figures().Reports {
				want := map[string]uint64{"false unanswered": 1, "false received": 1}[fmt.Sprint(r.Recovery, " ", r.Result)]
				if r.Count != want {
					t.Errorf("%d reports %s, want %d", r.Count, r.Result, want)
				}
			}
		})
	})
}

// TestDisconnectIsBounded by a second, and by the caller's deadline.
func TestDisconnectIsBounded(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{0: time.Second, 400 * time.Millisecond: 400 * time.Millisecond, 5 * time.Second: time.Second} {
		bubble.Run(t, func(t *testing.T) {
			h := newHarness(t)
			h.disconnectLimit = limit
			h.setReplies("disconnect", "")
			defer h.serveCentral()()
			h.open(nil)
			if answered, err := h.run(func() { time.Sleep(time.Second) }); answered || err != nil || h.disconnectTook != want {
				t.Errorf("took %s, answered %t, %v; want %s and no reply", h.disconnectTook, answered, err, want)
			}
		})
	}
}

// TestTryRegistration sends one registration, and signs off where it is accepted. A peer that answers only the two empty
// lines after it is a server of another kind.
func TestTryRegistration(t *testing.T) {
	for name, tt := range map[string]struct {
		away    bool
		replies []string
		want    uplink.SendResult
	}{
		"accepted": {replies: []string{accepted, "OK\n"}, want: uplink.SendResult{Text: "Authentication successful", Verdict: uplink.Accepted, Received: true, Connected: true}},
		"accepted by one that does not know disconnect": {replies: []string{accepted, ""}, want: uplink.SendResult{Text: "Authentication successful", Verdict: uplink.Accepted, Received: true, Connected: true}},
		"rejected":    {replies: []string{"denied\n"}, want: uplink.SendResult{Text: "denied", Verdict: uplink.Rejected, Received: true, Connected: true}},
		"no listener": {away: true, want: uplink.SendResult{Cause: evcp.Refused}},
		"no reply":    {replies: []string{"", ""}, want: uplink.SendResult{Connected: true, Cause: evcp.Timeout, Latency: 3 * time.Second}},
		"a web server": {replies: []string{"", "HTTP/1.1 400 Bad Request\r\n"},
			want: uplink.SendResult{Text: "HTTP/1.1 400 Bad Request", Received: true, Connected: true}},
		"a peer that accepts two empty lines": {replies: []string{"", "OK\n"}, want: uplink.SendResult{Text: "OK", Received: true, Connected: true}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				n, received := &simnet.Net{}, 0
				if !tt.away {
					defer serveCentral(t, n, func() {}, func(string) string {
						received++
						return tt.replies[received-1]
					})()
				}
				got := uplink.TryRegistration(t.Context(), n, "central", wire.Raw, cp)
				got.Latency = got.Latency.Round(time.Millisecond)
				if got != tt.want || received != len(tt.replies) {
					t.Errorf("%+v after %d messages, want %+v and %d", got, received, tt.want, len(tt.replies))
				}
			})
		})
	}
}
