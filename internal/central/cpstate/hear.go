package cpstate

import (
	"time"

	"evcp"
	"evcp/internal/wire"
)

// The words of Central's answers.
const (
	Authenticated    = "Authentication successful"
	FailureReceived  = "Failure report received"
	RecoveryReceived = "Recovery report received"
	Received         = "OK"
	NotRegistered    = "KO not registered"
	UnknownMessage   = "KO unknown message"
)

// Denied is the answer to the registration of a charge point that is not listed.
func Denied(id evcp.CPID) string {
	return "Authentication denied: unknown charging point " + string(id)
}

// Hear takes one message of the charge point and gives the answer.
func (c CP) Hear(m wire.Message, now time.Time) (CP, string) {
	switch {
	case m.Verb == wire.MonitorConnection || m.Verb == wire.HealthCheck:
		return c, UnknownMessage // words for an Engine
	case m.Verb == wire.Registration:
		return c.register(m.CP, now), Authenticated
	case !c.Known():
		return c, NotRegistered
	}
	c.LastSeen = now
	switch m.Verb {
	case wire.EngineFailure:
		return c.failed(now), FailureReceived
	case wire.EngineRecovered:
		return c.recovered(now), RecoveryReceived
	case wire.Heartbeat:
		return c.beat(m.Status, now), Received
	case wire.Disconnect:
		return c.enter(Disconnected, SaidGoodbye, now), Received
	default:
		return c, UnknownMessage
	}
}

// register starts the habits anew: the Monitor may have been replaced by one
// that beats slower, or not at all.
func (c CP) register(id evcp.CPID, now time.Time) CP {
	if !c.Known() {
		c = CP{ID: id, Registered: now}
	}
	c.LastSeen = now
	c.Habit, c.Beats = c.Beats, false
	c.Beat, c.gaps = time.Time{}, [4]time.Duration{}
	if c.Habit {
		return c.resume(Registered, now) // a fault stands: the next heartbeat will say
	}
	return c.activate(Registered, now)
}

func (c CP) failed(now time.Time) CP {
	if !c.Status.Failed() {
		c.Status = evcp.Unknown // the heartbeat that said OK is older than this
	}
	return c.fault(EngineFailure, now)
}

func (c CP) recovered(now time.Time) CP {
	if c.Status.Failed() {
		c.Status = evcp.Unknown
	}
	return c.activate(EngineRecovered, now)
}

func (c CP) beat(said evcp.Status, now time.Time) CP {
	c = c.pulse(now)
	c.Status = said
	switch said {
	case evcp.OK:
		return c.activate(HeartbeatOK, now)
	case evcp.KO:
		return c.fault(HeartbeatKO, now)
	case evcp.ConnectionError:
		return c.fault(HeartbeatConnectionError, now)
	default:
		return c.resume(HeartbeatMonitoring, now)
	}
}
