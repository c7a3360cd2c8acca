// Package oracle decides whether a Monitor reported what happened, and no more, while
// the Monitor and everything around it was made to fail. It knows nothing of how a
// Monitor works.
//
// It reads a Trace: what the Engines did (EngineChecks, Behaviours and the windows of
// their links), what Central received and replied (Messages), what the topic holds
// (Records), and when the Monitor was paused or not running. From these it finds every
// event that nothing caused, and everything that should have caused an event and has
// none.
//
// What a Monitor records about itself (monitor_stalled, a check that took long) excuses
// lateness and nothing else. It is counted in Verification.SelfExcused, so that a
// Monitor that excuses itself too often is seen.
//
// Verify is pure: a Trace goes in and a Verification comes out. All moments are of one
// wall clock that was not set meanwhile.
package oracle

import (
	"time"

	"evcp"
	"evcp/internal/wire"
)

// Rules are the settings of the Monitor under test.
type Rules struct {
	Interval    time.Duration
	Timeout     time.Duration
	Fall        int
	ReportEvery time.Duration // 0 = never
	// Rechecks: after a first failure two checks come soon. One that is slow may run into the
	// next tick, which is not made up for.
	Rechecks bool
	// Ready is how long a Monitor may take from the start of its process to its first
	// check: to start, and to wait for Central and for the Engine's greeting.
	Ready time.Duration
	// Noticing is how long after its arrival a running Monitor may take notice of a reply. The
	// latency of a check ends with the arrival; its event is dated by it, or by the notice. 0: at
	// once.
	Noticing time.Duration
}

// Fixed bounds, whatever the interval.
const (
	grace        = evcp.DefaultGrace
	replyLimit   = 3 * time.Second        // how long the Monitor waits for Central's reply
	maxBackoff   = 5 * time.Second        // the longest wait before it tries Central again
	firstBackoff = 500 * time.Millisecond // the longest wait after a single failure
	commit       = 150 * time.Millisecond // from an event to its commit: 100 ms, and the commit itself
	maxLateness  = 150 * time.Millisecond // of a check
	reload       = 200 * time.Millisecond // from a changed fleet file to the last check of what it removes
	slowDisk     = 200 * time.Millisecond // after which a fact reaches the uplink uncommitted
	slack        = 20 * time.Millisecond  // between clock readings of two processes
	reportLimit  = 500 * time.Millisecond // from an event to its receipt, with nothing in the way
)

// Trace is all that the oracle reads.
type Trace struct {
	Rules  Rules
	From   evcp.Stamp // all parts were running
	To     evcp.Stamp // the Monitors were asked to stop
	CPs    []CPTrace
	Shared []Window // faults of all charge points
}

// CPTrace is what is known of one charge point. Two Monitors of one id have two of them,
// each with its own Engine, links and events; no event_id of theirs may have two
// contents.
type CPTrace struct {
	ID           evcp.CPID
	Behaviours   []EngineBehaviour // in order; the first from the beginning
	Windows      []Window
	EngineChecks []EngineCheck    // in order of Received
	Messages     []CentralMessage // in order of Sent
	Records      []string         // the values of the topic's records, in order
	Shown        string           // Central's state for it at the end; "" when it was not read
	History      *CentralHistory  // what Central has made of the events; nil when it was not read
}

// Expectation is what a check must result in, given what its Engine and link do. Of two
// causes that act on one check, the greater Expectation holds.
type Expectation uint8

const (
	// ExpectOK: every check is OK.
	ExpectOK Expectation = iota
	// ExpectEither: some checks fail, or it can't be known.
	ExpectEither
	// ExpectFailure: every check fails.
	ExpectFailure
)

// String is the state of an Engine in a Violation.
func (e Expectation) String() string { return [...]string{"OK", "either", "failing"}[e] }

// EngineBehaviour is what an Engine does from At on.
type EngineBehaviour struct {
	At     evcp.Stamp
	Name   string
	Expect Expectation   // of its replies, whatever their delay
	Delay  time.Duration // before each reply
	Shut   bool          // it does not listen
}

// WindowKind is the fault of a Window.
type WindowKind uint8

const (
	// EngineLink: the link to the Engine fails. Expect, Delay.
	EngineLink WindowKind = iota + 1
	// CentralLink: the link to Central fails. Delay, if it only slows.
	CentralLink
	// CentralDown: Central was frozen, or not running.
	CentralDown
	// MonitorPaused: the Monitor's process was stopped (SIGSTOP).
	MonitorPaused
	// MonitorDown: no Monitor was running. The last one may have had no time to commit.
	MonitorDown
	// DiskFailing: the disk refused or hung; events were in memory only.
	DiskFailing
	// MachineBusy: other processes used all CPUs, or the disk stood still.
	MachineBusy
	// HarnessStalled: the process with the Engines and links stalled.
	HarnessStalled
	// StateMoved: the Monitor's state was deleted, or between two processes taken to
	// another Monitor: a new epoch begins.
	StateMoved
	// OwnNetwork: the Monitor's machine had no network to the Engine, or its name server
	// failed or was slow. Checks may be late, missing or unknown; none may fail for it.
	OwnNetwork
	// Removed: the charge point was taken out of its fleet; a MonitorDown of the same time
	// says that nobody watched it. What Central was not told by then, it is not told any more.
	Removed
)

// Window is the time of one fault.
type Window struct {
	Kind     WindowKind
	From, To evcp.Stamp
	Expect   Expectation   // EngineLink
	Delay    time.Duration // EngineLink: of a check and its reply together
}

// EngineCheck is one health check as the Engine received it.
type EngineCheck struct {
	Received, Done evcp.Stamp
	Reply          string // every byte that was sent; "" for none
	Partial        string // the first part of Reply, when the rest came after a pause; "": all came at once
}

// CentralMessage is one message from the Monitor to Central. 0 is never.
type CentralMessage struct {
	Verb      wire.Verb
	Sent      evcp.Stamp // by the Monitor
	Forwarded evcp.Stamp // to Central, behind the link
	Answered  evcp.Stamp // by Central
	Returned  evcp.Stamp // the reply, to the Monitor
	Closed    evcp.Stamp // the Monitor closed the connection
}

// delivered reports whether the reply reached a Monitor that still waited for it.
func (m CentralMessage) delivered() bool {
	return m.Returned != 0 && (m.Closed == 0 || m.Returned < m.Closed) && m.Returned.Sub(m.Sent) < replyLimit-200*time.Millisecond
}
