package cpstate

import (
	"slices"

	"evcp"
)

// Availability is the state of a charge point as Central shows it.
type Availability uint8

const (
	// Unregistered is the zero value: not known. Only a registration leaves it.
	Unregistered Availability = iota
	// Activated: its Monitor sends, and reports nothing against the Engine.
	Activated
	// Faulted: its Monitor reported that the Engine failed, and no recovery since.
	Faulted
	// Disconnected: no Monitor sends for it, so the Engine's state is not known.
	Disconnected
)

var availabilityNames = []string{"unregistered", "activated", "faulted", "disconnected"}

// String is the name in the API, in the state file and in the log.
func (a Availability) String() string { return availabilityNames[a] }

// ParseAvailability reads what String wrote.
func ParseAvailability(s string) (Availability, bool) {
	i := slices.Index(availabilityNames, s)
	return Availability(max(i, 0)), i >= 0
}

// Reason says what moved a charge point into its state.
type Reason uint8

const (
	// NoReason belongs to Unregistered.
	NoReason Reason = iota
	// Registered (activated): it registered, and no fault is open.
	Registered
	// EngineRecovered (activated): its Monitor reported the recovery.
	EngineRecovered
	// HeartbeatOK (activated): a heartbeat carried OK.
	HeartbeatOK
	// HeartbeatMonitoring (activated): it sends again and has no verdict yet.
	HeartbeatMonitoring
	// EngineFailure (faulted): its Monitor reported the failure.
	EngineFailure
	// HeartbeatKO (faulted): a heartbeat carried KO.
	HeartbeatKO
	// HeartbeatConnectionError (faulted): a heartbeat carried CONNECTION_ERROR.
	HeartbeatConnectionError
	// SaidGoodbye (disconnected): its Monitor sent disconnect.
	SaidGoodbye
	// ConnectionLost (disconnected): the connection that carried its heartbeats ended, and
	// no other of its group, or that sent for it, was open for a second.
	ConnectionLost
	// Silent (disconnected): no message for three of its usual gaps.
	Silent
	// CentralRestarted (disconnected): Central restarted and received nothing since.
	CentralRestarted
	// NotListed (disconnected): it was removed from Central's registry.
	NotListed
)

var reasonNames = []string{
	"", "registered", "engine_recovered", "heartbeat_ok", "heartbeat_monitoring",
	"engine_failure", "heartbeat_ko", "heartbeat_connection_error",
	"said_goodbye", "connection_lost", "silent", "central_restarted", "not_listed",
}

// String is the name in the API, in the state file and in the log; "" for NoReason.
func (r Reason) String() string { return reasonNames[r] }

// ParseReason reads what String wrote.
func ParseReason(s string) (Reason, bool) {
	i := slices.Index(reasonNames, s)
	return Reason(max(i, 0)), i >= 0
}

// Unverified says why nothing that Central received supports the state of a charge
// point any more.
type Unverified uint8

const (
	// Verified is the zero value: there is no reason for doubt, or the charge point is
	// disconnected.
	Verified Unverified = iota
	// NoMessage: it sends no heartbeats, and no other message for a minute. The next
	// message ends it.
	NoMessage
	// NoOutcome: its heartbeats are MONITORING, so its Monitor can't check the Engine.
	// Another heartbeat or a report ends it.
	NoOutcome
)

var unverifiedNames = []string{"", "no_message", "no_outcome"}

// String is the name in the API and in metrics; "" for Verified.
func (u Unverified) String() string { return unverifiedNames[u] }

// Reply is Central's answer to one message.
type Reply uint8

const (
	// UnknownMessage is the zero Reply: the message is none of Central's.
	UnknownMessage Reply = iota
	// NotRegistered: the Monitor has to register first.
	NotRegistered
	// Denied refuses a registration: the registry does not list the charge point.
	Denied
	// NoRoom refuses a registration: Central holds as many charge points as it may.
	NoRoom
	// OtherCertificate refuses a registration: the connection's certificate is not for the
	// charge point.
	OtherCertificate
	// CertificateNeeded refuses a registration: the charge point has sent with a
	// certificate, and this connection has none.
	CertificateNeeded
	// Authenticated accepts a registration.
	Authenticated
	// FailureReceived is the receipt for ENGINE_FAILURE.
	FailureReceived
	// RecoveryReceived is the receipt for ENGINE_RECOVERED.
	RecoveryReceived
	// Received acknowledges a heartbeat and a disconnect.
	Received
)

var replyTexts = [...]string{
	UnknownMessage:    "KO unknown message",
	NotRegistered:     "KO not registered",
	Denied:            "Authentication denied: unknown charging point ",
	NoRoom:            "Authentication denied: Central has no room for another charging point",
	OtherCertificate:  "Authentication denied: the certificate is not for charging point ",
	CertificateNeeded: "Authentication denied: TLS with a certificate is required for charging point ",
	Authenticated:     "Authentication successful",
	FailureReceived:   "Failure report received",
	RecoveryReceived:  "Recovery report received",
	Received:          "OK",
}

// Accepted reports whether the message came from a registered charge point and was
// taken.
func (r Reply) Accepted() bool { return r >= Authenticated }

// Text is the reply to the charge point, as it is sent.
func (r Reply) Text(id evcp.CPID) string {
	if r == Denied || r == OtherCertificate || r == CertificateNeeded {
		return replyTexts[r] + string(id)
	}
	return replyTexts[r]
}
