// Package exchange decides what happens in one check of one Engine: when to dial, what to
// write, until when to wait for the reply, and what the check came to. It knows no socket
// and reads no clock.
//
// An Exchange is a state machine. A driver tells it by Step what happened, and does what
// Step returns. All times are durations on one monotonic clock, whose zero is the driver's
// choice; only 0 itself is no time.
package exchange

import (
	"time"

	"evcp"
	"evcp/internal/wire"
)

// Settings are what the Exchanges of any number of targets may share.
type Settings struct {
	Rules   evcp.EvidenceRules
	Framing wire.Framing // of the messages
	Greet   bool         // send "monitor connection" first
}

// Command is what a driver does next.
type Command uint8

const (
	// Idle: the check is over. The next one begins with Asked.
	Idle Command = iota
	// Look: read what has arrived on the connection, without waiting: Received, Ended,
	// Failed, or Quiet when there is nothing.
	Look
	// Dial: drop the connection if there is one, begin to connect to the target, and go on
	// as with Wait. The addresses of a name may take half of Limit, and connecting takes
	// Limit from then on.
	Dial
	// Write: send what AppendMessage appends, before Until: Written or Failed.
	Write
	// Wait: for Resolved, Connected, Received, Ended or Failed. When Until has passed, and
	// none of them has happened before, Overdue.
	Wait
	// Route: give up a dial in flight, and ask whether this machine sends packets to the
	// target: Failed with the reason if it does not, else Quiet.
	Route
	// Close: close the connection, or give up a dial in flight: Closed.
	Close
)

// InputKind is what happened.
type InputKind uint8

const (
	// Asked: a check begins. Only an idle Exchange may be asked.
	Asked InputKind = iota
	// Quiet: nothing has arrived; or packets are sent, after Route.
	Quiet
	// Resolved: the addresses of the target's name are known. A driver that needs no names
	// leaves it out.
	Resolved
	// Connected: the dial succeeded.
	Connected
	// Written: the whole message was handed to the kernel.
	Written
	// Received: bytes have arrived.
	Received
	// Ended: the peer has closed the connection.
	Ended
	// Failed: the dial, the write, the read or the connection failed.
	Failed
	// Overdue: Until has passed.
	Overdue
	// Closed: the connection is closed.
	Closed
)

// Input is one thing that happened.
type Input struct {
	Kind    InputKind
	Now     time.Duration // never before anything that it tells
	Before  time.Duration // of a write, also of one that Failed: before it began; never too late
	Arrived time.Duration // Received: when the last of the bytes arrived; 0: unknown
	Bytes   []byte        // Received: valid during Step only
	Cause   evcp.Cause    // Failed
	Detail  string        // Failed in TLS: why
}

// Result is one thing that a check came to: a reply to the greeting, the end of the
// check, or nothing but the end of the exchange.
type Result struct {
	At time.Duration // when the reply arrived, or else when the end was noticed

	Checked  bool
	Evidence evcp.Evidence // Checked; without Slept and RecentlyAwake, which a SleepHistory adds

	Greeted  bool
	Greeting string // Greeted: the Engine's reply to "monitor connection"

	Last bool // once the Exchange is idle, nothing is in flight
}

// stage is what the Exchange waits for.
type stage uint8

const (
	idle stage = iota
	looking
	dialling
	writing
	listening
	routing
	acknowledging
	closing
)

// phase is the part of the exchange.
type phase uint8

const (
	greetingFirst phase = iota
	checking
	confirming // the check, on a fresh connection after a kept one broke
	greetingAgain
)

// Greeting is how far "monitor connection" has come. It is sent before the first check,
// and once more after the first check with a reply within greetingLimit.
type Greeting uint8

const (
	notGreeted Greeting = iota
	noReply
	greeted // with a reply, or twice without
)

const (
	// greetingLimit is how long "monitor connection" may delay the first check.
	greetingLimit = 200 * time.Millisecond
	// acknowledgeLimit bounds the write of an acknowledgement, which never waits.
	acknowledgeLimit = 10 * time.Millisecond
	// maxLooks bounds the reads of blanks that wait on a connection.
	maxLooks = 16
)

// Exchange is the connection to one target as far as it must be known, and the check in
// flight. Its zero value is idle, and has no connection.
type Exchange struct {
	reply wire.EngineReply

	began      time.Duration // just before the first system call
	dialBegan  time.Duration
	lookup     time.Duration // how long the last dial took to find the addresses of the name
	writeBegan time.Duration
	writeEnded time.Duration // 0: the question was never sent
	limit      time.Duration // of the dial or the write
	until      time.Duration
	broke      time.Duration // writeEnded of the question that a kept connection broke under
	grace      evcp.DeadlineGrace

	stage      stage
	phase      phase
	greeting   Greeting
	connected  bool
	kept       bool // the question went out on a kept connection
	closes     bool // when acknowledged
	repeats    bool // the greeting is due again
	looks      uint8
	brokeCause evcp.Cause
}

// Resume makes x the idle Exchange of a target that has a connection or none, and whose
// greeting has come so far. A driver of many targets needs an Exchange only for those with a
// check in flight.
func (x *Exchange) Resume(g Greeting, connected bool) {
	*x = Exchange{reply: x.reply, greeting: g, connected: connected}
}

// Greeting is how far the greeting has come.
func (x *Exchange) Greeting() Greeting { return x.greeting }

// Until is when Overdue is due.
func (x *Exchange) Until() time.Duration { return x.until }

// Limit is how long the dial may take; see Dial.
func (x *Exchange) Limit() time.Duration { return x.limit }

// Listening reports whether a reply is awaited.
func (x *Exchange) Listening() bool { return x.stage == listening }

// Began is when the check in flight began, or its present phase.
func (x *Exchange) Began() time.Duration { return x.began }

// AppendMessage appends what Write sends.
func (x *Exchange) AppendMessage(dst []byte, cp evcp.CPID, framing wire.Framing) []byte {
	verb := wire.HealthCheck
	switch {
	case x.stage == acknowledging:
		return append(dst, x.reply.Acknowledgement()...)
	case x.greets():
		verb = wire.MonitorConnection
	}
	return wire.Message{CP: cp, Verb: verb}.AppendFramed(dst, framing)
}

// Step takes what happened, appends what was found, and returns what to do next. An input
// that nothing waits for changes nothing.
func (x *Exchange) Step(s *Settings, e *Input, found *[]Result) Command {
	switch x.stage {
	case idle:
		return x.begin(s, e)
	case looking:
		return x.looked(s, e)
	case dialling:
		return x.dialled(s, e, found)
	case writing:
		return x.wrote(s, e, found)
	case listening:
		return x.heard(s, e, found)
	case routing:
		return x.routed(s, e, found)
	case acknowledging:
		return x.settle(s, e.Now) // a broken connection is found by the next check
	default:
		return x.next(s, e.Now)
	}
}

// begin begins a check, with the greeting when it is due.
func (x *Exchange) begin(s *Settings, e *Input) Command {
	switch {
	case e.Kind == Asked && s.Greet && x.greeting == notGreeted:
		x.greeting = noReply
		return x.open(s, greetingFirst, e.Now)
	case e.Kind == Asked:
		return x.open(s, checking, e.Now)
	default:
		return Idle
	}
}

// open begins a phase: on the kept connection, once it was looked at, or on a fresh one.
func (x *Exchange) open(s *Settings, p phase, now time.Duration) Command {
	x.reply.Framing = s.Framing
	x.reply.Reset() // a dial that fails must not repeat the reply of the last exchange
	x.phase, x.began, x.lookup, x.writeBegan, x.writeEnded = p, now, 0, 0, 0
	x.kept, x.closes, x.repeats, x.looks = false, false, false, 0
	if x.connected {
		x.stage = looking
		return Look
	}
	return x.dial(now, x.waitLimit(s))
}

func (x *Exchange) greets() bool { return x.phase == greetingFirst || x.phase == greetingAgain }

// waitLimit is how long connecting may take, and the reply after it.
func (x *Exchange) waitLimit(s *Settings) time.Duration {
	if x.greets() {
		return greetingLimit
	}
	return s.Rules.Timeout
}

// looked goes on with a connection on which nothing but blanks waits. Other bytes may be
// the late half of an earlier reply.
func (x *Exchange) looked(s *Settings, e *Input) Command {
	switch {
	case e.Kind == Quiet:
		x.kept = true
		return x.write(e.Now, x.waitLimit(s))
	case e.Kind == Received && x.looks < maxLooks && wire.Blank(e.Bytes):
		x.looks++
		return Look
	default:
		return x.dial(e.Now, x.waitLimit(s))
	}
}

func (x *Exchange) dial(now, limit time.Duration) Command {
	x.connected, x.stage, x.grace = false, dialling, evcp.DeadlineGrace{}
	x.dialBegan, x.limit, x.until, x.lookup = now, limit, now+limit, 0
	return Dial
}

func (x *Exchange) dialled(s *Settings, e *Input, found *[]Result) Command {
	switch e.Kind {
	case Resolved:
		x.lookup, x.until = e.Now-x.dialBegan, e.Now+x.limit
		return Wait
	case Connected:
		x.connected = true
		limit := x.waitLimit(s)
		if x.phase == confirming {
			limit = x.limit
		}
		return x.write(e.Now, limit)
	case Failed, Ended:
		return x.failed(s, e, found)
	case Overdue:
		return x.overdue(s, e, found)
	default:
		return Wait
	}
}

func (x *Exchange) write(now, limit time.Duration) Command {
	x.reply.Reset()
	x.stage, x.until, x.grace = writing, now+limit, evcp.DeadlineGrace{}
	return Write
}

func (x *Exchange) wrote(s *Settings, e *Input, found *[]Result) Command {
	x.writeBegan, x.writeEnded = e.Before, e.Now
	if e.Kind != Written {
		return x.failed(s, e, found)
	}
	x.stage = listening
	switch {
	case x.greets():
		x.until = x.began + greetingLimit
	case x.phase == confirming:
		x.until = x.broke + s.Rules.Timeout + x.lookup
	default:
		x.until = e.Now + s.Rules.Timeout
	}
	return Wait
}

// heard listens until the reply is decided, the connection fails, or the deadline and its
// grace are over.
func (x *Exchange) heard(s *Settings, e *Input, found *[]Result) Command {
	switch e.Kind {
	case Received, Ended:
		decided := x.reply.Feed(e.Bytes, e.Kind == Ended)
		switch {
		case decided && x.greets():
			return x.endGreeting(s, e, e.Kind == Received, found)
		case decided && !x.reply.Empty():
			return x.finish(s, e, x.evidence(evcp.SignalReply, x.reply.Result(evcp.Closed), e), found)
		case e.Kind == Received:
			return Wait
		}
		return x.failed(s, &Input{Kind: Failed, Now: e.Now, Cause: evcp.Closed}, found)
	case Failed:
		return x.failed(s, e, found)
	case Overdue:
		return x.overdue(s, e, found)
	default:
		return Wait
	}
}
