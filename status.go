package evcp

import (
	"slices"
	"time"
)

// Status is the result of one check, or what a charge point is shown as. The names
// are those of the first EV_CP_M and of its events.
type Status uint8

const (
	// Unknown is the zero Status: the Monitor itself was the cause, and the check
	// proves nothing about the Engine. It neither counts as a failure nor ends a streak.
	Unknown Status = iota
	// OK: the Engine replied OK, in time.
	OK
	// KO: the Engine replied, and it was not OK.
	KO
	// ConnectionError: there was no reply.
	ConnectionError
	// Monitoring: no result yet. A charge point may be shown so; no check has this
	// status.
	Monitoring
)

var statusNames = [...]string{"UNKNOWN", "OK", "KO", "CONNECTION_ERROR", "MONITORING"}

// String is the name used on the wire and in events.
func (s Status) String() string { return nameOf(statusNames[:], int(s)) }

// Countable reports whether a check with this status proves anything about the Engine.
func (s Status) Countable() bool { return s == OK || s.Failed() }

// Failed reports whether a check with this status counts as a failure.
func (s Status) Failed() bool { return s == KO || s == ConnectionError }

// ParseStatus reads the name of a Status.
func ParseStatus(s string) (Status, bool) {
	i := slices.Index(statusNames[:], s)
	return Status(max(i, 0)), i >= 0
}

// Cause is why a check was not OK. It says where to look first: said_ko at the
// charger, timeout at the Engine's program, unreachable at the network.
type Cause uint8

const (
	// NoCause belongs to OK.
	NoCause Cause = iota
	// SaidKO: the reply's first word was KO.
	SaidKO
	// Protocol: a reply that is neither OK nor KO, or an incomplete one.
	Protocol
	// Refused: nothing listens on the Engine's port.
	Refused
	// Timeout: no reply within the timeout.
	Timeout
	// Reset: the connection was reset.
	Reset
	// Closed: the connection was closed without a reply.
	Closed
	// Unreachable: no route to the machine.
	Unreachable
	// DNS: the Engine's name has no address.
	DNS
	// Other: any other error of the connection.
	Other
	// Stalled: the Monitor noticed too late to judge; goes with Unknown.
	Stalled
	// Slept: the machine slept during the check; goes with Unknown.
	Slept
	// Local: the Monitor's own machine refused a socket; goes with Unknown.
	Local
)

var causeNames = [...]string{
	"", "said_ko", "protocol", "refused", "timeout", "reset", "closed", "unreachable", "dns", "other",
	"stalled", "slept", "local",
}

// String is the name used in events and metrics; "" for NoCause.
func (c Cause) String() string { return nameOf(causeNames[:], int(c)) }

// ParseCause reads the name of a Cause.
func ParseCause(s string) (Cause, bool) {
	i := slices.Index(causeNames[:], s)
	return Cause(max(i, 0)), i >= 0
}

// Outcome is the result of one check. The zero Outcome is Unknown, and so counts for
// nothing.
type Outcome struct {
	Status   Status
	Cause    Cause
	Response string        // the Engine's reply, safe to print, at most 128 characters; "" when there was none
	Latency  time.Duration // from the first system call to the reply or the end of the check
}

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "invalid"
}
