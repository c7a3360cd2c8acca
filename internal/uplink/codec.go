package uplink

import (
	"time"

	"evcp"
	"evcp/internal/link"
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

// Outbound is one message to Central. Those that report have an incident.
type Outbound struct {
	Operation Operation
	CP        evcp.CPID
	Status    evcp.Status // of the charge point when the message is sent
	Incident  evcp.EventID
	Repeat    uint32     // of the report of a failure that lasts; from 1
	At        evcp.Stamp // when the failure or the recovery was detected; 0 = unknown
}

func (m Outbound) reports() bool {
	return m.Operation == ReportFailure || m.Operation == ReportRecovery
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

// SendResult is what came of one message. It is Unclear when nothing was received.
type SendResult struct {
	Text      string // Central's own, safe to print; "" when nothing was received
	Verdict   Verdict
	Received  bool
	Connected bool       // there was a connection to send the message on
	Cause     evcp.Cause // why nothing was received
	Why       string     // with the cause evcp.TLS: what is wrong, safe to print; else ""
	Latency   time.Duration
}

// Codec is one protocol in which messages and replies are exchanged with Central. All
// connections share it. A protocol with a handshake brings a Dialer that makes it.
type Codec interface {
	// Exchanger makes what exchanges messages on one connection after the other.
	Exchanger() Exchanger
	// Describe names a message for people, without the charge point: "heartbeat OK".
	Describe(m Outbound) string
}

// Exchanger exchanges messages on one connection, and may keep its buffers for the next. One
// goroutine uses it.
type Exchanger interface {
	// MaxPipelined is how many messages may be written now before the first reply is read.
	MaxPipelined() int
	// Pipeline writes all messages to a connection at once, and reads the replies in order
	// until the deadline. It returns the results of those that were answered, with their
	// latencies; failed is the result of the others. There are at most MaxPipelined messages.
	Pipeline(l *link.Link, all []Outbound, deadline time.Time, into []SendResult) (answered []SendResult, failed SendResult)
	// Exchange writes m to a connection and reads the reply, both before the deadline. It
	// calls onFirstByte as soon as the reply has begun. It sets neither Connected nor
	// Latency; ended is when the last byte was received, or the failure noticed.
	Exchange(l *link.Link, m Outbound, deadline time.Time, onFirstByte func()) (r SendResult, ended time.Time)
}
