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

// Receive takes one message of the charge point and gives the answer.
func (c Condition) Receive(m wire.Message, now time.Time) (Condition, string) {
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
		return c.heartbeat(m.Status, now), Received
	case wire.Disconnect:
		return c.changeState(Disconnected, SaidGoodbye, now), Received
	default:
		return c, UnknownMessage
	}
}

// register starts the habits anew: the Monitor may have been replaced by one
// that beats slower, or not at all.
func (c Condition) register(id evcp.CPID, now time.Time) Condition {
	if !c.Known() {
		c = Condition{ID: id, Registered: now}
	}
	c.LastSeen = now
	c.SendsHeartbeats, c.BeatSinceRegistration = c.BeatSinceRegistration, false
	c.LastHeartbeat, c.gaps = time.Time{}, [4]time.Duration{}
	if c.SendsHeartbeats {
		return c.resumed(Registered, now) // a fault stands: the next heartbeat will say
	}
	return c.activated(Registered, now)
}

func (c Condition) failed(now time.Time) Condition {
	if !c.Status.Failed() {
		c.Status = evcp.Unknown // the heartbeat that said OK is older than this
	}
	return c.faulted(EngineFailure, now)
}

func (c Condition) recovered(now time.Time) Condition {
	if c.Status.Failed() {
		c.Status = evcp.Unknown
	}
	return c.activated(EngineRecovered, now)
}

func (c Condition) heartbeat(said evcp.Status, now time.Time) Condition {
	c = c.learnGap(now)
	c.Status = said
	switch said {
	case evcp.OK:
		return c.activated(HeartbeatOK, now)
	case evcp.KO:
		return c.faulted(HeartbeatKO, now)
	case evcp.ConnectionError:
		return c.faulted(HeartbeatConnectionError, now)
	default:
		return c.resumed(HeartbeatMonitoring, now)
	}
}
