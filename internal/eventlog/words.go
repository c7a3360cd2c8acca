package eventlog

import (
	"fmt"
	"log/slog"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/tell"
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
func small(e evcp.Event) tell.Line {
	switch e.Action {
	case evcp.HealthCheck:
		return tell.Line{Level: slog.LevelDebug, Shape: shapeOf(e.Status), Text: fmt.Sprintf(english.check, e.Status, console.Ms(e.Latency))}
	case evcp.ConnectedToEngine:
		return tell.Line{Level: slog.LevelDebug, Text: fmt.Sprintf(english.connected, e.Response)}
	case evcp.RegisterToCentral:
		return tell.Line{Level: slog.LevelDebug, Text: english.registers}
	case evcp.MonitorStarted:
		return tell.Line{Text: fmt.Sprintf(english.began, e.Version)}
	case evcp.MonitorStopped:
		return tell.Line{Text: fmt.Sprintf(english.stopped, e.Reason)}
	case evcp.AuthenticatedWithCentral:
		return tell.Line{Shape: console.Told, Text: fmt.Sprintf(english.accepted, e.Response)}
	}
	return tell.Line{Level: slog.LevelDebug, Text: e.Action.String()}
}

func shapeOf(s evcp.Status) console.Shape {
	if s.Failed() {
		return console.Failed
	}
	return console.Up
}
