package uplink_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/simnet"
	"evcp/internal/uplink"
	"evcp/internal/wire"
)

// TestAGoodbyeIsBounded by a second, or by what is left of the caller's time.
func TestAGoodbyeIsBounded(t *testing.T) {
	for left, want := range map[time.Duration]time.Duration{0: time.Second, 400 * time.Millisecond: 400 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			k := &talks{t: t, dir: t.TempDir(), says: map[string][]string{"disconnect": {""}}, left: left}
			defer k.central()()
			k.open(nil)
			if answered, err := k.run(func() { time.Sleep(time.Second) }); answered || err != nil || k.took != want {
				t.Errorf("took %s, answered %t, %v; want %s and no answer", k.took, answered, err, want)
			}
		})
	}
}

// TestASecondLifeTellsWhatIsOpen, once, and nothing of what is over and was told.
func TestASecondLifeTellsWhatIsOpen(t *testing.T) {
	for name, tt := range map[string]struct {
		away, over bool // Central in the first life; the incident
		want       string
	}{
		"never told":          {away: true, want: "registration request, ENGINE_FAILURE"},
		"never told, of both": {away: true, over: true, want: "registration request, ENGINE_FAILURE, ENGINE_RECOVERED"},
		"told, and over":      {over: true, want: "registration request"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &talks{t: t, dir: t.TempDir(), says: map[string][]string{}}
				if !tt.away {
					defer k.central()()
				}
				k.open(nil)
				k.run(func() {
					k.engine(evcp.KO, evcp.SaidKO)
					time.Sleep(2 * time.Second)
					if tt.over {
						k.engine(evcp.OK, evcp.NoCause)
					}
					time.Sleep(2 * time.Second)
				})
				if tt.away {
					defer k.central()()
				}
				k.story()
				k.open(func(o *uplink.Options) { o.Heartbeat = 0 })
				k.run(func() {
					time.Sleep(25 * time.Second)
					if tt.over { // there is nothing to repeat
						time.Sleep(time.Minute)
					}
					k.want("second life", k.story(), tt.want)
				})
				k.open(nil)
				late, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if facts, err := k.box.Facts().Next(late); err == nil && tt.over {
					t.Errorf("what is over and told was kept for Central: %+v", facts)
				}
				if err := k.box.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestRegister asks once. Who is silent and then answers two empty lines is a server
// of another kind.
func TestRegister(t *testing.T) {
	for name, tt := range map[string]struct {
		away   bool
		says   []string
		hears  int
		answer uplink.Reply
		v      wire.CentralVerdict
	}{
		"accepted": {says: []string{welcome}, hears: 1, answer: uplink.Reply{Text: "Authentication successful", Received: true, Connected: true}, v: wire.Accepted},
		"refused":  {says: []string{"denied\n"}, hears: 1, answer: uplink.Reply{Text: "denied", Received: true, Connected: true}, v: wire.Rejected},
		"nobody":   {away: true, answer: uplink.Reply{Cause: evcp.Refused}},
		"silence":  {says: []string{"", ""}, hears: 2, answer: uplink.Reply{Connected: true, Cause: evcp.Timeout, Latency: 3 * time.Second}},
		"a web server": {says: []string{"", "HTTP/1.1 400 Bad Request\r\n"}, hears: 2,
			answer: uplink.Reply{Text: "HTTP/1.1 400 Bad Request", Received: true, Connected: true}},
		"who accepts two empty lines": {says: []string{"", "OK\n"}, hears: 2, answer: uplink.Reply{Text: "OK", Received: true, Connected: true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, heard := &simnet.Net{}, 0
				if !tt.away {
					defer central(t, n, func() {}, func(string) string {
						heard++
						return tt.says[heard-1]
					})()
				}
				a, v := uplink.TryRegistration(t.Context(), n, "central", wire.Raw, cp)
				a.Latency = a.Latency.Round(time.Millisecond)
				if a != tt.answer || v != tt.v || heard != tt.hears {
					t.Errorf("%+v is %d after %d messages, want %+v, %d and %d", a, v, heard, tt.answer, tt.v, tt.hears)
				}
			})
		})
	}
}

// TestASecondLifeRepeatsInTime goes on where the first one ended: the report is
// repeated 30 s after Central answered it last, and numbered on.
func TestASecondLifeRepeatsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &talks{t: t, dir: t.TempDir(), says: map[string][]string{}}
		defer k.central()()
		k.open(nil)
		began := time.Now()
		k.run(func() {
			k.engine(evcp.KO, evcp.SaidKO)
			time.Sleep(10 * time.Second)
		})
		k.story()
		k.open(func(o *uplink.Options) { o.Heartbeat = 0 })
		k.run(func() {
			time.Sleep(19*time.Second - time.Since(began)%time.Second)
			k.want("too early", k.story(), "registration request")
			time.Sleep(2 * time.Second)
			k.want("in time", k.story(), "ENGINE_FAILURE")
			if s := k.up.Status(cp).LastExchange; s.Repeat != 1 {
				t.Errorf("repeat %d", s.Repeat)
			}
		})
		if i := k.state.Incident; i.Reports != 2 {
			t.Errorf("told %d times", i.Reports)
		}
	})
}
