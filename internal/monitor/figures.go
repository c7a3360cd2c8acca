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

// meter counts for one shard. Its lock guards it, which costs a check less than
// an atomic operation for each of them.
type meter struct {
	checks         [evcp.Monitoring + 1][evcp.LastCause + 1]uint64
	incidents      [evcp.LastCause + 1]uint64
	missed, stalls uint64
	stalledFor     time.Duration
	duration       metrics.Distribution
	lateness       metrics.Distribution
	last           time.Duration // when a check was last completed; 0: never
}

func newMeter() meter {
	const ms = time.Millisecond
	return meter{
		duration: metrics.NewDistribution(ms/4, ms/2, ms, 2*ms, 5*ms, 10*ms, 20*ms, 50*ms, 100*ms, 200*ms, 500*ms, 900*ms, 2000*ms, 5000*ms),
		lateness: metrics.NewDistribution(ms/10, ms/4, ms/2, ms, 2*ms, 5*ms, 10*ms, 20*ms, 50*ms, 100*ms),
	}
}

// checked counts a completed check.
func (c *meter) checked(at time.Duration, o evcp.Outcome) {
	c.checks[o.Status][o.Cause]++
	if o.Status.Countable() {
		c.duration.Observe(o.Latency)
	}
	c.last = max(c.last, at)
}

func (c *meter) stalled(gap time.Duration) {
	c.stalls++
	c.stalledFor += gap
}

// add counts the incidents among the events of a judgement, and keeps what Since returns.
func (c *meter) add(cp *monitoredCP, made []evcp.Event) {
	for i := range made {
		switch e := &made[i]; {
		case e.Action == evcp.EngineFailed:
			c.incidents[e.Cause]++
			cp.since = e.Since
		case e.Action == evcp.EngineRecovered:
			cp.since = e.At
		case e.Action == evcp.HealthCheck && e.Status == evcp.OK && cp.since == 0:
			cp.since = e.At
		case e.Action == evcp.ClockStep:
			cp.since = cp.since.Add(e.Span)
		}
	}
}

// addTo adds the counts to those of other shards.
func (c *meter) addTo(all *meter) {
	for status := range c.checks {
		for cause, n := range c.checks[status] {
			all.checks[status][cause] += n
		}
	}
	for cause, n := range c.incidents {
		all.incidents[cause] += n
	}
	all.missed += c.missed
	all.stalls += c.stalls
	all.stalledFor += c.stalledFor
	all.duration.Add(c.duration)
	all.lateness.Add(c.lateness)
	all.last = max(all.last, c.last)
}

// Figures reads the counts. Any goroutine may call it at any time.
func (m *Monitor) Figures() Figures {
	all := newMeter()
	var next time.Duration
	for _, s := range m.allShards() {
		s.mu.Lock()
		s.meter.addTo(&all)
		s.mu.Unlock()
		if at := time.Duration(s.progress.next.Load()); at != 0 && (next == 0 || at < next) {
			next = at
		}
	}
	f := Figures{
		Missed: all.missed, Stalls: all.stalls, StalledFor: all.stalledFor, Duration: all.duration, Lateness: all.lateness,
		Last: m.moment(all.last), Next: m.moment(next),
	}
	for status := evcp.Unknown; int(status) < len(all.checks); status++ {
		for cause := evcp.NoCause; int(cause) < len(all.incidents); cause++ {
			if n := all.checks[status][cause]; n > 0 || usual(status, cause) {
				f.Checks = append(f.Checks, Checks{status, cause, n})
			}
		}
	}
	for cause := evcp.SaidKO; int(cause) < len(all.incidents); cause++ {
		if n := all.incidents[cause]; n > 0 || cause <= evcp.Other || cause == evcp.TLS {
			f.Incidents = append(f.Incidents, Incidents{cause, n})
		}
	}
	return f
}

// Missed is how many ticks passed without a check.
func (m *Monitor) Missed() (n uint64) {
	for _, s := range m.allShards() {
		s.mu.Lock()
		n += s.meter.missed
		s.mu.Unlock()
	}
	return n
}

// moment is a moment of the shards; 0 is never.
func (m *Monitor) moment(since time.Duration) time.Time {
	if since == 0 {
		return time.Time{}
	}
	return m.base.Add(since)
}

// shardProgress is what may be read although a shard does not go on. 0 is never.
type shardProgress struct {
	begun, last, next, size atomic.Int64
	shortest                atomic.Int64 // interval of a charge point
}

func (p *shardProgress) begin(now time.Duration) { p.begun.Store(int64(max(now, 1))) }

func (p *shardProgress) publish(last, next time.Duration, size int) {
	p.last.Store(int64(last))
	p.next.Store(int64(next))
	p.size.Store(int64(size))
}

// Progress is when Run began, and when a check was last completed, of the shard where that
// is longest ago; each zero before that. Any goroutine may call it at any time, also when a
// shard does not go on.
func (m *Monitor) Progress() (begun, last time.Time) {
	var oldest, newest int64
	for _, s := range m.allShards() {
		if s.progress.size.Load() == 0 {
			continue
		}
		at := s.progress.last.Load()
		newest = max(newest, at)
		if at == 0 { // nothing was completed since it began
			at = s.progress.begun.Load()
		}
		if oldest == 0 || at < oldest {
			oldest = at
		}
	}
	if newest == 0 {
		oldest = 0
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.begun, m.moment(time.Duration(oldest))
}

// Interval is how often a check is due in each shard at least: the shortest interval of its
// charge points, of the shard where that is longest. Any goroutine may call it at any time, also
// when a shard does not go on.
func (m *Monitor) Interval() (longest time.Duration) {
	for _, s := range m.allShards() {
		longest = max(longest, time.Duration(s.progress.shortest.Load()))
	}
	return longest
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
func (m *Monitor) NextCheck(cp evcp.CPID) (at time.Time) {
	m.look(cp, func(s *shard, slot int, _ *monitoredCP) { at = m.moment(s.ring.due(slot)) })
	return at
}

// Since is when the shown state of the charge point began, as far as this process
// knows: the first failed check of an open incident, the end of the last incident, or
// the first OK. Any goroutine may call it at any time.
func (m *Monitor) Since(cp evcp.CPID) (at evcp.Stamp) {
	m.look(cp, func(_ *shard, _ int, c *monitoredCP) { at = c.since })
	return at
}

// look lets f read a charge point, if it is monitored.
func (m *Monitor) look(cp evcp.CPID, f func(s *shard, slot int, c *monitoredCP)) {
	p, ok := m.find(cp)
	if !ok {
		return
	}
	p.shard.mu.Lock()
	defer p.shard.mu.Unlock()
	if p.slot < len(p.shard.cps) {
		if c := p.shard.cps[p.slot]; c != nil && c.cp == cp {
			f(p.shard, p.slot, c)
		}
	}
}
