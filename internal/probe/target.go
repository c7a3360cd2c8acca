package probe

import (
	"bytes"
	"context"
	"sync"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// targetConn is the connection to one target and what is known of it. While an
// exchange is in flight it belongs to the exchange's goroutine, but for sleep, which
// is always the owner's.
type targetConn struct {
	link              link.Link
	healthCheck       []byte
	monitorConnection []byte
	reply             wire.EngineReply
	greeting          greeting
	sleep             sleepHistory

	slot  int
	rules evcp.EvidenceRules

	mu     *sync.Mutex        // guards what follows
	cancel context.CancelFunc // of the exchange in flight; nil: none is
	stop   func()             // breaks off its read or write
	over   bool               // released: the connection is closed when the exchange has ended
}

// greeting is how far "monitor connection" has come. It is sent before the first
// check, and once more after the first check with a reply within greetingLimit.
type greeting uint8

const (
	notGreeted greeting = iota
	noReply
	greeted // with a reply, or twice without
)

// greetingLimit is how long "monitor connection" may delay the first check.
const greetingLimit = 200 * time.Millisecond

func newTargetConn(slot int, t Target, slept time.Duration, mu *sync.Mutex) *targetConn {
	message := func(v wire.Verb) []byte {
		return wire.AppendFramed(nil, wire.Message{CP: t.CP, Verb: v}.Append(nil), t.Framing)
	}
	c := &targetConn{
		link:        link.Link{Address: t.Address, Dialer: t.Dialer},
		healthCheck: message(wire.HealthCheck), monitorConnection: message(wire.MonitorConnection),
		reply: wire.EngineReply{Framing: t.Framing}, slot: slot, rules: t.Rules, mu: mu,
		sleep: sleepHistory{atLastCheck: slept},
	}
	if !t.Greet {
		c.greeting = greeted
	}
	return c
}

// takeOver takes over the connection and what is known of the Engine from the slot's
// target before, if both are of one Engine.
func (c *targetConn) takeOver(old *targetConn) {
	if c.link.Address != old.link.Address || c.link.Dialer != old.link.Dialer || c.reply.Framing != old.reply.Framing || !bytes.Equal(c.healthCheck, old.healthCheck) {
		return
	}
	c.sleep = old.sleep
	old.mu.Lock()
	defer old.mu.Unlock()
	if old.cancel == nil {
		c.link, c.greeting = old.link, old.greeting
		old.link = link.Link{}
	}
}

// begin marks the begin of an exchange. Its context ends with the target.
func (c *targetConn) begin() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	return ctx
}

// end breaks off what is in flight, and closes the connection.
func (c *targetConn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.cancel == nil {
		c.link.Close()
		return
	}
	c.cancel()
	if c.stop != nil {
		c.stop()
	}
}

// greetsAfter reports whether the greeting is due once more after a check. An Engine
// that replies slowly would not reply to it in time either, and while it is still
// busy with the greeting the next check could fail.
func (c *targetConn) greetsAfter(e evcp.Evidence) bool {
	return c.greeting == noReply && e.Reply.Response != "" && e.Noticed < greetingLimit
}

// interruptible makes end apply to the present connection.
func (c *targetConn) interruptible() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = c.link.Interrupt()
	if c.over {
		c.stop()
	}
}

// acknowledgeLimit bounds the write of an acknowledgement, which never waits.
const acknowledgeLimit = 10 * time.Millisecond

// acknowledge sends ACK or NACK after a framed reply; other framings have none.
func (c *targetConn) acknowledge() {
	if ack := c.reply.Acknowledgement(); ack != nil {
		_ = c.link.Write(ack, time.Now().Add(acknowledgeLimit)) // a broken connection is found by the next check
	}
}

// sleepHistory is when the machine slept, for one target. Every reading is of the
// time slept since boot, taken by the owner. The reading for a check's beginning is
// older than the check, and the one for its end is younger, so that a sleep next to
// a check counts as one inside it: both err towards Unknown.
type sleepHistory struct {
	atAsk       time.Duration // before the check in flight
	atLastCheck time.Duration // after the last check; before the first, when the target was adopted
	wokeAt      time.Time     // the end of the last sleep; zero: none, or an OK came since
}

// recentlyAwake reports whether the machine slept less than WakeGrace before a check
// that began then.
func (s *sleepHistory) recentlyAwake(began time.Time, r evcp.EvidenceRules) bool {
	if s.atAsk-s.atLastCheck > r.Grace {
		s.wokeAt = began
	}
	return !s.wokeAt.IsZero() && began.Sub(s.wokeAt) < evcp.WakeGrace
}

// checked notes the end of a check. A sleep during the check begins a new WakeGrace,
// even within the last one; an OK ends it.
func (s *sleepHistory) checked(o evcp.Outcome, end time.Time, slept time.Duration, r evcp.EvidenceRules) {
	s.atLastCheck = slept
	switch {
	case slept-s.atAsk > r.Grace:
		s.wokeAt = end
	case o.Status == evcp.OK:
		s.wokeAt = time.Time{}
	}
}

// judge decides what a check came to; see Prober.
func (s *sleepHistory) judge(f Finding, slept time.Duration, r evcp.EvidenceRules) (o evcp.Outcome, gap time.Duration) {
	e := f.Evidence
	e.Slept = slept - s.atAsk
	e.RecentlyAwake = s.recentlyAwake(f.At.Add(-e.Noticed), r)
	o = r.Judge(e)
	s.checked(o, f.At, slept, r)
	return o, stall(o, e, r)
}
