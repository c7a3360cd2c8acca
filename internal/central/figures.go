package central

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

// ReportResult is what Central answered to a report.
type ReportResult uint8

const (
	// ReportReceived: it was taken.
	ReportReceived ReportResult = iota
	// ReportNotRegistered: its Monitor has to register first.
	ReportNotRegistered
)

var resultNames = [...]string{"received", "not_registered"}

// String is the word used in metrics.
func (r ReportResult) String() string { return resultNames[min(int(r), len(resultNames)-1)] }

// Figures are what Central counts of its own work, since it was made.
type Figures struct {
	Messages       map[wire.Verb]uint64 // understood, by what they say
	Reports        []ReportCount        // every pair there is
	Incidents      map[cpstate.Reason]uint64
	Denied         uint64    // registrations
	Connections    int       // open now
	SilenceChecked time.Time // when silence was last looked for; zero before Serve
	DiskError      string    // why the state folder can't be written; "" while it can, or there is none
}

// ReportCount counts reports that were heard, repeats included.
type ReportCount struct {
	Recovery bool
	Result   ReportResult
	Count    uint64
}

// meter is what the sessions and the board count and others read.
type meter struct {
	messages       [wire.HealthCheck + 1]atomic.Uint64
	reports        [2][len(resultNames)]atomic.Uint64 // of failures, of recoveries
	denied         atomic.Uint64
	silenceChecked atomic.Pointer[time.Time]
	diskError      atomic.Pointer[string]
}

// count counts a message and its answer.
func (m *meter) count(verb wire.Verb, reply string, denied bool) {
	if int(verb) < len(m.messages) {
		m.messages[verb].Add(1)
	}
	if denied {
		m.denied.Add(1)
	}
	kind := 0
	switch verb {
	case wire.EngineFailure:
	case wire.EngineRecovered:
		kind = 1
	default:
		return
	}
	result := ReportReceived
	if !accepted(reply) {
		result = ReportNotRegistered
	}
	m.reports[kind][result].Add(1)
}

// Figures reads the counts. Any goroutine may call at any time.
func (c *Central) Figures() Figures {
	f := Figures{Messages: map[wire.Verb]uint64{}, Incidents: c.board.incidents(), Denied: c.meter.denied.Load()}
	for verb := wire.Registration; verb <= wire.Disconnect; verb++ {
		f.Messages[verb] = c.meter.messages[verb].Load()
	}
	for kind := range c.meter.reports {
		for result := range resultNames {
			f.Reports = append(f.Reports, ReportCount{kind == 1, ReportResult(result), c.meter.reports[kind][result].Load()})
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

// FaultedCP is a charge point that is faulted, and what brought it.
type FaultedCP struct {
	CP     evcp.CPID
	Reason cpstate.Reason
}

// Faulted are those that are faulted now, by id.
func (c *Central) Faulted() []FaultedCP {
	all := c.board.faulted()
	slices.SortFunc(all, func(x, y FaultedCP) int { return cmp.Compare(x.CP, y.CP) })
	return all
}

func (b *board) faulted() (all []FaultedCP) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, p := range b.cps {
		if p.State == cpstate.Faulted {
			all = append(all, FaultedCP{CP: id, Reason: p.Reason})
		}
	}
	return all
}

func (b *board) incidents() map[cpstate.Reason]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[cpstate.Reason]uint64, len(b.faultsBegun))
	for reason, n := range b.faultsBegun {
		all[reason] = n
	}
	return all
}
