package evcp

import "time"

// ObservationKind says what an Observation tells.
type ObservationKind uint8

const (
	// NoObservation is the zero Kind: Next ignores it.
	NoObservation ObservationKind = iota
	// Started: the Monitor begins to watch this charge point. Version.
	Started
	// Stopping: the Monitor ends in good order. Reason.
	Stopping
	// Checked: one check of the Engine has its Outcome.
	Checked
	// Greeted: the Engine answered "monitor connection". Response.
	Greeted
	// Registering: Central is about to be asked for acceptance.
	Registering
	// Registered: Central accepted. Response.
	Registered
	// RegistrationRefused: Central rejected the registration. Response.
	RegistrationRefused
	// FailureReported: Central answered a failure report. Incident, Repeat, Response.
	FailureReported
	// RecoveryReported: Central answered a recovery report. Incident, Response.
	RecoveryReported
	// StallEnded: the Monitor itself stood still. Gap, Missed.
	StallEnded
	// ClockStepped: the wall clock was set. Gap is the step, negative backwards.
	ClockStepped
	// Dropped: kept events were given up. DroppedEpoch, From, To, Count, Reason.
	Dropped
)

// Observation is anything the Monitor learned of one charge point: of its
// Engine, of Central, or of the Monitor itself. All come in by the same door.
type Observation struct {
	CP   CPID
	Kind ObservationKind
	// At is the moment it was learned. For a check: the moment of its outcome.
	At Stamp
	// Renumber asks for a new epoch, since the last number can't be proven.
	Renumber bool

	Outcome  Outcome       // Checked
	Response string        // what Central or the Engine said, safe to print
	Latency  time.Duration // of Central's answer
	Incident EventID       // FailureTold, RecoveryTold
	Repeat   uint32        // FailureTold: 0 for the first report of the incident
	Gap      time.Duration // Stood, ClockStepped
	Missed   uint32        // Stood: ticks that passed unchecked
	Version  string        // Started
	Reason   string        // Stopping, Dropped
	// DroppedEpoch is the numbering of From and To. Dropped.
	DroppedEpoch int64
	From, To     uint64 // Dropped: the seqs, both included
	Count        uint64 // Dropped: how many of them
}
