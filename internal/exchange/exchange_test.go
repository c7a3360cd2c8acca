package exchange

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/wire"
)

const ms = time.Millisecond

var settings = Settings{Rules: evcp.EvidenceRules{Timeout: 900 * ms, Grace: evcp.DefaultGrace}}

// TestSignalOfACause maps the causes of failed dials to signals.
func TestSignalOfACause(t *testing.T) {
	for cause, want := range map[evcp.Cause]evcp.Signal{
		evcp.Refused:     evcp.SignalRefused,
		evcp.Reset:       evcp.SignalBroken,
		evcp.Closed:      evcp.SignalBroken,
		evcp.Timeout:     evcp.SignalNone,
		evcp.NoSocket:    evcp.SignalLocalError,
		evcp.NoNetwork:   evcp.SignalLocalError,
		evcp.NameServer:  evcp.SignalLocalError,
		evcp.Unreachable: evcp.SignalUnreachable,
		evcp.DNS:         evcp.SignalUnreachable,
		evcp.TLS:         evcp.SignalUnreachable,
	} {
		var x Exchange
		var found []Result
		x.Step(&settings, &Input{Kind: Asked, Now: ms}, &found)
		x.Step(&settings, &Input{Kind: Failed, Now: 3 * ms, Cause: cause}, &found)
		if len(found) != 1 || found[0].Evidence.Signal != want || found[0].Evidence.Reply.Cause != cause || found[0].Evidence.Noticed != 3*ms || found[0].Evidence.Began != ms {
			t.Errorf("%s: %+v, want signal %d", cause, found, want)
		}
	}
}

// TestDate: a check ends when its reply arrived, unless that was noticed much later.
func TestDate(t *testing.T) {
	for _, tt := range []struct{ arrived, noticed, want time.Duration }{
		{0, 20 * ms, 20 * ms},
		{11 * ms, 20 * ms, 11 * ms},
		{11 * ms, 511 * ms, 11 * ms},
		{11 * ms, 512 * ms, 512 * ms},
	} {
		var x Exchange
		var found []Result
		for _, in := range []Input{
			{Kind: Asked, Now: ms}, {Kind: Connected, Now: 2 * ms}, {Kind: Written, Before: 3 * ms, Now: 4 * ms},
			{Kind: Received, Now: tt.noticed, Arrived: tt.arrived, Bytes: []byte("OK\n")},
		} {
			x.Step(&settings, &in, &found)
		}
		if len(found) != 1 || found[0].At != tt.want {
			t.Errorf("arrived at %v, noticed at %v: %+v, want %v", tt.arrived, tt.noticed, found, tt.want)
		}
	}
}

// TestSilence of an Engine that accepted counts when the Monitor was awake for one grace;
// a Monitor that never was proves nothing.
func TestSilence(t *testing.T) {
	for name, tt := range map[string]struct {
		late  time.Duration // of each wake-up
		route evcp.Cause
		want  evcp.Cause
	}{
		"awake":        {0, evcp.NoCause, evcp.Timeout},
		"always late":  {60 * ms, evcp.NoCause, evcp.Stalled},
		"no route now": {0, evcp.NoNetwork, evcp.NoNetwork},
	} {
		var x Exchange
		var found []Result
		now := ms
		step := func(in Input) Command {
			in.Now = now
			return x.Step(&settings, &in, &found)
		}
		step(Input{Kind: Asked})
		step(Input{Kind: Connected})
		c := step(Input{Kind: Written, Before: now})
		for c == Wait {
			now = x.Until() + tt.late
			c = step(Input{Kind: Overdue})
		}
		if c == Route {
			in := Input{Kind: Quiet}
			if tt.route != evcp.NoCause {
				in = Input{Kind: Failed, Cause: tt.route}
			}
			c = step(in)
		}
		if c != Close || len(found) != 1 || found[0].Evidence.Reply.Cause != tt.want {
			t.Errorf("%s: command %d, found %+v, want %s and a closed connection", name, c, found, tt.want)
		}
	}
}

// TestStall tells a Monitor that stood still from a reply that was a moment late.
func TestStall(t *testing.T) {
	r := settings.Rules
	stalled := evcp.Outcome{Cause: evcp.Stalled}
	tests := []struct {
		name string
		o    evcp.Outcome
		e    evcp.Evidence
		want time.Duration
	}{
		{"OK", evcp.Outcome{Status: evcp.OK}, evcp.Evidence{WriteEnded: ms, Noticed: 2 * ms}, 0},
		{"OK 0.2 ms too late, Monitor awake", stalled, evcp.Evidence{WriteEnded: ms, Noticed: 926*ms + 200*time.Microsecond}, 0},
		{"stopped for 10 s", stalled, evcp.Evidence{WriteEnded: ms, Noticed: 10001 * ms}, 10 * time.Second},
		{"stopped before the write", stalled, evcp.Evidence{WriteEnded: 5000 * ms, Noticed: 5001 * ms}, 5 * time.Second},
		{"never awake while dialling", stalled, evcp.Evidence{Noticed: 1500 * ms}, 1500 * ms},
		{"KO counts whenever it is noticed", evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO}, evcp.Evidence{WriteEnded: ms, Noticed: 10 * time.Second}, 0},
		{"the machine slept", evcp.Outcome{Cause: evcp.Slept}, evcp.Evidence{WriteEnded: ms, Noticed: 2 * ms, Slept: time.Hour}, time.Hour},
	}
	for _, tt := range tests {
		for _, began := range []time.Duration{0, time.Hour} { // when the clock started makes no difference
			e := tt.e
			e.Began, e.Noticed = began, e.Noticed+began
			if e.WriteEnded != 0 {
				e.WriteEnded += began
			}
			if got := stall(tt.o, e, r); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
			}
		}
	}
}

// TestNoAllocation: a check on a kept connection costs none.
func TestNoAllocation(t *testing.T) {
	var x Exchange
	found := make([]Result, 0, 4)
	message := make([]byte, 0, 128)
	now := ms
	check := func() {
		found = found[:0]
		for c := x.Step(&settings, &Input{Kind: Asked, Now: now}, &found); c != Idle; {
			now += ms
			switch c {
			case Dial:
				c = x.Step(&settings, &Input{Kind: Connected, Now: now}, &found)
			case Look:
				c = x.Step(&settings, &Input{Kind: Quiet, Now: now}, &found)
			case Write:
				message = x.AppendMessage(message[:0], "CP_001", wire.Raw)
				c = x.Step(&settings, &Input{Kind: Written, Before: now, Now: now}, &found)
			default:
				c = x.Step(&settings, &Input{Kind: Received, Now: now, Arrived: now, Bytes: ok}, &found)
			}
		}
	}
	if n := testing.AllocsPerRun(100, check); n != 0 || len(found) != 1 || found[0].Evidence.Reply.Status != evcp.OK {
		t.Errorf("%v allocations, found %+v", n, found)
	}
}

var ok = []byte("OK")

// driver is a driver that does anything that a driver may do.
type driver struct {
	*rapid.T
	x     Exchange
	s     Settings
	now   time.Duration
	found []Result
	open  bool
	dials bool
	due   bool // a message is out, and no reply to it has come that leaves the connection clean
	reply wire.EngineReply
}

var pieces = []string{"OK", "KO", "O", "K", "\n", " ", "OK\nKO", "\x02OK\x03\x04", "\x06", "\x15\x03\x01", "garbage"}

// input draws what a driver may tell after a command.
func (d *driver) input(c Command) Input {
	d.now += time.Duration(rapid.IntRange(0, 300).Draw(d.T, "ms")) * ms
	in := Input{Now: d.now, Before: d.now}
	kinds := map[Command][]InputKind{
		Look: {Quiet, Received, Ended, Failed}, Write: {Written, Written, Failed}, Route: {Quiet, Failed}, Close: {Closed},
		Dial: {Resolved, Connected, Failed, Overdue}, Wait: {Resolved, Connected, Received, Received, Ended, Failed, Overdue, Quiet},
	}[c]
	in.Kind = rapid.SampledFrom(kinds).Draw(d.T, "input")
	switch in.Kind {
	case Received:
		in.Bytes = []byte(rapid.SampledFrom(pieces).Draw(d.T, "bytes"))
		in.Arrived = rapid.SampledFrom([]time.Duration{0, d.now, d.now - 50*ms}).Draw(d.T, "arrived")
	case Failed:
		in.Cause = rapid.SampledFrom([]evcp.Cause{evcp.Refused, evcp.Reset, evcp.Closed, evcp.Timeout, evcp.NoSocket, evcp.NoNetwork, evcp.TLS, evcp.Unreachable}).Draw(d.T, "cause")
	case Overdue:
		d.now = max(d.now, d.x.Until())
		in.Now = d.now
	}
	return in
}

// obey follows what a command means for the connection, and what must hold before it.
func (d *driver) obey(c Command) {
	switch c {
	case Dial:
		d.open, d.dials, d.due = false, true, false
	case Close:
		d.open, d.dials, d.due = false, false, false
	case Write:
		if !d.open {
			d.Fatal("a write without a connection")
		}
		if d.x.stage == acknowledging {
			return
		}
		if d.due {
			d.Fatal("a second question while a reply is due: it could be read as the reply to both")
		}
		d.due, d.reply = true, wire.EngineReply{Framing: d.s.Framing}
	case Look:
		if !d.open {
			d.Fatal("a look without a connection")
		}
	case Wait:
		if d.x.Until() == 0 {
			d.Fatal("waits for ever")
		}
	}
}

// TestAnySteps: whatever happens, each check ends with exactly one finding of it, and
// within a bound; a connection that may carry a late reply carries no further question.
func TestAnySteps(t *testing.T) { rapid.Check(t, anySteps) }

func FuzzSteps(f *testing.F) { f.Fuzz(rapid.MakeFuzz(anySteps)) }

func anySteps(t *rapid.T) {
	d := &driver{T: t, now: ms, s: settings}
	d.s.Greet = rapid.Bool().Draw(t, "greet")
	d.s.Framing = rapid.SampledFrom([]wire.Framing{wire.Raw, wire.Line, wire.STX}).Draw(t, "framing")
	for range rapid.IntRange(1, 4).Draw(t, "checks") {
		d.check()
		d.now += time.Second
	}
}

func (d *driver) check() {
	d.found = d.found[:0]
	in := Input{Kind: Asked, Now: d.now}
	for steps := 0; ; steps++ {
		c := d.x.Step(&d.s, &in, &d.found)
		d.follow(in)
		d.obey(c)
		if c == Idle {
			break
		}
		if steps > 400 {
			d.Fatal("does not end")
		}
		in = d.input(c)
	}
	checked := 0
	for i, f := range d.found {
		if f.Checked {
			checked++
			d.sound(f.Evidence)
		}
		if f.Last != (i == len(d.found)-1) {
			d.Fatalf("finding %d of %d is last: %t", i, len(d.found), f.Last)
		}
	}
	if checked != 1 {
		d.Fatalf("%d findings of one check: %+v", checked, d.found)
	}
	if d.open != d.x.connected {
		d.Fatalf("connected is %t, and the driver's connection %t", d.x.connected, d.open)
	}
	if d.open && d.due {
		d.Fatal("a connection is kept on which a reply is due")
	}
}

// follow follows what an input meant for the connection.
func (d *driver) follow(in Input) {
	if in.Kind == Connected && d.dials {
		d.open, d.dials = true, false
	}
	if in.Kind == Failed && d.dials {
		d.dials = false
	}
	if in.Kind == Received && d.due && d.reply.Feed(in.Bytes, false) && d.reply.Reusable() {
		d.due = false
	}
}

// sound holds evidence to what a driver can have seen.
func (d *driver) sound(e evcp.Evidence) {
	if e.Began == 0 || e.Noticed < e.Began || e.Noticed > d.now || e.Arrived > e.Noticed || e.WriteEnded != 0 && e.WriteEnded < e.WriteBegan {
		d.Fatalf("%+v", e)
	}
	o := d.s.Rules.Judge(e)
	if o.Status == evcp.OK && (e.Signal != evcp.SignalReply || e.WriteEnded == 0) {
		d.Fatalf("OK by %+v", e)
	}
	if o.Latency < 0 {
		d.Fatalf("a latency of %s", o.Latency)
	}
}
