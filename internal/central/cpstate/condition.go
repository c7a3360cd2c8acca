// Package cpstate decides the state of one charge point as Central shows it.
// Messages and times go in; the next Condition and the Reply come out. It opens no
// socket and reads no clock.
//
// The rules, in order of precedence:
//
//   - The Monitor's report decides. ENGINE_FAILURE and a heartbeat KO or
//     CONNECTION_ERROR make the charge point faulted; ENGINE_RECOVERED and a
//     heartbeat OK make it activated. A heartbeat MONITORING carries no verdict and
//     leaves the state as it was.
//   - A fault outlasts a disconnection. A Monitor reports failures and recoveries in
//     order and at least once, so a charge point that was faulted, was disconnected
//     and sends again is faulted since the first moment, until its Monitor reports
//     otherwise.
//   - A registration proves that the Monitor runs; it says nothing about the Engine.
//     It clears a fault only where nothing else would: the first Monitors send
//     neither heartbeats nor recoveries. Where a heartbeat was ever received, it
//     clears none.
//   - Only a charge point that sends heartbeats can be silent. It is given three of
//     its own usual gaps. One that sends none keeps its state.
//   - A state that nothing supports any more is unverified: no message for a minute
//     from a charge point that sends no heartbeats, or heartbeats MONITORING alone
//     for a minute or more than ten in a row.
package cpstate

import (
	"time"

	"evcp"
	"evcp/internal/wire"
)

// Condition is what Central knows of one charge point. The zero Condition is
// unregistered. It is a value: a method that changes something returns the changed
// copy.
type Condition struct {
	ID         evcp.CPID
	State      Availability
	Reason     Reason
	Since      time.Time   // when State began
	Registered time.Time   // its first registration
	LastSeen   time.Time   // its last message of any kind
	Status     evcp.Status // of its last heartbeat; Unknown if there was none, or a later report contradicts it
	Fault      OpenFault   // the fault that no recovery has closed; zero if there is none

	Unverified      Unverified // why nothing supports State any more
	Monitoring      int        // heartbeats MONITORING in a row
	MonitoringSince time.Time  // the first of them; zero if there is none

	EverSentHeartbeats    bool      // at any time
	SendsHeartbeats       bool      // since its last registration or the one before
	BeatSinceRegistration bool      // since its last registration
	LastHeartbeat         time.Time // since its last registration; zero if there was none

	Certified bool // it has sent with a certificate: without one it is refused from then on

	gaps [4]time.Duration // between its last heartbeats, newest first; 0 = not known
}

// OpenFault dates a fault across a disconnection.
type OpenFault struct {
	Since  time.Time
	Reason Reason
}

// Known reports whether the charge point has ever registered.
func (c Condition) Known() bool { return c.State != Unregistered }

// LastKnownFault is the fault that was open when the charge point was disconnected:
// nobody knows whether it is over. It is zero for one in another state, and for one
// that was taken off the registry.
func (c Condition) LastKnownFault() OpenFault {
	if c.State != Disconnected || c.Reason == NotListed {
		return OpenFault{}
	}
	return c.Fault
}

// FaultCause is what is wrong with the Engine, as far as the Monitor reported it: the
// newest heartbeat where it says so, else what opened the fault. NoReason without a
// fault.
func (c Condition) FaultCause() Reason {
	switch {
	case c.Fault == (OpenFault{}):
		return NoReason
	case c.Status == evcp.KO:
		return HeartbeatKO
	case c.Status == evcp.ConnectionError:
		return HeartbeatConnectionError
	}
	return c.Fault.Reason
}

// Receive takes one message of the charge point and decides the reply.
func (c Condition) Receive(m wire.Message, now time.Time) (Condition, Reply) {
	switch {
	case m.Verb == wire.MonitorConnection || m.Verb == wire.HealthCheck:
		return c, UnknownMessage // these are for an Engine
	case m.Verb == wire.Registration:
		return c.register(m.CP, now), Authenticated
	case !c.Known():
		return c, NotRegistered
	}
	c = c.seen(now)
	switch m.Verb {
	case wire.EngineFailure:
		return c.failureReported(now), FailureReceived
	case wire.EngineRecovered:
		return c.recoveryReported(now), RecoveryReceived
	case wire.Heartbeat:
		return c.heartbeat(m.Status, now), Received
	case wire.Disconnect:
		return c.changeState(Disconnected, SaidGoodbye, now), Received
	default:
		return c, UnknownMessage
	}
}

// register starts to learn the heartbeats anew: the Monitor may have been replaced
// by one that sends them less often, or not at all.
func (c Condition) register(id evcp.CPID, now time.Time) Condition {
	if !c.Known() {
		c = Condition{ID: id, Registered: now}
	}
	c = c.seen(now)
	c.SendsHeartbeats = c.BeatSinceRegistration
	c = c.resetHeartbeats(false)
	if c.EverSentHeartbeats {
		return c.resumed(Registered, now) // keeps a fault: the next heartbeat decides
	}
	return c.activated(Registered, now)
}

// seen notes a message of any kind.
func (c Condition) seen(now time.Time) Condition {
	c.LastSeen = now
	if c.Unverified == NoMessage {
		c.Unverified = Verified
	}
	return c
}

func (c Condition) resetHeartbeats(sinceRegistration bool) Condition {
	c.BeatSinceRegistration, c.LastHeartbeat, c.gaps = sinceRegistration, time.Time{}, [4]time.Duration{}
	return c
}

func (c Condition) failureReported(now time.Time) Condition {
	c = c.outcomeReported()
	if !c.Status.Failed() {
		c.Status = evcp.Unknown // a heartbeat OK is older than this report
	}
	return c.faulted(EngineFailure, now)
}

func (c Condition) recoveryReported(now time.Time) Condition {
	c = c.outcomeReported()
	if c.Status.Failed() {
		c.Status = evcp.Unknown
	}
	return c.activated(EngineRecovered, now)
}

func (c Condition) heartbeat(status evcp.Status, now time.Time) Condition {
	c = c.learnGap(now)
	c.Status = status
	if status != evcp.Monitoring {
		c = c.outcomeReported()
	}
	switch status {
	case evcp.OK:
		return c.activated(HeartbeatOK, now)
	case evcp.KO:
		return c.faulted(HeartbeatKO, now)
	case evcp.ConnectionError:
		return c.faulted(HeartbeatConnectionError, now)
	default:
		return c.resumed(HeartbeatMonitoring, now).monitoring(now)
	}
}

// outcomeReported notes news of the Engine.
func (c Condition) outcomeReported() Condition {
	c.Unverified, c.Monitoring, c.MonitoringSince = Verified, 0, time.Time{}
	return c
}

const (
	// maxMonitoring and maxUnverifiedWait are how many heartbeats MONITORING in a row,
	// and how long, are no reason for doubt: a Monitor has its first outcome after one
	// check, and then at each check.
	maxMonitoring     = 10
	maxUnverifiedWait = time.Minute
)

// monitoring counts a heartbeat MONITORING.
func (c Condition) monitoring(now time.Time) Condition {
	if c.Monitoring++; c.Monitoring == 1 {
		c.MonitoringSince = now
	}
	if c.Monitoring > maxMonitoring || now.Sub(c.MonitoringSince) > maxUnverifiedWait {
		c.Unverified = NoOutcome
	}
	return c
}

// changeState enters a state. Where it is the present one nothing changes, so the
// reason stays what first led there.
func (c Condition) changeState(s Availability, why Reason, now time.Time) Condition {
	if c.State == s {
		return c
	}
	c.State, c.Reason, c.Since = s, why, now
	if s == Disconnected { // says itself that nothing is known
		c = c.outcomeReported()
	}
	return c
}

func (c Condition) activated(why Reason, now time.Time) Condition {
	c.Fault = OpenFault{}
	return c.changeState(Activated, why, now)
}

// faulted opens a fault, or resumes the one that was open before a disconnection.
func (c Condition) faulted(why Reason, now time.Time) Condition {
	if c.Fault == (OpenFault{}) {
		c.Fault = OpenFault{Since: now, Reason: why}
	}
	return c.changeState(Faulted, c.Fault.Reason, c.Fault.Since)
}

// resumed leaves Disconnected without news of the Engine.
func (c Condition) resumed(why Reason, now time.Time) Condition {
	switch {
	case c.State != Disconnected && c.Known():
		return c
	case c.Fault != (OpenFault{}):
		return c.faulted(c.Fault.Reason, now)
	default:
		return c.activated(why, now)
	}
}
