package evcp

import "time"

// EvidenceRules holds the rules by which one check is heard. Only the Engine testifies
// against the Engine: a Monitor that stood still, or a machine that slept, makes
// a check Unknown and accuses nobody. A stopped process still has a kernel that
// receives for it, so the kernel is the witness.
//
// All times are durations on one monotonic clock. A check begins at Began, just
// before its first system call; the question leaves between Sent, before the write,
// and Asked, when it has returned. Connecting may take Timeout, and so may the whole
// answer. Which of the two it is counted from is what errs safely: a Monitor that
// stood still inside the write reads Asked too late, so an OK is counted from Sent, and
// silence from Asked.
type EvidenceRules struct {
	Timeout time.Duration
	Grace   time.Duration // how late a wake-up may be and still be called awake
}

// DefaultGrace is the Grace of every program here. Lower, and a busy machine
// turns answers into Unknown; higher, and a dead Engine is found that much later.
const DefaultGrace = 25 * time.Millisecond

// Signal says what spoke in a check, or that nothing did.
type Signal uint8

const (
	// SignalNone is the zero Testimony: nothing came while the Monitor listened
	// awake, as Vigil says.
	SignalNone Signal = iota
	// SignalReply: a complete answer. Status, Cause and Response say which.
	SignalReply
	// SignalRefused: the connection was refused. Nobody but the Engine's side does that.
	SignalRefused
	// SignalBroken: the connection was reset or closed without an answer.
	SignalBroken
	// SignalUnreachable: no machine, no network or no name there.
	SignalUnreachable
	// SignalLocalError: the Monitor's own machine refused a socket, or its vigil failed.
	SignalLocalError
)

// Evidence is all that was seen of one check.
type Evidence struct {
	Signal        Signal
	Reply         Outcome       // Word: Status, Cause, Response. Otherwise Cause alone.
	Began         time.Duration // before the first system call
	WriteBegan    time.Duration // before the question's write
	WriteEnded    time.Duration // after the write returned; 0 = the question never left
	Noticed       time.Duration // when the Monitor took notice
	Slept         time.Duration // how long the machine slept meanwhile
	RecentlyAwake bool          // it slept before: see Drowsy
}

// Judge says what the evidence is worth.
func (h EvidenceRules) Judge(e Evidence) Outcome {
	o := e.Reply
	o.Latency = e.Noticed - e.Began
	why := h.doubt(e)
	switch {
	case why != NoCause:
		return Outcome{Status: Unknown, Cause: why, Response: o.Response, Latency: o.Latency}
	case e.Signal == SignalReply:
		return o
	case e.Signal == SignalNone && o.Status == KO: // half an answer, never finished
		return o
	default:
		return Outcome{Status: ConnectionError, Cause: o.Cause, Latency: o.Latency}
	}
}

// doubt is the reason not to believe the evidence, NoCause when there is none.
func (h EvidenceRules) doubt(e Evidence) Cause {
	sure := e.Signal == SignalRefused || e.Signal == SignalReply && e.Reply.Status != OK
	switch {
	case e.Signal == SignalLocalError:
		return e.Reply.Cause
	case e.Slept > h.Grace: // whatever it is, it may be hours old
		return Slept
	case sure: // a no counts whenever it is noticed
		return NoCause
	case e.Signal == SignalReply: // an OK that may have come late is none
		return when(e.Noticed > e.WriteBegan+h.Timeout+h.Grace, Stalled)
	case e.RecentlyAwake:
		return Slept
	case e.Signal == SignalBroken: // the Engine may have given up on a Monitor that stood still
		return when(e.WriteEnded-e.Began > h.Timeout, Stalled)
	default:
		return NoCause
	}
}

func when(doubtful bool, why Cause) Cause {
	if doubtful {
		return why
	}
	return NoCause
}

// WakeGrace is how long after the machine slept only refusals and words count,
// unless the Engine says OK before.
const WakeGrace = 10 * time.Second

// DeadlineGrace is the listening at the end of a check's time. Silence is pronounced
// only awake: when the time is over, listen for Grace once more and look again.
// A listener that overslept may have missed the answer's time, not the answer,
// so it listens again. The zero Vigil is ready.
type DeadlineGrace struct {
	rounds uint8
	since  time.Duration
}

// maxRounds bounds a vigil. A machine that can't wake up in time eight times in
// a row can't pronounce anything.
const maxRounds = 8

// Extend asks for the next step at the moment now. It answers until when to
// listen, or, when until is 0, what the vigil came to: heard is true if silence
// may be pronounced, false if the Monitor was too sleepy to.
func (v *DeadlineGrace) Extend(now time.Duration, h EvidenceRules) (until time.Duration, heard bool) {
	if v.rounds > 0 && now-v.since <= 2*h.Grace {
		return 0, true
	}
	if v.rounds == maxRounds {
		return 0, false
	}
	v.rounds++
	v.since = now
	return now + h.Grace, false
}
