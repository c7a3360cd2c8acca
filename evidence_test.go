package evcp_test

import (
	"testing"
	"time"

	"evcp"
)

const (
	ms  = time.Millisecond
	tau = 900 * ms
)

var hearing = evcp.EvidenceRules{Timeout: tau, Grace: evcp.DefaultGrace}

// TestHearing is the table of the cases that the design proves.
func TestHearing(t *testing.T) {
	ok := evcp.Outcome{Status: evcp.OK, Response: "OK"}
	ko := evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO"}
	half := evcp.Outcome{Status: evcp.KO, Cause: evcp.Protocol, Response: "K"}
	cause := func(c evcp.Cause) evcp.Outcome { return evcp.Outcome{Cause: c} }
	tests := []struct {
		name string
		e    evcp.Evidence
		want evcp.Status
		why  evcp.Cause
	}{
		{"OK at once", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteEnded: ms, Noticed: 2 * ms}, evcp.OK, evcp.NoCause},
		{"OK at the last moment", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: ms, WriteEnded: ms, Noticed: ms + tau + 25*ms}, evcp.OK, evcp.NoCause},
		{"OK of a Monitor stopped inside its write", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: ms, WriteEnded: 1300 * ms, Noticed: 1301 * ms}, evcp.Unknown, evcp.Stalled},
		{"OK noticed later may have come late", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: ms, WriteEnded: ms, Noticed: ms + tau + 26*ms}, evcp.Unknown, evcp.Stalled},
		{"OK of a Monitor stopped for 10 s", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteEnded: ms, Noticed: 10 * time.Second}, evcp.Unknown, evcp.Stalled},
		{"OK after a slow connect", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: 799 * ms, WriteEnded: 800 * ms, Noticed: 1600 * ms}, evcp.OK, evcp.NoCause},
		{"KO counts whenever it is noticed", evcp.Evidence{Signal: evcp.SignalReply, Reply: ko, WriteEnded: ms, Noticed: 10 * time.Second}, evcp.KO, evcp.SaidKO},
		{"refused counts whenever it is noticed", evcp.Evidence{Signal: evcp.SignalRefused, Reply: cause(evcp.Refused), Noticed: 10 * time.Second}, evcp.ConnectionError, evcp.Refused},
		{"reset", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Reset), WriteEnded: ms, Noticed: 5 * ms}, evcp.ConnectionError, evcp.Reset},
		{"reset noticed late, asked in time", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Reset), WriteEnded: tau, Noticed: 10 * time.Second}, evcp.ConnectionError, evcp.Reset},
		{"reset, but we were slow to ask", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Reset), WriteEnded: tau + ms, Noticed: tau + 2*ms}, evcp.Unknown, evcp.Stalled},
		{"closed, but we were slow to ask", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Closed), WriteEnded: 2 * tau, Noticed: 2*tau + ms}, evcp.Unknown, evcp.Stalled},
		{"silence, awake", evcp.Evidence{Signal: evcp.SignalNone, Reply: cause(evcp.Timeout), WriteEnded: ms, Noticed: ms + tau + 25*ms}, evcp.ConnectionError, evcp.Timeout},
		{"half an answer", evcp.Evidence{Signal: evcp.SignalNone, Reply: half, WriteEnded: ms, Noticed: ms + tau + 25*ms}, evcp.KO, evcp.Protocol},
		{"silence, asleep", evcp.Evidence{Signal: evcp.SignalLocalError, Reply: cause(evcp.Stalled), WriteEnded: ms, Noticed: 5 * time.Second}, evcp.Unknown, evcp.Stalled},
		{"no socket to ask with", evcp.Evidence{Signal: evcp.SignalLocalError, Reply: cause(evcp.Local)}, evcp.Unknown, evcp.Local},
		{"no route", evcp.Evidence{Signal: evcp.SignalUnreachable, Reply: cause(evcp.Unreachable)}, evcp.ConnectionError, evcp.Unreachable},
		{"no such name", evcp.Evidence{Signal: evcp.SignalUnreachable, Reply: cause(evcp.DNS)}, evcp.ConnectionError, evcp.DNS},
		{"the machine slept: even a KO may be hours old", evcp.Evidence{Signal: evcp.SignalReply, Reply: ko, WriteEnded: ms, Noticed: 2 * ms, Slept: time.Hour}, evcp.Unknown, evcp.Slept},
		{"the machine slept: OK", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteEnded: ms, Noticed: 2 * ms, Slept: 26 * ms}, evcp.Unknown, evcp.Slept},
		{"a moment's jitter between the clocks is no sleep", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteEnded: ms, Noticed: 2 * ms, Slept: 25 * ms}, evcp.OK, evcp.NoCause},
		{"waking: silence", evcp.Evidence{Signal: evcp.SignalNone, Reply: cause(evcp.Timeout), RecentlyAwake: true}, evcp.Unknown, evcp.Slept},
		{"waking: reset", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Reset), WriteEnded: ms, RecentlyAwake: true}, evcp.Unknown, evcp.Slept},
		{"waking: no network yet", evcp.Evidence{Signal: evcp.SignalUnreachable, Reply: cause(evcp.Unreachable), RecentlyAwake: true}, evcp.Unknown, evcp.Slept},
		{"waking: a KO is a KO", evcp.Evidence{Signal: evcp.SignalReply, Reply: ko, WriteEnded: ms, RecentlyAwake: true}, evcp.KO, evcp.SaidKO},
		{"waking: refused is refused", evcp.Evidence{Signal: evcp.SignalRefused, Reply: cause(evcp.Refused), RecentlyAwake: true}, evcp.ConnectionError, evcp.Refused},
		{"waking: OK", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteEnded: ms, Noticed: 2 * ms, RecentlyAwake: true}, evcp.OK, evcp.NoCause},
	}
	for _, tt := range tests {
		for _, began := range []time.Duration{0, time.Hour} { // the clock's zero means nothing
			o := hearing.Judge(later(tt.e, began))
			if o.Status != tt.want || o.Cause != tt.why {
				t.Errorf("%s: %s %s, want %s %s", tt.name, o.Status, o.Cause, tt.want, tt.why)
			}
			if o.Latency != tt.e.Noticed {
				t.Errorf("%s: latency %s, want %s", tt.name, o.Latency, tt.e.Noticed)
			}
		}
	}
}

// later is the same evidence of a check that began then.
func later(e evcp.Evidence, began time.Duration) evcp.Evidence {
	e.Began, e.WriteBegan, e.Noticed = began, e.WriteBegan+began, e.Noticed+began
	if e.WriteEnded != 0 {
		e.WriteEnded += began
	}
	return e
}

// TestVigil listens on until it has been awake for a whole grace, and gives up
// when it never is.
func TestVigil(t *testing.T) {
	tests := []struct {
		name   string
		sleeps []time.Duration // how long each round really takes
		heard  bool
		rounds int
	}{
		{"awake", []time.Duration{25 * ms}, true, 1},
		{"a little late", []time.Duration{50 * ms}, true, 1},
		{"overslept once", []time.Duration{51 * ms, 30 * ms}, true, 2},
		{"stopped for 10 s", []time.Duration{10 * time.Second, 25 * ms}, true, 2},
		{"never awake", []time.Duration{60 * ms, 60 * ms, 60 * ms, 60 * ms, 60 * ms, 60 * ms, 60 * ms, 60 * ms}, false, 8},
	}
	for _, tt := range tests {
		var v evcp.DeadlineGrace
		now, rounds := 10*ms, 0
		until, heard := v.Extend(now, hearing)
		for until != 0 {
			if until != now+25*ms {
				t.Fatalf("%s: listens until %s at %s", tt.name, until, now)
			}
			now += tt.sleeps[min(rounds, len(tt.sleeps)-1)]
			rounds++
			until, heard = v.Extend(now, hearing)
		}
		if heard != tt.heard || rounds != tt.rounds {
			t.Errorf("%s: heard %t after %d rounds, want %t after %d", tt.name, heard, rounds, tt.heard, tt.rounds)
		}
	}
}
