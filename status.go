package evcp

import "time"

// Status is what one check said, or what a charge point is shown as. The names
// are those of the first EV_CP_M and of its events.
type Status uint8

const (
	// Unknown is the zero Status: the Monitor itself was the trouble, and the
	// check says nothing of the Engine. It neither counts nor resets.
	Unknown Status = iota
	// OK: the Engine answered with the word OK, in time.
	OK
	// KO: the Engine answered in time, and it was not OK.
	KO
	// ConnectionError: no answer could be had.
	ConnectionError
	// Monitoring: watching, no verdict yet. A charge point is shown so, a check
	// never says it.
	Monitoring
)

var statusNames = [...]string{"UNKNOWN", "OK", "KO", "CONNECTION_ERROR", "MONITORING"}

// String is the word used on the wire and in events.
func (s Status) String() string { return nameOf(statusNames[:], int(s)) }

// Countable reports whether a check with this status says anything of the Engine.
func (s Status) Countable() bool { return s == OK || s.Failed() }

// Failed reports whether a check with this status speaks against the Engine.
func (s Status) Failed() bool { return s == KO || s == ConnectionError }

// ParseStatus reads the word of a Status.
func ParseStatus(s string) (Status, bool) {
	i, ok := indexOf(statusNames[:], s)
	return Status(i), ok
}

// Cause says why a check was not OK. It decides where a person goes: said_ko
// sends them to the charger, timeout to the program, unreachable to the network.
type Cause uint8

const (
	// NoCause belongs to OK.
	NoCause Cause = iota
	// SaidKO: the answer's first word was KO.
	SaidKO
	// Protocol: an answer that is neither OK nor KO, or an unfinished one.
	Protocol
	// Refused: nothing listens on the Engine's port.
	Refused
	// Timeout: not a word within the timeout.
	Timeout
	// Reset: the connection was broken off.
	Reset
	// Closed: the connection was closed without an answer.
	Closed
	// Unreachable: no route to the machine.
	Unreachable
	// DNS: the Engine's name has no address.
	DNS
	// Other: an error of the Engine's side that fits no other name.
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

// String is the word used in events and metrics; "" for NoCause.
func (c Cause) String() string { return nameOf(causeNames[:], int(c)) }

// ParseCause reads the word of a Cause.
func ParseCause(s string) (Cause, bool) {
	i, ok := indexOf(causeNames[:], s)
	return Cause(i), ok
}

// Outcome is what one check said. The zero Outcome is Unknown and harms nobody.
type Outcome struct {
	Status   Status
	Cause    Cause
	Response string        // the Engine's words, safe to print, at most 128 characters; "" when there were none
	Latency  time.Duration // from the first system call to the answer or the verdict
}

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "invalid"
}

func indexOf(names []string, s string) (int, bool) {
	for i, name := range names {
		if name == s {
			return i, true
		}
	}
	return 0, false
}
