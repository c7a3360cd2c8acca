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

// Record is all that the oracle reads.
type Record struct {
	Rules  Rules
	From   evcp.Stamp // everybody was up
	To     evcp.Stamp // the Monitors were asked to stop
	CPs    []CP
	Shared []Window // what befell everybody
}

// CP is what is known of one charge point. Two Monitors that speak for one id are
// two of them, each with its own Engine, links and events; no event_id of theirs
// may have two contents.
type CP struct {
	ID         evcp.CPID
	Behaviours []Behaviour // in order; the first from the beginning
	Windows    []Window
	Questions  []Question // in order of Asked
	Messages   []Message  // in order of Came
	Entries    []Entry    // in order of the topic
	Shown      string     // Central's word for it at the end; "" when nobody asked
}

// Health is what an Engine, or the link to it, makes of a check.
type Health uint8

const (
	// Well: every check in time is OK.
	Well Health = iota
	// Sick: no check is.
	Sick
	// Mixed: some are, or nobody can say.
	Mixed
)

// Behaviour is what an Engine does from At on.
type Behaviour struct {
	At    evcp.Stamp
	Name  string
	Words Health        // what its answers say, however late they come
	Delay time.Duration // before each answer
	Shut  bool          // it does not listen
}

// Kind says what a Window does.
type Kind uint8

const (
	// EngineLink: the link to the Engine fails. Health, Delay.
	EngineLink Kind = iota + 1
	// CentralLink: the link to Central fails. Delay, if it only slows.
	CentralLink
	// CentralAway: Central was stopped, killed or not yet started again.
	CentralAway
	// Stopped: the Monitor's process stood still.
	Stopped
	// Down: there was no Monitor. Killed, if it had no time to keep anything.
	Down
	// DiskRefuses: events were in memory only; a kill loses them.
	DiskRefuses
	// Hogs: other processes wanted all the CPU there is.
	Hogs
	// BenchStood: the process with the Engines and links stood still itself.
	BenchStood
	// StateMoved: between two runs of the Monitor its state was deleted, or taken
	// to another Monitor: a new numbering begins.
	StateMoved
)

// Window is a time in which something was not as it should be.
type Window struct {
	Kind     Kind
	From, To evcp.Stamp
	Health   Health        // EngineLink
	Delay    time.Duration // EngineLink: on a question and its answer together
	Killed   bool          // Down
}

// Question is one health check as the Engine saw it.
type Question struct {
	Asked, Done evcp.Stamp
	Answer      string // every byte that was sent; "" for silence
	Part        string // what it had said when it fell silent in the middle of Answer; "": it did not
}

// Message is what the Monitor sent to Central and what came of it. 0 is never.
type Message struct {
	Verb     wire.Verb
	Came     evcp.Stamp // from the Monitor
	Passed   evcp.Stamp // to Central
	Answered evcp.Stamp // by Central
	Told     evcp.Stamp // the answer, to the Monitor
	Left     evcp.Stamp // the Monitor hung up
}

// delivered reports whether the answer reached a Monitor that still listened.
func (m Message) delivered() bool {
	return m.Told != 0 && (m.Left == 0 || m.Told < m.Left) && m.Told.Sub(m.Came) < answerFor-200*time.Millisecond
}

// Entry is one record of the topic, as its bytes are.
type Entry struct{ Raw string }
