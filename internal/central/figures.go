package central

import (
	"maps"
	"time"

	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

// Figures are what Central counts of its own work, since it was made.
type Figures struct {
	Answers          map[Answer]uint64        // to messages that were understood
	Refused          map[cpstate.Reply]uint64 // messages of any kind: OtherCertificate, CertificateNeeded
	Incidents        map[cpstate.Reason]uint64
	Connections      int       // open now
	HandshakesFailed uint64    // of TLS
	ConnectionsCut   uint64    // whose certificate is not accepted any more
	SilenceChecked   time.Time // when silence was last looked for; zero before Serve
	LogLost          uint64    // log lines that nobody read or that could not be written
	DiskError        string    // why the state folder can't be written; "" while it can, or there is none
}

// Answer is the verb of a message and the reply to it.
type Answer struct {
	Verb  wire.Verb
	Reply cpstate.Reply
}

// Figures reads the counts. Any goroutine may call it at any time.
func (c *Central) Figures() Figures {
	c.mu.Lock()
	connections := len(c.conns)
	c.mu.Unlock()
	c.board.mu.Lock()
	defer c.board.mu.Unlock()
	f := c.board.figures
	f.Answers, f.Refused, f.Incidents, f.Connections = maps.Clone(f.Answers), maps.Clone(f.Refused), maps.Clone(f.Incidents), connections
	if c.o.LogLost != nil {
		f.LogLost = c.o.LogLost()
	}
	return f
}

func (b *board) setFigures(set func(*Figures)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	set(&b.figures)
}

// StateCounts are how many charge points are in each state.
type StateCounts struct {
	Activated, Faulted, Disconnected int
	Expected                         int       // in the registry, and never registered
	Unverified                       int       // activated or faulted ones that nothing supports
	LastKnownFaulted                 int       // disconnected ones whose fault was never reported as over
	LastSeen                         time.Time // the last message of any
}

// Total is how many charge points are known.
func (n StateCounts) Total() int { return n.Activated + n.Faulted + n.Disconnected }

// Counts are how many charge points are in each state now.
func (c *Central) Counts() StateCounts {
	b := c.board
	b.mu.Lock()
	defer b.mu.Unlock()
	return StateCounts{
		Activated: b.counts[cpstate.Activated], Faulted: b.counts[cpstate.Faulted], Disconnected: b.counts[cpstate.Disconnected],
		Expected: b.counts[cpstate.Unregistered], Unverified: b.unverified, LastKnownFaulted: b.lastFaulted, LastSeen: b.lastMessage,
	}
}
