package uplink

import (
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/metrics"
)

// What became of a report that was sent.
const (
	received      = iota // Central sent a receipt
	notTaken             // Central answered, but not with a receipt
	notRegistered        // Central does not know the Monitor, which registers and reports again
	unanswered           // no reply came in time, or there was no connection
)

var resultNames = [...]string{received: "received", notTaken: "not_taken", notRegistered: "not_registered", unanswered: "unanswered"}

func resultOf(reply SendResult) int {
	switch {
	case !reply.Received:
		return unanswered
	case reply.Verdict == Accepted:
		return received
	case reply.Verdict == NotRegistered:
		return notRegistered
	default:
		return notTaken
	}
}

// Figures are what an Uplink counts of its own work.
type Figures struct {
	Reports  []SentReports        // every pair there is
	Delivery metrics.Distribution // of first reports: from detection to Central's receipt
	Pending  int                  // reports without an answer
	GivenUp  uint64               // reports that the outbox gave up at its bound, before Central answered
	Sessions map[SessionPhase]int // charge points in each phase; all phases
}

// SentReports counts reports that were sent, repeats included.
type SentReports struct {
	Recovery bool
	Result   string // received, not_taken, not_registered or unanswered
	Count    uint64
}

// meter is what the sessions count and others read.
type meter struct {
	reports  [2][len(resultNames)]atomic.Uint64 // of failures, of recoveries
	givenUp  atomic.Uint64
	delivery *metrics.Histogram
}

func newMeter() *meter {
	const ms = time.Millisecond
	return &meter{delivery: metrics.NewHistogram(5*ms, 10*ms, 25*ms, 50*ms, 100*ms, 250*ms, 500*ms, 1000*ms, 2500*ms, 5000*ms,
		15*time.Second, time.Minute, 5*time.Minute, time.Hour)}
}

// reported counts one report.
func (m *meter) reported(report Outbound, result int, now evcp.Stamp) {
	kind := 0
	if report.Operation == ReportRecovery {
		kind = 1
	}
	m.reports[kind][result].Add(1)
	if result == received && report.Repeat == 0 && report.At != 0 {
		m.delivery.Observe(now.Sub(report.At))
	}
}

// Figures reads the counts. Any goroutine may call at any time.
func (u *Uplink) Figures() Figures {
	f := Figures{Delivery: u.meter.delivery.Read(), GivenUp: u.meter.givenUp.Load(), Sessions: make(map[SessionPhase]int, len(phaseNames))}
	for kind := range u.meter.reports {
		for result, name := range resultNames {
			f.Reports = append(f.Reports, SentReports{kind == 1, name, u.meter.reports[kind][result].Load()})
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	f.Pending = u.pending
	for phase, n := range u.phases {
		f.Sessions[SessionPhase(phase)] = n //nolint:gosec // there are four
	}
	return f
}
