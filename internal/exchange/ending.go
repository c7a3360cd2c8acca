package exchange

import (
	"time"

	"evcp"
	"evcp/internal/wire"
)

// overdue waits on for the grace, and then ends the check. A part of a reply counts as a
// bad reply. Silence proves nothing while this machine sends no packets to the Engine.
func (x *Exchange) overdue(s *Settings, e *Input, found *[]Result) Command {
	if x.greets() {
		return x.endGreeting(s, e, false, found)
	}
	next, silent := x.grace.Extend(e.Now, s.Rules)
	if next != 0 {
		x.until = next
		return Wait
	}
	if !silent {
		return x.finish(s, e, x.evidence(evcp.SignalLocalError, evcp.Outcome{Cause: evcp.Stalled}, e), found)
	}
	if reply := x.reply.Result(evcp.Timeout); reply.Status == evcp.KO {
		return x.finish(s, e, x.evidence(evcp.SignalNone, reply, e), found)
	}
	x.stage = routing
	return Route
}

func (x *Exchange) routed(s *Settings, e *Input, found *[]Result) Command {
	if e.Kind == Failed {
		return x.failed(s, e, found)
	}
	return x.finish(s, e, x.evidence(evcp.SignalNone, x.reply.Result(evcp.Timeout), e), found)
}

// failed ends the check, or its connection, by an error of the network.
func (x *Exchange) failed(s *Settings, e *Input, found *[]Result) Command {
	if x.greets() {
		x.reply.Feed(nil, true)
		return x.endGreeting(s, e, false, found)
	}
	signal := evcp.SignalUnreachable
	switch {
	case e.Cause == evcp.Refused:
		signal = evcp.SignalRefused
	case e.Cause == evcp.Reset, e.Cause == evcp.Closed:
		signal = evcp.SignalBroken
	case e.Cause.IsLocal():
		signal = evcp.SignalLocalError
	case e.Cause == evcp.Timeout:
		signal = evcp.SignalNone
	}
	broke := x.evidence(signal, evcp.Outcome{Cause: e.Cause, Response: wire.Text([]byte(e.Detail))}, e)
	if left := x.writeEnded + s.Rules.Timeout - e.Now; x.kept && signal == evcp.SignalBroken && left > 0 {
		x.phase, x.kept, x.broke, x.brokeCause = confirming, false, x.writeEnded, e.Cause
		x.reply.Reset()
		return x.dial(e.Now, left)
	}
	return x.finish(s, e, broke, found)
}

// finish ends the check.
//
// A kept connection that broke was asked once more on a fresh one, within what was left of
// the time. Any complete reply counts. When the Monitor's own machine prevents that
// connection, the break is not confirmed, and the check proves nothing. A failure of TLS
// says more than the break. Otherwise the check failed by the break, noticed when the
// confirmation failed.
func (x *Exchange) finish(s *Settings, e *Input, v evcp.Evidence, found *[]Result) Command {
	if x.phase == confirming && !decisive(v) {
		v = evcp.Evidence{
			Signal: evcp.SignalBroken, Reply: evcp.Outcome{Cause: x.brokeCause},
			Began: x.began, WriteBegan: x.broke, WriteEnded: x.broke, Noticed: e.Now,
		}
	}
	// An Engine that replies slowly would not reply to the greeting in time either, and
	// while it is still busy with it the next check could fail.
	x.repeats = x.greeting == noReply && v.Reply.Response != "" && v.Noticed-v.Began < greetingLimit
	*found = append(*found, Result{At: ended(v), Checked: true, Evidence: v, Last: !x.repeats})
	replied := v.Signal == evcp.SignalReply
	x.closes = !replied || e.Kind != Received || !x.reply.Reusable() // a late reply must never be read as the next one
	return x.acknowledge(s, e.Now, replied)
}

// lateNotice is how much later than its arrival a reply may be noticed for the check to be dated
// by the arrival. Events that were made meanwhile have later dates: beyond a second, that would
// look like a clock that was set back.
const lateNotice = 500 * time.Millisecond

// ended is the date of a check.
func ended(v evcp.Evidence) time.Duration {
	if v.Arrived != 0 && v.Noticed-v.Arrived <= lateNotice {
		return v.Arrived
	}
	return v.Noticed
}

func decisive(v evcp.Evidence) bool {
	return v.Signal == evcp.SignalReply || v.Reply.Cause == evcp.TLS ||
		v.Signal == evcp.SignalLocalError && v.Reply.Cause != evcp.Stalled
}

// endGreeting ends the greeting. Whatever the Engine replied, or failed to, has no part in
// the check, and the rest of a reply must never be read as the reply to a check.
func (x *Exchange) endGreeting(s *Settings, e *Input, complete bool, found *[]Result) Command {
	f := Result{At: e.Now, Greeted: !x.reply.Empty(), Last: x.phase == greetingAgain}
	if f.Greeted {
		f.Greeting = x.reply.Result(evcp.Closed).Response
	}
	if f.Greeted || f.Last {
		x.greeting = greeted
		*found = append(*found, f)
	}
	x.closes = !complete || !x.reply.Reusable() || !f.Greeted
	return x.acknowledge(s, e.Now, f.Greeted)
}

// acknowledge sends ACK or NACK after a framed reply; other framings have none.
func (x *Exchange) acknowledge(s *Settings, now time.Duration, replied bool) Command {
	if replied && x.reply.Acknowledgement() != nil {
		x.stage, x.until = acknowledging, now+acknowledgeLimit
		return Write
	}
	return x.settle(s, now)
}

// settle closes the connection if it can't carry another message.
func (x *Exchange) settle(s *Settings, now time.Duration) Command {
	if x.closes {
		x.connected, x.stage = false, closing
		return Close
	}
	return x.next(s, now)
}

// next goes on with the next phase.
func (x *Exchange) next(s *Settings, now time.Duration) Command {
	switch {
	case x.phase == greetingFirst:
		return x.open(s, checking, now)
	case x.phase != greetingAgain && x.repeats:
		return x.open(s, greetingAgain, now)
	}
	x.reply.Reset()
	x.stage, x.until = idle, 0
	return Idle
}

func (x *Exchange) evidence(signal evcp.Signal, reply evcp.Outcome, e *Input) evcp.Evidence {
	v := evcp.Evidence{
		Signal: signal, Reply: reply, Began: x.began, WriteBegan: x.writeBegan, WriteEnded: x.writeEnded,
		Noticed: max(e.Now, e.Arrived), Lookup: x.lookup,
	}
	if e.Arrived != 0 {
		v.Arrived = max(e.Arrived, x.writeBegan) // the clocks of both differ a little
	}
	return v
}
