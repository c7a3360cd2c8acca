package eventlog

import (
	"fmt"

	"evcp"
	"evcp/internal/display"
	"evcp/internal/logtext"
)

// words are the sentences for what the log is silent about, so that another
// language is another table. The verbs stand in the order of the call.
type words struct {
	check     string // what, how fast
	connected string // the Engine's words
	registers string
	began     string // which version
	stopped   string // why
	accepted  string // Central's words
}

var english = words{
	check:     "%s in %s",
	connected: `connected to the Engine: "%s"`,
	registers: "asks Central for registration",
	began:     "a Monitor began to watch, version %s",
	stopped:   "the Monitor stopped: %s",
	accepted:  `accepted by Central: "%s"`,
}

// small tells what the log does not: one more OK at debug level, and what begins
// and ends.
func small(e evcp.Event) logtext.LogLine {
	switch e.Action {
	case evcp.HealthCheck:
		return logtext.LogLine{Level: logtext.Debug, Shape: shapeOf(e.Status), Text: fmt.Sprintf(english.check, e.Status, display.Milliseconds(e.Latency))}
	case evcp.ConnectedToEngine:
		return logtext.LogLine{Level: logtext.Debug, Text: fmt.Sprintf(english.connected, e.Response)}
	case evcp.RegisterToCentral:
		return logtext.LogLine{Level: logtext.Debug, Text: english.registers}
	case evcp.MonitorStarted:
		return logtext.LogLine{Text: fmt.Sprintf(english.began, e.Version)}
	case evcp.MonitorStopped:
		return logtext.LogLine{Text: fmt.Sprintf(english.stopped, e.Reason)}
	case evcp.AuthenticatedWithCentral:
		return logtext.LogLine{Shape: display.Reported, Text: fmt.Sprintf(english.accepted, e.Response)}
	}
	return logtext.LogLine{Level: logtext.Debug, Text: e.Action.String()}
}

func shapeOf(s evcp.Status) display.Shape {
	if s.Failed() {
		return display.Failed
	}
	return display.Up
}
