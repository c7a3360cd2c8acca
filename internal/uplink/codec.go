package uplink

import (
	"time"

	"evcp"
)

// Operation is what a message asks of Central.
type Operation uint8

const (
	// NoOperation is the zero Operation: there is nothing to send.
	NoOperation Operation = iota
	// Register asks Central to accept the Monitor of a charge point.
	Register
	// ReportFailure reports that an incident opened, or that it still lasts.
	ReportFailure
	// ReportRecovery reports that an incident closed.
	ReportRecovery
	// Heartbeat is a sign of life, with the state of the charge point.
	Heartbeat
	// Disconnect announces a clean stop.
	Disconnect
)

func (op Operation) reports() bool { return op == ReportFailure || op == ReportRecovery }

// Outbound is one message to Central.
type Outbound struct {
	Operation Operation
	CP        evcp.CPID
	Status    evcp.Status // of a Heartbeat
}

// Verdict is what Central's reply means for the message that it answers.
type Verdict uint8

const (
	// Unclear is the zero Verdict: no reply, or none that Central would give.
	Unclear Verdict = iota
	// Accepted: the charge point is registered, or the report has its receipt.
	Accepted
	// Rejected: Central refuses the registration or the report.
	Rejected
	// NotRegistered: Central does not know this Monitor: register, then send again.
	NotRegistered
)

// Codec is one protocol in which Central is spoken to. All sessions share it.
type Codec interface {
	// Append writes a message with its framing.
	Append(dst []byte, m Outbound) []byte
	// Describe names a message for people, without the charge point: "heartbeat OK".
	Describe(m Outbound) string
	// Quiet is how long a peer must send nothing for a reply that has started to be
	// complete; 0 where the bytes themselves show the end.
	Quiet() time.Duration
	// NewReplyReader makes a reader for one connection.
	NewReplyReader() ReplyReader
}

// ReplyReader collects one reply at a time. One goroutine uses it.
type ReplyReader interface {
	// Begin forgets the last reply. What is fed from now on answers m.
	Begin(m Outbound)
	// Feed takes bytes, and reports whether the reply is complete. last: no more will come.
	Feed(b []byte, last bool) (complete bool)
	// Started reports whether more than blanks has come.
	Started() bool
	// Reply is the text of a complete reply, safe to print, what it means, and what it is
	// acknowledged with; nil for nothing.
	Reply() (text string, v Verdict, acknowledgement []byte)
}
