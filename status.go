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
	// Local: no packet went to the Engine, because the Monitor's own machine refused it for
	// a reason that none of the next five names; goes with Unknown, as they do. Events
	// name all six "local", and the next five by a Detail too.
	Local
	// NoNetwork: the machine has no route, no address, or its interface is down.
	NoNetwork
	// NameServer: no name server answered, and no earlier address of the name is known.
	NameServer
	// NoSocket: the machine has no free file descriptor, port or memory for a socket.
	NoSocket
	// OwnCertificate: the peer refuses this machine's own certificate, or its lack.
	OwnCertificate
	// WrongClock: the clock of this machine is behind the date of the program's build, so
	// that it can't tell whether a certificate is valid.
	WrongClock
	// TLS: the other side's certificate is not valid for it, or it speaks no TLS, or none
	// that this side accepts. The Response of the Outcome says which.
	TLS

	// LastCause is the greatest Cause. Snapshots hold the numbers: new ones come last.
	LastCause = TLS
)

var causeNames = [...]string{
	"", "said_ko", "protocol", "refused", "timeout", "reset", "closed", "unreachable", "dns", "other",
	"stalled", "slept", "local", "local", "local", "local", "local", "local", "tls",
}

// detailNames are the details of the causes from Local to WrongClock.
var detailNames = [...]string{"", "no_network", "name_server", "no_socket", "own_certificate", "wrong_clock"}

// String is the name used in events and metrics; "" for NoCause.
func (c Cause) String() string { return nameOf(causeNames[:], int(c)) }

// Detail tells causes of one name apart, in events and metrics; "" for a cause that
// has its name alone.
func (c Cause) Detail() string {
	if !c.IsLocal() {
		return ""
	}
	return detailNames[c-Local]
}

// IsLocal reports whether c is one of the causes that events name "local": no packet went to
// the peer, or this machine's own certificate or clock was the reason.
func (c Cause) IsLocal() bool { return c >= Local && c <= WrongClock }

// ParseCause reads the name and the detail of a Cause.
func ParseCause(name, detail string) (Cause, bool) {
	i := slices.Index(causeNames[:], name)
	if detail == "" || i < 0 {
		return Cause(max(i, 0)), i >= 0
	}
	d := slices.Index(detailNames[:], detail)
	return Local + Cause(max(d, 0)), d >= 0 && Cause(i) == Local
}

// Outcome is the result of one check. The zero Outcome is Unknown, and so counts for
// nothing.
type Outcome struct {
	Status Status
	Cause  Cause
	// Response is the Engine's reply, safe to print, at most 128 characters; "" when there
	// was none. With the Cause TLS it is what is wrong: "certificate expired on 2026-10-01".
	Response string
	Latency  time.Duration // from the first system call to the reply or the end of the check
}

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "invalid"
}
