package evcp

import "time"

// ObservationKind says what was observed.
type ObservationKind uint8

const (
	// NoObservation is the zero ObservationKind: Next ignores it.
	NoObservation ObservationKind = iota
	// Started: the Monitor begins to watch this charge point. Version.
	Started
	// Stopping: the Monitor was asked to stop. Reason.
	Stopping
	// Checked: one check of the Engine has its Outcome.
	Checked
	// Greeted: the Engine replied to "monitor connection". Response.
	Greeted
	// Registering: a registration request is about to be sent.
	Registering
	// Registered: Central accepted the registration. Response.
	Registered
	// RegistrationRefused: Central rejected the registration. Response.
	RegistrationRefused
	// FailureReported: Central replied to a failure report. Incident, Repeat, Response.
	FailureReported
	// RecoveryReported: Central replied to a recovery report. Incident, Response.
	RecoveryReported
	// StallEnded: the Monitor itself stood still, and goes on. Gap, Missed.
	StallEnded
	// ClockStepped: the wall clock was set. Gap is the step, negative backwards.
	ClockStepped
	// Dropped: kept events were deleted unsent. DroppedEpoch, From, To, Count, Facts, Reason.
	Dropped
	// Reconfigured: the Policy has other settings than the observation before had.
	Reconfigured
)

// LastObservationKind is the greatest ObservationKind.
const LastObservationKind = Reconfigured

// Observation is anything the Monitor learned about one charge point: from its
// Engine, from Central, or about the Monitor itself. Every Observation goes through
// Policy.Next.
type Observation struct {
	CP   CPID
	Kind ObservationKind
	// At is the moment it was learned. For a check: the moment of its outcome.
	At Stamp
	// Renumber begins a new epoch, because the last number used is not known for certain.
	Renumber bool
	// EpochOffset is added to the number of an epoch that this observation begins while the
	// clock is not beyond the last one. Whoever observes draws it at random below
	// MaxEpochOffset: Next itself is pure.
	EpochOffset uint32

	Outcome  Outcome       // Checked
	Response string        // from Central or the Engine, safe to print
	Latency  time.Duration // of Central's reply
	Incident EventID       // FailureReported, RecoveryReported
	Repeat   uint32        // FailureReported: 0 for the first report of the incident
	Gap      time.Duration // StallEnded, ClockStepped
	Missed   uint32        // StallEnded: ticks that passed without a check
	Version  string        // Started
	Reason   string        // Stopping, Dropped
	// DroppedEpoch is the numbering of From and To. Dropped.
	DroppedEpoch int64
	From, To     uint64 // Dropped: the seqs, both included
	Count        uint64 // Dropped: how many of them
	Facts        uint64 // Dropped: how many of Count were facts
}
