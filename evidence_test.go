package evcp_test

import (
	"cmp"
	"testing"
	"time"

	"evcp"
)

const (
	ms  = time.Millisecond
	tau = 900 * ms
)

var evidenceRules = evcp.EvidenceRules{Timeout: tau, Grace: evcp.DefaultGrace}

// TestEvidenceRules is the table of the cases that the rules must decide.
func TestEvidenceRules(t *testing.T) {
	ok := evcp.Outcome{Status: evcp.OK, Response: "OK"}
	ko := evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO"}
	part := evcp.Outcome{Status: evcp.KO, Cause: evcp.Protocol, Response: "K"}
	cause := func(c evcp.Cause) evcp.Outcome { return evcp.Outcome{Cause: c} }
	tests := []struct {
		name string
		e    evcp.Evidence
		want evcp.Status
		why  evcp.Cause
	}{
		{"OK at once", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteEnded: ms, Noticed: 2 * ms}, evcp.OK, evcp.NoCause},
		{"OK at the last moment", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: ms, WriteEnded: ms, Noticed: ms + tau + 25*ms}, evcp.OK, evcp.NoCause},
		{"OK, Monitor stopped inside its write", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: ms, WriteEnded: 1300 * ms, Noticed: 1301 * ms}, evcp.Unknown, evcp.Stalled},
		{"OK noticed too late", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: ms, WriteEnded: ms, Noticed: ms + tau + 26*ms}, evcp.Unknown, evcp.Stalled},
		{"OK, Monitor stopped for 10 s", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteEnded: ms, Noticed: 10 * time.Second}, evcp.Unknown, evcp.Stalled},
		{"OK after a slow connect", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: 799 * ms, WriteEnded: 800 * ms, Noticed: 1600 * ms}, evcp.OK, evcp.NoCause},
		{"OK in time, noticed 10 s later", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: ms, WriteEnded: 2 * ms, Arrived: 3 * ms, Noticed: 10 * time.Second}, evcp.OK, evcp.NoCause},
		{"OK arrived at the last moment", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: ms, WriteEnded: ms, Arrived: ms + tau + 25*ms, Noticed: 3 * tau}, evcp.OK, evcp.NoCause},
		{"OK arrived too late, as the kernel of a paused machine says", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: ms, WriteEnded: ms, Arrived: ms + tau + 26*ms, Noticed: 3 * tau}, evcp.Unknown, evcp.Stalled},
		{"OK arrived in time, Monitor stopped inside its write", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: ms, WriteEnded: 1300 * ms, Arrived: 3 * ms, Noticed: 1301 * ms}, evcp.OK, evcp.NoCause},
		{"OK arrived in time, and the machine slept", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteBegan: ms, WriteEnded: ms, Arrived: 3 * ms, Noticed: 10 * time.Second, Slept: time.Hour}, evcp.Unknown, evcp.Slept},
		{"KO counts whenever it is noticed", evcp.Evidence{Signal: evcp.SignalReply, Reply: ko, WriteEnded: ms, Noticed: 10 * time.Second}, evcp.KO, evcp.SaidKO},
		{"refused counts whenever it is noticed", evcp.Evidence{Signal: evcp.SignalRefused, Reply: cause(evcp.Refused), Noticed: 10 * time.Second}, evcp.ConnectionError, evcp.Refused},
		{"reset", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Reset), WriteEnded: ms, Noticed: 5 * ms}, evcp.ConnectionError, evcp.Reset},
		{"reset noticed late, question written in time", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Reset), WriteEnded: tau, Noticed: 10 * time.Second}, evcp.ConnectionError, evcp.Reset},
		{"reset, question written too late", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Reset), WriteEnded: tau + ms, Noticed: tau + 2*ms}, evcp.Unknown, evcp.Stalled},
		{"closed, question written too late", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Closed), WriteEnded: 2 * tau, Noticed: 2*tau + ms}, evcp.Unknown, evcp.Stalled},
		{"closed in the handshake", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Closed), Noticed: tau + 50*ms}, evcp.ConnectionError, evcp.Closed},
		{"closed in the handshake of a stalled Monitor", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Closed), Noticed: tau + 51*ms}, evcp.Unknown, evcp.Stalled},
		{"closed in the handshake after a slow lookup", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Closed), Lookup: 450 * ms, Noticed: 450*ms + tau + 50*ms}, evcp.ConnectionError, evcp.Closed},
		{"the Engine's certificate", evcp.Evidence{Signal: evcp.SignalUnreachable, Reply: cause(evcp.TLS), Noticed: tau}, evcp.ConnectionError, evcp.TLS},
		{"TLS fails in a stalled Monitor", evcp.Evidence{Signal: evcp.SignalUnreachable, Reply: cause(evcp.TLS), Noticed: 4 * time.Second}, evcp.Unknown, evcp.Stalled},
		{"its own certificate", evcp.Evidence{Signal: evcp.SignalLocalError, Reply: cause(evcp.OwnCertificate), Noticed: ms}, evcp.Unknown, evcp.OwnCertificate},
		{"no reply, Monitor awake", evcp.Evidence{Signal: evcp.SignalNone, Reply: cause(evcp.Timeout), WriteEnded: ms, Noticed: ms + tau + 25*ms}, evcp.ConnectionError, evcp.Timeout},
		{"a part of a reply", evcp.Evidence{Signal: evcp.SignalNone, Reply: part, WriteEnded: ms, Noticed: ms + tau + 25*ms}, evcp.KO, evcp.Protocol},
		{"no reply, Monitor stalled", evcp.Evidence{Signal: evcp.SignalLocalError, Reply: cause(evcp.Stalled), WriteEnded: ms, Noticed: 5 * time.Second}, evcp.Unknown, evcp.Stalled},
		{"no local socket", evcp.Evidence{Signal: evcp.SignalLocalError, Reply: cause(evcp.Local)}, evcp.Unknown, evcp.Local},
		{"no route", evcp.Evidence{Signal: evcp.SignalUnreachable, Reply: cause(evcp.Unreachable)}, evcp.ConnectionError, evcp.Unreachable},
		{"no such name", evcp.Evidence{Signal: evcp.SignalUnreachable, Reply: cause(evcp.DNS)}, evcp.ConnectionError, evcp.DNS},
		{"the machine slept: KO", evcp.Evidence{Signal: evcp.SignalReply, Reply: ko, WriteEnded: ms, Noticed: 2 * ms, Slept: time.Hour}, evcp.Unknown, evcp.Slept},
		{"the machine slept: OK", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteEnded: ms, Noticed: 2 * ms, Slept: 26 * ms}, evcp.Unknown, evcp.Slept},
		{"25 ms between the clocks is no sleep", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteEnded: ms, Noticed: 2 * ms, Slept: 25 * ms}, evcp.OK, evcp.NoCause},
		{"recently awake: no reply", evcp.Evidence{Signal: evcp.SignalNone, Reply: cause(evcp.Timeout), RecentlyAwake: true}, evcp.Unknown, evcp.Slept},
		{"recently awake: reset", evcp.Evidence{Signal: evcp.SignalBroken, Reply: cause(evcp.Reset), WriteEnded: ms, RecentlyAwake: true}, evcp.Unknown, evcp.Slept},
		{"recently awake: no network", evcp.Evidence{Signal: evcp.SignalUnreachable, Reply: cause(evcp.Unreachable), RecentlyAwake: true}, evcp.Unknown, evcp.Slept},
		{"recently awake: KO", evcp.Evidence{Signal: evcp.SignalReply, Reply: ko, WriteEnded: ms, RecentlyAwake: true}, evcp.KO, evcp.SaidKO},
		{"recently awake: refused", evcp.Evidence{Signal: evcp.SignalRefused, Reply: cause(evcp.Refused), RecentlyAwake: true}, evcp.ConnectionError, evcp.Refused},
		{"recently awake: OK", evcp.Evidence{Signal: evcp.SignalReply, Reply: ok, WriteEnded: ms, Noticed: 2 * ms, RecentlyAwake: true}, evcp.OK, evcp.NoCause},
	}
	for _, tt := range tests {
		for _, began := range []time.Duration{0, time.Hour} { // when the clock started makes no difference
			o := evidenceRules.Judge(later(tt.e, began))
			if o.Status != tt.want || o.Cause != tt.why {
				t.Errorf("%s: %s %s, want %s %s", tt.name, o.Status, o.Cause, tt.want, tt.why)
			}
			if want := cmp.Or(tt.e.Arrived, tt.e.Noticed); o.Latency != want {
				t.Errorf("%s: latency %s, want %s", tt.name, o.Latency, want)
			}
		}
	}
}

// later is the same evidence of a check that began at another time.
func later(e evcp.Evidence, began time.Duration) evcp.Evidence {
	e.Began, e.WriteBegan, e.Noticed = began, e.WriteBegan+began, e.Noticed+began
	if e.WriteEnded != 0 {
		e.WriteEnded += began
	}
	if e.Arrived != 0 {
		e.Arrived += began
	}
	return e
}

// TestDeadlineGrace waits on until one whole grace passed undisturbed, and gives up
// when none does.
func TestDeadlineGrace(t *testing.T) {
	tests := []struct {
		name   string
		takes  []time.Duration // how long each wait really takes
		silent bool
		waits  int
	}{
		{"awake", []time.Duration{25 * ms}, true, 1},
		{"a little late", []time.Duration{50 * ms}, true, 1},
		{"stalled once", []time.Duration{51 * ms, 30 * ms}, true, 2},
		{"stopped for 10 s", []time.Duration{10 * time.Second, 25 * ms}, true, 2},
		{"always stalled", []time.Duration{60 * ms, 60 * ms, 60 * ms, 60 * ms, 60 * ms, 60 * ms, 60 * ms, 60 * ms}, false, 8},
	}
	for _, tt := range tests {
		var g evcp.DeadlineGrace
		now, waits := 10*ms, 0
		until, silent := g.Extend(now, evidenceRules)
		for until != 0 {
			if until != now+25*ms {
				t.Fatalf("%s: waits until %s at %s", tt.name, until, now)
			}
			now += tt.takes[min(waits, len(tt.takes)-1)]
			waits++
			until, silent = g.Extend(now, evidenceRules)
		}
		if silent != tt.silent || waits != tt.waits {
			t.Errorf("%s: silent %t after %d waits, want %t after %d", tt.name, silent, waits, tt.silent, tt.waits)
		}
	}
}
