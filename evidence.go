package evcp

import "time"

// EvidenceRules decide what the evidence of one check is worth. Only what the
// Engine did counts against the Engine: when the Monitor stood still, or the machine
// slept, the check is Unknown and counts neither way. A stopped process still has a
// kernel that accepts and buffers for it. So what the Engine did is seen correctly
// after a stall too, but it may be seen late. Where the kernel says when the bytes
// arrived, that is what counts. Where it does not, the rules ask whether late is the
// Monitor's doing.
//
// All times are durations on one monotonic clock. A check begins at Began, just
// before its first system call. The question is written between WriteBegan and
// WriteEnded. Connecting may take Timeout, and so may the reply after it. A Monitor
// that stood still inside the write reads WriteEnded too late. Each rule counts from
// the reading that errs towards Unknown: an OK from WriteBegan, silence from
// WriteEnded. An OK that arrived too late is Unknown as well: a machine that was paused
// by its host dates what waited for it by its own end of the pause.
type EvidenceRules struct {
	Timeout time.Duration
	Grace   time.Duration // a wake-up later than this is a stall
}

// DefaultGrace is the Grace of every program here. Lower, and a busy machine
// turns replies into Unknown; higher, and a dead Engine is found that much later.
const DefaultGrace = 25 * time.Millisecond

// Signal is how a check ended.
type Signal uint8

const (
	// SignalNone is the zero Signal: no complete reply by the end of the
	// DeadlineGrace, and the Monitor was awake to receive one.
	SignalNone Signal = iota
	// SignalReply: a complete reply. Status, Cause and Response say which.
	SignalReply
	// SignalRefused: the connection was refused. Only the Engine's side does that.
	SignalRefused
	// SignalBroken: the connection was reset, or closed without a reply, or in the TLS
	// handshake.
	SignalBroken
	// SignalUnreachable: a router did not find the machine, a name server its name, or the
	// Engine's side did not agree on TLS.
	SignalUnreachable
	// SignalLocalError: no packet went to the Engine, for a reason of the Monitor's own
	// machine or of its name server, or the DeadlineGrace never had an undisturbed wait.
	SignalLocalError
)

// Evidence is all that was seen of one check.
type Evidence struct {
	Signal        Signal
	Reply         Outcome       // SignalReply, and SignalNone with a part of a reply: Status, Cause, Response. Otherwise Cause alone.
	Began         time.Duration // before the first system call
	WriteBegan    time.Duration // before the question's write
	WriteEnded    time.Duration // after the write returned; 0 = the question was never sent
	Arrived       time.Duration // SignalReply: when its last byte arrived; 0 = the kernel did not say
	Noticed       time.Duration // when the Monitor noticed the end
	Lookup        time.Duration // how long the addresses of the Engine's name took; they have a time of their own
	Slept         time.Duration // how long the machine slept; never less than between Began and Noticed
	RecentlyAwake bool          // the machine slept less than WakeGrace before the check
}

// Judge turns the evidence of one check into its Outcome.
func (r EvidenceRules) Judge(e Evidence) Outcome {
	o := e.Reply
	o.Latency = e.ended() - e.Began
	unknown := r.unknownCause(e)
	switch {
	case unknown != NoCause:
		return Outcome{Status: Unknown, Cause: unknown, Response: o.Response, Latency: o.Latency}
	case e.Signal == SignalReply:
		return o
	case e.Signal == SignalNone && o.Status == KO: // a part of a reply, never completed
		return o
	default:
		if o.Cause != TLS {
			o.Response = ""
		}
		return Outcome{Status: ConnectionError, Cause: o.Cause, Response: o.Response, Latency: o.Latency}
	}
}

// unknownCause is why the evidence proves nothing about the Engine; NoCause when it does.
func (r EvidenceRules) unknownCause(e Evidence) Cause {
	reply := e.Signal == SignalReply
	switch {
	case e.Signal == SignalLocalError:
		return e.Reply.Cause
	case e.Slept > r.Grace: // any reply may be as old as the sleep was long
		return Slept
	case e.Signal == SignalRefused, reply && e.Reply.Status != OK: // counts, however late it was noticed
		return NoCause
	case reply && e.ended() > e.WriteBegan+r.Timeout+r.Grace: // an OK noticed too late may have been sent too late
		return Stalled
	case reply:
		return NoCause
	case e.RecentlyAwake:
		return Slept
	case e.gaveUp() && e.WriteEnded-e.Began > r.Timeout: // the Engine may have given up waiting for a stalled Monitor
		return Stalled
	case e.gaveUp() && e.WriteEnded == 0 && e.Noticed-e.Began > e.Lookup+r.Timeout+2*r.Grace: // in the handshake, which an awake Monitor would have ended
		return Stalled
	default:
		return NoCause
	}
}

// ended is when the check ended, as far as it is known.
func (e Evidence) ended() time.Duration {
	if e.Arrived != 0 {
		return e.Arrived
	}
	return e.Noticed
}

// gaveUp reports whether the Engine ended the exchange: by the end of the connection, or by
// an alert of TLS.
func (e Evidence) gaveUp() bool {
	return e.Signal == SignalBroken || e.Signal == SignalUnreachable && e.Reply.Cause == TLS
}

// WakeGrace is how long after the machine slept only refusals and complete replies
// count. The first OK ends it early.
const WakeGrace = 10 * time.Second

// DeadlineGrace extends a check's deadline until the Monitor has waited for one
// whole Grace undisturbed. A Monitor that stood still while the deadline passed may
// find the reply only after it, so it waits for Grace and reads again; if it stood
// still in that wait too, it waits once more. The zero DeadlineGrace is ready.
type DeadlineGrace struct {
	waits uint8
	since time.Duration // when the last wait began
}

// maxWaits bounds a DeadlineGrace: a Monitor that stood still in eight waits in a
// row can't tell whether the Engine was silent.
const maxWaits = 8

// Extend is called at the deadline and after each wait, at the moment now. It
// returns until when to wait for the reply. When until is 0 there is no further
// wait: silent reports whether the Engine was silent; if not, the Monitor stood
// still too often to know.
func (g *DeadlineGrace) Extend(now time.Duration, r EvidenceRules) (until time.Duration, silent bool) {
	if g.waits > 0 && now-g.since <= 2*r.Grace {
		return 0, true
	}
	if g.waits == maxWaits {
		return 0, false
	}
	g.waits++
	g.since = now
	return now + r.Grace, false
}
