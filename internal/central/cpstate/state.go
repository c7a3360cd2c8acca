package cpstate

// Availability is what Central shows of a charge point.
type Availability uint8

const (
	// Unregistered is the zero State: never heard of. Only a registration leaves it.
	Unregistered Availability = iota
	// Activated: its Monitor is heard and says nothing against the Engine.
	Activated
	// Faulted: its Monitor said that the Engine is not well, and has not taken it back.
	Faulted
	// Disconnected: nobody is heard for it, so nobody knows how the Engine is.
	Disconnected
)

var availabilityNames = [...]string{"unregistered", "activated", "faulted", "disconnected"}

// String is the word used by the API and in the log.
func (s Availability) String() string { return availabilityNames[s] }

// ParseAvailability reads the word of a State.
func ParseAvailability(s string) (Availability, bool) {
	i, ok := indexOf(availabilityNames[:], s)
	return Availability(i), ok
}

// Reason says what moved a charge point into its State.
type Reason uint8

const (
	// NoReason belongs to Unregistered.
	NoReason Reason = iota
	// Registered (activated): it registered, and nothing is known against it.
	Registered
	// EngineRecovered (activated): its Monitor reported the recovery.
	EngineRecovered
	// HeartbeatOK (activated): the state in its heartbeat was OK.
	HeartbeatOK
	// HeartbeatMonitoring (activated): it is heard again and has no verdict yet.
	HeartbeatMonitoring
	// EngineFailure (faulted): its Monitor reported the failure.
	EngineFailure
	// HeartbeatKO (faulted): the state in its heartbeat was KO.
	HeartbeatKO
	// HeartbeatConnectionError (faulted): the state in its heartbeat was CONNECTION_ERROR.
	HeartbeatConnectionError
	// SaidGoodbye (disconnected): its Monitor stopped cleanly.
	SaidGoodbye
	// ConnectionLost (disconnected): the connection of its heartbeats ended and
	// nobody else spoke for it within a second.
	ConnectionLost
	// Silent (disconnected): no sign of life for three of its usual gaps.
	Silent
	// CentralRestarted (disconnected): Central restarted and has not heard it since.
	CentralRestarted
	// NotListed (disconnected): it was taken off Central's registry.
	NotListed
)

var reasonNames = [...]string{
	"", "registered", "engine_recovered", "heartbeat_ok", "heartbeat_monitoring",
	"engine_failure", "heartbeat_ko", "heartbeat_connection_error",
	"said_goodbye", "connection_lost", "silent", "central_restarted", "not_listed",
}

// String is the word used by the API and in the log; "" for NoReason.
func (r Reason) String() string { return reasonNames[r] }

// ParseReason reads the word of a Reason.
func ParseReason(s string) (Reason, bool) {
	i, ok := indexOf(reasonNames[:], s)
	return Reason(i), ok
}

func indexOf(names []string, s string) (int, bool) {
	for i, name := range names {
		if name == s {
			return i, true
		}
	}
	return 0, false
}
