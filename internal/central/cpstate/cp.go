// Package standing decides what Central believes of one charge point. Messages
// and moments go in, the next CP and the words of the answer come out; it opens
// no socket and reads no clock.
//
// The rules, in the order in which they win:
//
//   - A Monitor's word is believed: ENGINE_FAILURE and a heartbeat KO or
//     CONNECTION_ERROR make the charge point faulted, ENGINE_RECOVERED and a
//     heartbeat OK make it activated. A heartbeat MONITORING says that there is
//     no verdict yet and leaves the state as it was.
//   - A fault is not forgotten because nobody was heard for a while. A Monitor
//     tells failures and recoveries in order and at least once, so a charge point
//     that was faulted, went silent and is heard again is faulted since the first
//     moment, until its Monitor says otherwise.
//   - A registration says that the Monitor lives, not how the Engine is. It clears
//     a fault only where nothing else ever would: the first Monitors send neither
//     heartbeats nor recoveries.
//   - Silence needs a habit. A charge point that sends no heartbeats keeps its
//     state, and its age is shown; one that does is given three of its own usual
//     gaps.
package cpstate

import (
	"time"

	"evcp"
)

// Condition is what Central believes of one charge point. The zero CP is unregistered.
// It is a value: a method that changes something returns the changed copy.
type Condition struct {
	ID                    evcp.CPID
	State                 Availability
	Reason                Reason
	Since                 time.Time   // when State began
	Registered            time.Time   // its first registration
	LastSeen              time.Time   // its last word of any kind
	Status                evcp.Status // what its last heartbeat said; Unknown if none did, or a report says otherwise since
	Fault                 OpenFault   // the fault that was never taken back; zero if there is none
	SendsHeartbeats       bool        // sent heartbeats since its last registration or the one before
	BeatSinceRegistration bool        // sent heartbeats since its last registration
	LastHeartbeat         time.Time   // the last heartbeat since then; zero if there was none
	gaps                  [4]time.Duration
}

// OpenFault dates a failure across a time in which nobody was heard.
type OpenFault struct {
	Since  time.Time
	Reason Reason
}

// Known reports whether the charge point has ever registered.
func (c Condition) Known() bool { return c.State != Unregistered }

// changeState moves to a state; entering the present one changes nothing, so that the
// reason stays what first led there.
func (c Condition) changeState(s Availability, why Reason, now time.Time) Condition {
	if c.State == s {
		return c
	}
	c.State, c.Reason, c.Since = s, why, now
	return c
}

func (c Condition) activated(why Reason, now time.Time) Condition {
	c.Fault = OpenFault{}
	return c.changeState(Activated, why, now)
}

// faulted opens a fault, or finds the one that was open before nobody was heard.
func (c Condition) faulted(why Reason, now time.Time) Condition {
	if c.Fault == (OpenFault{}) {
		c.Fault = OpenFault{Since: now, Reason: why}
	}
	return c.changeState(Faulted, c.Fault.Reason, c.Fault.Since)
}

// resumed returns from disconnected without news of the Engine.
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
