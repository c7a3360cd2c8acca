package probe

import (
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

	mu   *sync.Mutex // guards stop
	stop func()      // breaks off the read or write in flight
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

func newTargetConn(t Target, o Options) targetConn {
	message := func(v wire.Verb) []byte {
		return wire.AppendFramed(nil, wire.Message{CP: t.CP, Verb: v}.Append(nil), o.Framing)
	}
	c := targetConn{
		link:        link.Link{Address: t.Address, Dialer: o.Dialer},
		healthCheck: message(wire.HealthCheck), monitorConnection: message(wire.MonitorConnection),
		reply: wire.EngineReply{Framing: o.Framing}, mu: new(sync.Mutex),
		sleep: sleepHistory{atLastCheck: o.Slept},
	}
	if !o.Greet {
		c.greeting = greeted
	}
	return c
}

// greetsAfter reports whether the greeting is due once more after a check. An Engine
// that replies slowly would not reply to it in time either, and while it is still
// busy with the greeting the next check could fail.
func (c *targetConn) greetsAfter(e evcp.Evidence) bool {
	return c.greeting == noReply && e.Reply.Response != "" && e.Noticed < greetingLimit
}

// interrupt breaks off a read or write in flight, from another goroutine.
func (c *targetConn) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop()
	}
}

// interruptible makes interrupt apply to the present connection.
func (c *targetConn) interruptible() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = c.link.Interrupt()
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
	atLastCheck time.Duration // after the last check; before the first, when the Probe was made
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
