// Package monitor checks the charge points of one process: pace says when a check is
// due, probe makes it, evcp judges it, outbox keeps the events.
//
// The charge points are divided among shards. One goroutine, in shard.run, owns every State
// of its shard, its ticks and its Prober. Other goroutines (the uplink with Central's
// replies, the outbox with what it dropped) send an Observation through Observe, and
// it is judged like a check. Nothing here waits for a disk or a network.
//
// Charge points come and go while the others are checked: see Adopt, Change and Release.
//
// One charge point is a fleet of one. What a lone Monitor does differently is the
// option Lone: the first check comes at once, as soon as Central has replied or 200 ms
// have passed.
package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/pace"
	"evcp/internal/probe"
	"evcp/internal/wait"
)

// Target is one charge point to monitor.
type Target struct {
	// Policy may be shared by any number of targets, and does not change. Its Interval is
	// from tick to tick.
	Policy *evcp.Policy
	Engine probe.Target
}

// Options are what a Monitor needs.
type Options struct {
	Targets []Target // each charge point once
	Version string
	// Lone: the first check comes at once, instead of at the next tick.
	Lone bool
	// Gate is closed when Central has begun to reply, or can't be reached. A lone
	// Monitor's first check waits for it, at most for 200 ms.
	Gate <-chan struct{}
	Box  *outbox.Outbox
	// NewProber makes the Prober of a shard.
	NewProber func() (probe.Prober, error)
	// NewTimer makes what wakes a shard; nil: wait.NewGoTimer.
	NewTimer func() wait.Timer
	// Slept reads how long this machine has slept. A shard calls it once for each wake-up.
	Slept func() time.Duration
	// Shards is how many goroutines share the charge points at most; 0: one for each
	// processor that Go uses. There is no second one before checksPerShard.
	Shards int
	// RecheckAfter is how long after a first failure the next check comes, and after that
	// one the next, so that a failure is known before two more intervals have passed; 0: at
	// their ticks.
	RecheckAfter time.Duration
}

// checksPerShard is how many checks a second one goroutine makes before it is worth a second
// one: a sixth of a processor, or a half with Engines that close. What is due at one tick is
// cheapest when it is done at once.
const checksPerShard = 10_000

// Monitor checks charge points. Run is called once; every other method may be called from
// any goroutine.
type Monitor struct {
	o    Options
	base time.Time     // what the times of the shards are counted from
	done chan struct{} // closed when Run ends
	ends endings

	mu     sync.RWMutex // guards what follows
	shards []*shard
	places []shardSlot     // by handle
	ctx    context.Context // of Run; nil before
	begun  time.Time       // when Run began
	ended  bool            // Run ends: no shard may be added
}

// shardSlot is where a charge point is.
type shardSlot struct {
	shard *shard // nil: it is not monitored
	slot  int    // reserved: its shard has not taken it yet
}

const reserved = -1

// New makes a Monitor that goes on from the states in the outbox.
func New(o Options) (*Monitor, error) {
	if o.Shards == 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	if o.NewTimer == nil {
		o.NewTimer = wait.NewGoTimer
	}
	m := &Monitor{o: o, base: time.Now(), done: make(chan struct{}), ends: endings{all: make(chan struct{})}}
	m.places = make([]shardSlot, 0, len(o.Targets))
	checks := 0.0
	for i := range o.Targets {
		checks += o.Targets[i].checks()
	}
	for _, i := range tickOrder(o.Targets, m.base) {
		t := &o.Targets[i]
		s, err := m.reserve(t.Engine.CP, checks)
		if err != nil {
			return nil, err
		}
		m.place(m.o.Box.Handle(t.Engine.CP)).slot = len(s.initial)
		s.initial = append(s.initial, *t)
		s.intervalComes(t.Policy.Interval)
	}
	m.o.Targets = nil
	return m, nil
}

// tickOrder are the indices of targets, side by side those that are checked at the same tick. In
// that order their slots are neighbours in memory, which saves a twentieth of a check's processor
// time.
func tickOrder(all []Target, base time.Time) []int {
	ticks, order := make([]time.Duration, len(all)), make([]int, len(all))
	for i := range all {
		ticks[i], order[i] = pace.NewGrid(all[i].Engine.CP, all[i].Policy.Interval, base).Phase, i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ticks[a], ticks[b]) })
	return order
}

// ErrStopped is what Adopt, Change and Release return when the Monitor has stopped.
var ErrStopped = errors.New("the monitor has stopped")

// checks is how many checks a second a target is worth.
func (t *Target) checks() float64 { return 1 / t.Policy.Interval.Seconds() }

// reserve chooses the shard of a charge point that comes: the smallest, or a new one when
// so many checks a second are worth it. The caller holds the lock, or is New.
func (m *Monitor) reserve(cp evcp.CPID, checks float64) (*shard, error) {
	p := m.place(m.o.Box.Handle(cp))
	if p.shard != nil {
		return nil, fmt.Errorf("%s is monitored already", cp)
	}
	var s *shard
	if most := min(m.o.Shards, max(1, int(math.Ceil(checks/checksPerShard)))); len(m.shards) < most {
		added, err := m.newShard()
		if err != nil {
			return nil, err
		}
		s = added
	} else {
		s = m.shards[0]
		for _, other := range m.shards {
			if other.size < s.size {
				s = other
			}
		}
	}
	s.size++
	*p = shardSlot{s, reserved}
	return s, nil
}

// newShard adds a shard, and starts it if the others run.
func (m *Monitor) newShard() (*shard, error) {
	if m.ended {
		return nil, ErrStopped
	}
	p, err := m.o.NewProber()
	if err != nil {
		return nil, fmt.Errorf("make a prober: %w", err)
	}
	s := newShard(m, p)
	m.shards = append(m.shards, s)
	if m.ctx != nil {
		m.startShard(s)
	}
	return s, nil
}

func (m *Monitor) startShard(s *shard) {
	m.ends.add()
	go func() { defer close(s.ended); s.run(m.ctx) }()
}

// place is the place of a handle. It is valid until the next call.
func (m *Monitor) place(handle int) *shardSlot {
	for handle >= len(m.places) {
		m.places = append(m.places, shardSlot{})
	}
	return &m.places[handle]
}

// find is the place of a charge point; false: it is not monitored.
func (m *Monitor) find(cp evcp.CPID) (p shardSlot, ok bool) {
	handle, ok := m.o.Box.Lookup(cp)
	if !ok {
		return shardSlot{}, false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if handle < len(m.places) {
		p = m.places[handle]
	}
	return p, p.shard != nil && p.slot != reserved
}

// settle notes the slot of a charge point that its shard has taken.
func (m *Monitor) settle(handle, slot int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.places[handle].slot = slot
}

// vacate notes that a charge point is gone.
func (m *Monitor) vacate(handle int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &m.places[handle]
	p.shard.size--
	*p = shardSlot{}
}

func (m *Monitor) allShards() []*shard {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.shards[:len(m.shards):len(m.shards)]
}

// Observe hands over an observation from elsewhere. A zero At is dated when it is
// judged. One of a charge point that is not monitored is ignored. It returns false when the
// Monitor has stopped.
func (m *Monitor) Observe(o evcp.Observation) bool {
	select {
	case <-m.done:
		return false
	default:
	}
	p, ok := m.find(o.CP)
	if !ok {
		return true
	}
	select {
	case p.shard.inbox <- addressed{o, p.slot}:
		return true
	case <-m.done:
		return false
	}
}

// Refused reports that the disk refused a commit. What was judged after the last kept
// event is judged again in a new epoch, for the outbox's new generation.
func (m *Monitor) Refused(generation uint64) {
	for _, s := range m.allShards() {
		select {
		case s.refused <- generation:
		case <-m.done:
		}
	}
}

// Run checks until ctx ends, finishes the checks in flight, records that it stopped,
// and returns. All events are in the outbox then.
func (m *Monitor) Run(ctx context.Context) {
	defer close(m.done)
	m.mu.Lock()
	m.ctx, m.begun = ctx, time.Now()
	for _, s := range m.shards {
		m.startShard(s)
	}
	m.mu.Unlock()
	<-ctx.Done() // there may be no shard before the first Adopt
	for i := 0; ; i++ {
		s := m.nextToEnd(i)
		if s == nil {
			return
		}
		<-s.ended
	}
}

// nextToEnd is the shard of that index; nil: there is none, and no other comes.
func (m *Monitor) nextToEnd(i int) *shard {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i == len(m.shards) {
		m.ended = true
		return nil
	}
	return m.shards[i]
}

// endings lets all shards end together: what one of them has appended last may have to be
// judged again as long as another one is still finishing its checks.
type endings struct {
	mu   sync.Mutex
	left int
	over bool // all is closed; a shard that is added so late ends alone
	all  chan struct{}
}

func (e *endings) add() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left++
}

// finished notes that one shard has appended everything.
func (e *endings) finished() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left--
	if e.left == 0 && !e.over {
		e.over = true
		close(e.all)
	}
}
