// Package probe checks Engines: one exchange with one Engine under its deadlines, for
// any number of Engines at once.
//
// Targets are adopted into slots. The owner begins the exchanges that are due by Ask, waits
// for Ready or until Next, takes all findings there are by Take, and lets Judge say what each
// check came to. A target has at most one exchange in flight. An exchange brings one
// finding or more, each as soon as it is there; the last one is marked. After Close
// there are none.
//
// Ask and Judge need the time that the machine has slept. The owner reads it once for
// each wake-up and passes it on: after Take and before Ask and Judge. Then a sleep
// next to a check counts as one inside the check, and none is missed.
package probe

import (
	"fmt"
	"time"

	"evcp"
	"evcp/internal/exchange"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// Target is one Engine to check.
type Target struct {
	CP      evcp.CPID
	Address string // host:port
	Rules   evcp.EvidenceRules
	Framing wire.Framing // of the questions: wire.Raw, wire.Line or wire.STX
	Greet   bool         // send "monitor connection" first
	Dialer  link.Dialer  // nil, or a *link.TCPDialer: plain TCP
}

// Driver is how a Prober moves bytes.
type Driver uint8

const (
	// Auto takes the best driver that there is for each target.
	Auto Driver = iota
	// Portable is on package net: any system, TLS, and networks in memory. It has a
	// goroutine for each exchange.
	Portable
	// Raw is on non-blocking sockets of Linux, without a goroutine for each check. Targets
	// with a Dialer that is no *link.TCPDialer are asked by the portable driver.
	Raw
)

// DriverNames are the names of the drivers, in their order.
var DriverNames = []string{"auto", "portable", "raw"}

// Options are what a Prober needs.
type Options struct {
	TCP *link.TCPDialer // for targets without a Dialer; nil makes one
}

// Prober checks Engines. Its methods belong to one goroutine, the owner's. Targets are
// named by slots: small integers, which the owner chooses, and may use again after
// Release.
type Prober interface {
	// Adopt makes t the target of a slot; slept is the time this machine has slept, as of
	// now. A slot that has a target is changed: what is in flight is broken off, without
	// findings, and the connection is kept if it can serve the new target.
	Adopt(slot int, t Target, slept time.Duration)
	// Release frees a slot. What is in flight is broken off, without findings.
	Release(slot int)
	// Ask begins one exchange with each of the targets. None may have one in flight.
	Ask(slept time.Duration, slots ...int)
	// Ready receives when there is something to take. It is nil when Next alone says so.
	Ready() <-chan struct{}
	// Next is when Take must be called, although Ready has not received; zero: no need.
	Next() time.Time
	// Take appends all findings there are to into.
	Take(into []Finding) []Finding
	// Judge decides what a check came to. It is called once for each Checked finding,
	// before its target is asked again; slept was read after Take. gap is how long the
	// Monitor stood still, at most, when the outcome is Unknown for that reason.
	Judge(f Finding, slept time.Duration) (o evcp.Outcome, gap time.Duration)
	// Close breaks off what is in flight, without findings, and closes the connections.
	Close()
}

// New makes a Prober without targets.
func New(d Driver, o Options) (Prober, error) {
	if o.TCP == nil {
		o.TCP = link.NewDialer()
	}
	if d == Portable {
		return newPortable(o), nil
	}
	p, err := newRaw(o)
	switch {
	case err == nil:
		return p, nil
	case d == Auto:
		return newPortable(o), nil
	default:
		return nil, fmt.Errorf("open the raw driver: %w", err)
	}
}

// Finding is one thing that an exchange came to: a reply to the greeting, the end of
// a check, or nothing but the end of the exchange.
type Finding struct {
	Target int       // its slot
	At     time.Time // when the reply arrived, or else when the end was noticed; never before the target's last finding

	Checked  bool
	Evidence evcp.Evidence // Checked; without Slept and RecentlyAwake, which Judge adds

	Greeted  bool
	Greeting string // Greeted: the Engine's reply to "monitor connection"

	Last bool // nothing of the exchange is in flight any more
}

// finding is one of an Exchange, whose times count from base.
func finding(slot int, base time.Time, f exchange.Result) Finding {
	return Finding{
		Target: slot, At: base.Add(f.At), Checked: f.Checked, Evidence: f.Evidence,
		Greeted: f.Greeted, Greeting: f.Greeting, Last: f.Last,
	}
}

func (t Target) settings() exchange.Settings {
	return exchange.Settings{Rules: t.Rules, Framing: t.Framing, Greet: t.Greet}
}

// sameEngine reports whether a connection to t can serve other.
func (t Target) sameEngine(other Target) bool {
	return t.CP == other.CP && t.Address == other.Address && t.Framing == other.Framing && t.Dialer == other.Dialer
}
