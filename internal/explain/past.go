package explain

import (
	"slices"

	"evcp"
	"evcp/internal/wire"
)

// How much of a charge point's past the document has.
const (
	recentChecks   = 20
	recentMessages = 10
)

// Past is what the newest events say of one charge point.
type Past struct {
	Checks   []CheckStatus
	Answered []MessageStatus
}

// Full reports whether older events add nothing.
func (p *Past) Full() bool { return len(p.Checks) == recentChecks && len(p.Answered) == recentMessages }

// Wants reports whether an event with this action may still be added.
func (p *Past) Wants(a evcp.Action) bool {
	if a == evcp.HealthCheck {
		return len(p.Checks) < recentChecks
	}
	return len(p.Answered) < recentMessages
}

// Add takes an event over, the newest first, if it is wanted and there is room.
func (p *Past) Add(e evcp.Event) {
	if !p.Wants(e.Action) {
		return
	}
	if e.Action == evcp.HealthCheck {
		p.Checks = append(p.Checks, CheckStatus{
			At: Moment(e.At), Status: e.Status.String(), Cause: e.Cause.String(), Detail: e.Cause.Detail(),
			LatencyMS: Millis(e.Latency), Response: e.Response, Failures: e.Failures,
		})
	} else if message := answeredMessage(e); message != "" {
		p.Answered = append(p.Answered, MessageStatus{
			At: Moment(e.At), Message: message, Repeat: e.Repeat, Answered: true, Answer: e.Response, LatencyMS: Millis(e.Latency),
		})
	}
}

// answeredMessage is the message to which Central's answer is this event; "" for
// other events.
func answeredMessage(e evcp.Event) string {
	switch e.Action {
	case evcp.AuthenticatedWithCentral, evcp.RegistrationRejected:
		return wire.Registration.String()
	case evcp.ReportEngineFailure:
		return wire.EngineFailure.String()
	case evcp.ReportEngineRecovery:
		return wire.EngineRecovered.String()
	}
	return ""
}

// SetPast puts what was added into the document, the oldest first, where the document does not
// reach back further.
func (c *ChargePointStatus) SetPast(p Past) {
	if len(p.Checks) >= len(c.Checks) {
		c.Checks = reversed(p.Checks)
	}
	if len(p.Answered) >= len(c.Central.Answered) {
		c.Central.Answered = reversed(p.Answered)
	}
}

// reversed is all in the other order, and never null in JSON.
func reversed[T any](all []T) []T {
	all = append([]T{}, all...)
	slices.Reverse(all)
	return all
}
