package monitor

import (
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/metrics"
)

// Figures are what a Monitor counts of its own work, since it was made.
type Figures struct {
	Checks     []Checks // every pair that usual names, and every other that occurred
	Incidents  []Incidents
	Missed     uint64        // ticks that passed without a check
	Stalls     uint64        // as many as monitor_stalled events
	StalledFor time.Duration // sum of the stalls
	Duration   metrics.Distribution
	Lateness   metrics.Distribution // from a tick to its check
	Last       time.Time            // when a check was last completed; zero before the first
	Next       time.Time            // the next tick
}

// Checks counts checks of one outcome.
type Checks struct {
	Status evcp.Status
	Cause  evcp.Cause
	Count  uint64
}

// Incidents counts incidents that one cause opened.
type Incidents struct {
	Cause evcp.Cause
	Count uint64
}

// meter counts. Run writes it, other goroutines read it. A moment is stored as the time
// since born by the monotonic clock.
type meter struct {
	born              time.Time
	begun, last, next atomic.Int64 // 0: never
	checks            [evcp.Monitoring + 1][evcp.LastCause + 1]atomic.Uint64
	incidents         [evcp.LastCause + 1]atomic.Uint64
	missed, stalls    atomic.Uint64
	stalledFor        atomic.Int64
	duration          *metrics.Histogram
	lateness          *metrics.Histogram
}

func (m *meter) start() {
	const ms = time.Millisecond
	m.born = time.Now()
	m.duration = metrics.NewHistogram(ms/4, ms/2, ms, 2*ms, 5*ms, 10*ms, 20*ms, 50*ms, 100*ms, 200*ms, 500*ms, 900*ms, 2000*ms, 5000*ms)
	m.lateness = metrics.NewHistogram(ms/10, ms/4, ms/2, ms, 2*ms, 5*ms, 10*ms, 20*ms, 50*ms, 100*ms)
}

func (m *meter) mark(to *atomic.Int64, t time.Time) { to.Store(int64(max(t.Sub(m.born), 1))) }

func (m *meter) moment(from *atomic.Int64) time.Time {
	since := from.Load()
	if since == 0 {
		return time.Time{}
	}
	return m.born.Add(time.Duration(since))
}

// checked counts a completed check.
func (m *meter) checked(at time.Time, o evcp.Outcome) {
	m.checks[o.Status][o.Cause].Add(1)
	if o.Status.Countable() {
		m.duration.Observe(o.Latency)
	}
	m.mark(&m.last, at)
}

func (m *meter) stalled(gap time.Duration) {
	m.stalls.Add(1)
	m.stalledFor.Add(int64(gap))
}

// Figures reads the counts. Any goroutine may call it at any time.
func (m *Monitor) Figures() Figures {
	c := &m.meter
	f := Figures{
		Missed: c.missed.Load(), Stalls: c.stalls.Load(), StalledFor: time.Duration(c.stalledFor.Load()),
		Duration: c.duration.Read(), Lateness: c.lateness.Read(),
		Last: c.moment(&c.last), Next: c.moment(&c.next),
	}
	for status := evcp.Unknown; int(status) < len(c.checks); status++ {
		for cause := evcp.NoCause; int(cause) < len(c.incidents); cause++ {
			if n := c.checks[status][cause].Load(); n > 0 || usual(status, cause) {
				f.Checks = append(f.Checks, Checks{status, cause, n})
			}
		}
	}
	for cause := evcp.SaidKO; int(cause) < len(c.incidents); cause++ {
		if n := c.incidents[cause].Load(); n > 0 || cause <= evcp.Other || cause == evcp.TLS {
			f.Incidents = append(f.Incidents, Incidents{cause, n})
		}
	}
	return f
}

// Progress is when Run began, and when a check was last completed; each zero before
// that. Any goroutine may call it at any time.
func (m *Monitor) Progress() (begun, last time.Time) {
	return m.meter.moment(&m.meter.begun), m.meter.moment(&m.meter.last)
}

// usual names the outcomes that are shown before they occur. A counter that appears
// only with its first increment hides that increment from a rate in Prometheus.
func usual(s evcp.Status, c evcp.Cause) bool {
	switch s {
	case evcp.OK:
		return c == evcp.NoCause
	case evcp.KO:
		return c == evcp.SaidKO || c == evcp.Protocol
	case evcp.ConnectionError:
		return c >= evcp.Refused && c <= evcp.Other || c == evcp.TLS
	case evcp.Unknown:
		return c == evcp.Stalled || c == evcp.Slept || c.IsLocal()
	}
	return false
}

// NextCheck is when the charge point is checked next; zero before Run. Any goroutine
// may call it at any time.
func (m *Monitor) NextCheck(cp evcp.CPID) time.Time {
	if i, ok := m.index[cp]; ok {
		return m.meter.moment(&m.cps[i].next)
	}
	return time.Time{}
}

// Since is when the shown state of the charge point began, as far as this process
// knows: the first failed check of an open incident, the end of the last incident, or
// the first OK. Any goroutine may call it at any time.
func (m *Monitor) Since(cp evcp.CPID) evcp.Stamp {
	if i, ok := m.index[cp]; ok {
		return evcp.Stamp(m.cps[i].since.Load())
	}
	return 0
}

// count counts the incidents among the events of a judgement, and keeps what Since returns.
func (m *Monitor) count(c *monitoredCP) {
	for i := range m.events {
		switch e := &m.events[i]; {
		case e.Action == evcp.EngineFailed:
			m.meter.incidents[e.Cause].Add(1)
			c.since.Store(int64(e.Since))
		case e.Action == evcp.EngineRecovered:
			c.since.Store(int64(e.At))
		case e.Action == evcp.HealthCheck && e.Status == evcp.OK && c.since.Load() == 0:
			c.since.Store(int64(e.At))
		case e.Action == evcp.ClockStep && c.since.Load() != 0:
			c.since.Add(e.Span.Microseconds())
		}
	}
}
