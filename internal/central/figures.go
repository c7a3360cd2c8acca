package central

import (
	"cmp"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

// Figures are what Central counts of its own work, since it was made.
type Figures struct {
	Messages       map[wire.Verb]uint64 // understood, by verb
	Reports        []ReportCount        // every combination
	Incidents      map[cpstate.Reason]uint64
	Denied         uint64    // registrations
	Connections    int       // open now
	SilenceChecked time.Time // when silence was last looked for; zero before Serve
	DiskError      string    // why the state folder can't be written; "" while it can, or there is none
}

// ReportCount counts the reports of one kind with one reply, repeats included.
type ReportCount struct {
	Recovery      bool // else failure
	NotRegistered bool // the reply; else the receipt
	Count         uint64
}

// meter is counted by the connections and read by Figures.
type meter struct {
	messages       [wire.HealthCheck + 1]atomic.Uint64
	reports        [2][2]atomic.Uint64 // of failures, of recoveries: received, not registered
	denied         atomic.Uint64
	silenceChecked atomic.Pointer[time.Time]
	diskError      atomic.Pointer[string]
}

// count counts a message and its reply.
func (m *meter) count(verb wire.Verb, reply cpstate.Reply) {
	if int(verb) < len(m.messages) {
		m.messages[verb].Add(1)
	}
	if reply == cpstate.Denied {
		m.denied.Add(1)
	}
	refused := 0
	if !reply.Accepted() {
		refused = 1
	}
	switch verb {
	case wire.EngineFailure:
		m.reports[0][refused].Add(1)
	case wire.EngineRecovered:
		m.reports[1][refused].Add(1)
	}
}

// Figures reads the counts. Any goroutine may call it at any time.
func (c *Central) Figures() Figures {
	c.board.mu.Lock()
	incidents := maps.Clone(c.board.faultsBegun)
	c.board.mu.Unlock()
	f := Figures{Messages: map[wire.Verb]uint64{}, Incidents: incidents, Denied: c.meter.denied.Load()}
	for verb := wire.Registration; verb <= wire.Disconnect; verb++ {
		f.Messages[verb] = c.meter.messages[verb].Load()
	}
	for kind := range c.meter.reports {
		for refused := range c.meter.reports[kind] {
			f.Reports = append(f.Reports, ReportCount{kind == 1, refused == 1, c.meter.reports[kind][refused].Load()})
		}
	}
	if at := c.meter.silenceChecked.Load(); at != nil {
		f.SilenceChecked = *at
	}
	if why := c.meter.diskError.Load(); why != nil {
		f.DiskError = *why
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Connections = len(c.conns)
	return f
}

// StateCounts are how many charge points are in each state.
type StateCounts struct {
	Activated, Faulted, Disconnected int
	LastSeen                         time.Time // the last message of any
}

// Total is how many charge points are known.
func (n StateCounts) Total() int { return n.Activated + n.Faulted + n.Disconnected }

// Counts are how many charge points are in each state now.
func (c *Central) Counts() StateCounts {
	b := c.board
	b.mu.Lock()
	defer b.mu.Unlock()
	return StateCounts{b.counts[cpstate.Activated], b.counts[cpstate.Faulted], b.counts[cpstate.Disconnected], b.lastMessage}
}

// FaultedCP is a charge point that is faulted, and the reason.
type FaultedCP struct {
	CP     evcp.CPID
	Reason cpstate.Reason
}

// Faulted are the charge points that are faulted now, by id.
func (c *Central) Faulted() (all []FaultedCP) {
	c.board.mu.Lock()
	for id, p := range c.board.cps {
		if p.State == cpstate.Faulted {
			all = append(all, FaultedCP{CP: id, Reason: p.Reason})
		}
	}
	c.board.mu.Unlock()
	slices.SortFunc(all, func(x, y FaultedCP) int { return cmp.Compare(x.CP, y.CP) })
	return all
}
