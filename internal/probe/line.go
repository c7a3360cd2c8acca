package probe

import (
	"sync"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// line is one Engine as the probe knows it. While an exchange is in flight it
// belongs to that exchange's goroutine.
type line struct {
	link     link.Link
	question []byte // health_check
	hello    []byte // monitor connection
	reply    wire.EngineReply
	greeting greeting

	sleptBefore time.Duration // Slept at the end of the last check
	wokeAt      time.Time     // zero: awake

	mu   *sync.Mutex // guards stop
	stop func()      // breaks off what is in flight
}

func newLine(t Target, o Options) line {
	say := func(v wire.Verb) []byte {
		return wire.AppendFramed(nil, wire.Message{CP: t.CP, Verb: v}.Append(nil), o.Framing)
	}
	l := line{
		link:     link.Link{Address: t.Address, Dialer: o.Dialer},
		question: say(wire.HealthCheck), hello: say(wire.MonitorConnection),
		reply: wire.EngineReply{Framing: o.Framing}, sleptBefore: o.Slept(), mu: new(sync.Mutex),
	}
	if !o.Greet {
		l.greeting = over
	}
	return l
}

// interrupt breaks off a read or write in flight, from another goroutine.
func (l *line) interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		l.stop()
	}
}

// acknowledge says whether a framed answer came whole; others want no word of it.
func (l *line) acknowledge() {
	if receipt := l.reply.Acknowledgement(); receipt != nil {
		_ = l.link.Write(receipt, time.Now().Add(ackLimit)) // who does not take it is found out by the next question
	}
}

// ackLimit is how long an acknowledgement may take to leave; it never does.
const ackLimit = 10 * time.Millisecond

// interruptible arms interrupt for the connection in use.
func (l *line) interruptible() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop = l.link.Interrupt()
}

// drowsy reports whether the machine slept not long ago: before this check or
// between the last one and this.
func (l *line) drowsy(slept time.Duration, now time.Time, h evcp.EvidenceRules) bool {
	if slept-l.sleptBefore > h.Grace {
		l.wokeAt = now
	}
	return !l.wokeAt.IsZero() && now.Sub(l.wokeAt) < evcp.WakeGrace
}

// heard begins a drowsiness when the machine slept during the check, and ends one
// with an OK. slept is the boot clock's lead at the check's end.
func (l *line) heard(o evcp.Outcome, during, slept time.Duration, now time.Time, h evcp.EvidenceRules) {
	l.sleptBefore = slept
	switch {
	case during > h.Grace: // however often: each waking has its ten seconds
		l.wokeAt = now
	case o.Status == evcp.OK:
		l.wokeAt = time.Time{}
	}
}
