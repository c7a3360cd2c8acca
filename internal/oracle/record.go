// Package oracle decides whether a Monitor told the truth while everything around
// it, and it itself, was made to fail. It knows nothing of how a Monitor works.
//
// It reads three things only: what the Engines truly did (Questions, and the
// Engine and link windows), what Central received and what answer came back
// (Messages), and what the topic holds (Entries); and the times at which the
// Monitor could not watch, since somebody had stopped or ended it. From these it
// finds every event that has no ground, and every ground that has no event.
//
// What a Monitor says of itself (monitor_stalled, a check that took long) excuses
// lateness and nothing else, and is counted in Verdict.Told, so that a Monitor
// that excuses itself too often is seen.
//
// It is pure: a Record goes in and a Verdict comes out. All moments are of one
// wall clock that nobody set meanwhile.
package oracle

import (
	"time"

	"evcp"
	"evcp/internal/wire"
)

// Rules are the promises, at the pace at which they were tried.
type Rules struct {
	Interval    time.Duration
	Timeout     time.Duration
	Fall        int
	ReportEvery time.Duration // 0 = never
	// Ready is what a Monitor may need from the start of its process to its first
	// check: the program, Central's word and the Engine's greeting.
	Ready time.Duration
}

// Fixed bounds: no interval makes them shorter.
const (
	grace     = evcp.DefaultGrace
	answerFor = 3 * time.Second // Central may take so long
	backoff   = 5 * time.Second // and is tried again so long after
	// a question that came to nothing, since the Monitor stood still meanwhile, is
	// put again so long after
	firstBackoff = 500 * time.Millisecond
	commit       = 150 * time.Millisecond // kept by then: 100 ms, and a commit
	tooLate      = 150 * time.Millisecond // a check later than this is late
	slack        = 20 * time.Millisecond  // between clocks that two processes read
	tardy        = 500 * time.Millisecond // a report with nothing in its way
)

// Trace is all that the oracle reads.
type Trace struct {
	Rules  Rules
	From   evcp.Stamp // everybody was up
	To     evcp.Stamp // the Monitors were asked to stop
	CPs    []CPTrace
	Shared []Window // what befell everybody
}

// CPTrace is what is known of one charge point. Two Monitors that speak for one id are
// two of them, each with its own Engine, links and events; no event_id of theirs
// may have two contents.
type CPTrace struct {
	ID           evcp.CPID
	Behaviours   []EngineBehaviour // in order; the first from the beginning
	Windows      []Window
	EngineChecks []EngineCheck    // in order of Asked
	Messages     []CentralMessage // in order of Came
	Records      []TopicRecord    // in order of the topic
	Shown        string           // Central's word for it at the end; "" when nobody asked
}

// Expectation is what an Engine, or the link to it, makes of a check.
type Expectation uint8

const (
	// ExpectOK: every check in time is OK.
	ExpectOK Expectation = iota
	// ExpectFailure: no check is.
	ExpectFailure
	// ExpectEither: some are, or nobody can say.
	ExpectEither
)

// EngineBehaviour is what an Engine does from At on.
type EngineBehaviour struct {
	At     evcp.Stamp
	Name   string
	Expect Expectation   // what its answers say, however late they come
	Delay  time.Duration // before each answer
	Shut   bool          // it does not listen
}

// WindowKind says what a Window does.
type WindowKind uint8

const (
	// EngineLink: the link to the Engine fails. Health, Delay.
	EngineLink WindowKind = iota + 1
	// CentralLink: the link to Central fails. Delay, if it only slows.
	CentralLink
	// CentralDown: Central was stopped, killed or not yet started again.
	CentralDown
	// MonitorPaused: the Monitor's process stood still.
	MonitorPaused
	// MonitorDown: there was no Monitor. Killed, if it had no time to keep anything.
	MonitorDown
	// DiskFailing: events were in memory only; a kill loses them.
	DiskFailing
	// CPUBusy: other processes wanted all the CPU there is.
	CPUBusy
	// HarnessStalled: the process with the Engines and links stood still itself.
	HarnessStalled
	// StateMoved: between two runs of the Monitor its state was deleted, or taken
	// to another Monitor: a new numbering begins.
	StateMoved
)

// Window is a time in which something was not as it should be.
type Window struct {
	Kind     WindowKind
	From, To evcp.Stamp
	Expect   Expectation   // EngineLink
	Delay    time.Duration // EngineLink: on a question and its answer together
	Killed   bool          // Down
}

// EngineCheck is one health check as the Engine saw it.
type EngineCheck struct {
	Received, Done evcp.Stamp
	Reply          string // every byte that was sent; "" for silence
	Partial        string // what it had said when it fell silent in the middle of Answer; "": it did not
}

// CentralMessage is what the Monitor sent to Central and what came of it. 0 is never.
type CentralMessage struct {
	Verb      wire.Verb
	Sent      evcp.Stamp // from the Monitor
	Forwarded evcp.Stamp // to Central
	Answered  evcp.Stamp // by Central
	Returned  evcp.Stamp // the answer, to the Monitor
	Closed    evcp.Stamp // the Monitor hung up
}

// delivered reports whether the answer reached a Monitor that still listened.
func (m CentralMessage) delivered() bool {
	return m.Returned != 0 && (m.Closed == 0 || m.Returned < m.Closed) && m.Returned.Sub(m.Sent) < answerFor-200*time.Millisecond
}

// TopicRecord is one record of the topic, as its bytes are.
type TopicRecord struct{ Raw string }
