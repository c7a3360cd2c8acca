package monitor

import (
	"context"
	"sync"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/probe"
	"evcp/internal/wait"
)

// How long the first check waits for Central, and the end for the last check. The second is a
// part of the 2.5 s of a stop: see watch.disconnectLimit.
const (
	gateLimit   = 200 * time.Millisecond
	finishLimit = time.Second
)

// shard checks its charge points. Each has a slot, which is also its slot in the Prober.
// Times are counted from Monitor.base.
type shard struct {
	m       *Monitor
	prober  probe.Prober
	timer   wait.Timer // wakes it when something is due
	initial []Target   // those of the start, in the order of their slots
	size    int        // charge points, those that come included; guarded by Monitor.mu

	inbox    chan addressed
	commands chan *targetCommand
	refused  chan uint64
	kept     chan struct{} // something more is kept; only while released waits for that
	ended    chan struct{} // closed when run has ended
	progress shardProgress

	// mu guards what other goroutines read: cps, ring and meter. run holds it while it
	// changes them, and never while it asks, or hands over what was judged.
	mu    sync.Mutex
	cps   []*monitoredCP // by slot; nil: free
	ring  tickRing
	meter meter

	now        time.Time // the reading of the wake-up
	slept      time.Duration
	clock      wallClock
	generation uint64
	free       []int
	inFlight   int // exchanges
	pending    pendingQueue
	// newIDs are the ids of incidents that were judged again in a new epoch, by the id
	// before. Central may know an incident by the old id, and its receipt names it.
	newIDs   map[incidentID]evcp.EventID
	changes  map[int][]*targetCommand // by slot: they wait until no exchange is in flight
	released []*targetCommand         // their last events are not kept yet
	unnotify func()                   // ends the notices to kept
	// intervals are those of its charge points, and how many have each.
	intervals map[time.Duration]int

	events []evcp.Event // of judged, not yet in the outbox
	judged []outbox.Judged
	due    []int // reused by every tick
	asked  []int
	found  []probe.Finding
}

// addressed is an observation for the charge point in a slot.
type addressed struct {
	evcp.Observation
	slot int
}

// incidentID names an incident of one charge point of a shard.
type incidentID struct {
	slot int
	id   evcp.EventID
}

func newShard(m *Monitor, p probe.Prober) *shard {
	return &shard{
		m: m, prober: p, generation: m.o.Box.Generation(), meter: newMeter(),
		inbox: make(chan addressed, 256), commands: make(chan *targetCommand), refused: make(chan uint64, 1),
		kept: make(chan struct{}, 1), ended: make(chan struct{}),
		newIDs: map[incidentID]evcp.EventID{}, changes: map[int][]*targetCommand{}, intervals: map[time.Duration]int{},
	}
}

// since is a moment as the shard counts it.
func (s *shard) since(t time.Time) time.Duration { return t.Sub(s.m.base) }

func (s *shard) run(ctx context.Context) {
	s.timer = s.m.o.NewTimer()
	defer s.timer.Close()
	s.start(time.Now())
	s.loop(ctx)
	s.finish()
}

func (s *shard) start(now time.Time) {
	s.now, s.slept = now, s.m.o.Slept()
	s.clock = newWallClock(now, s.slept)
	s.progress.begin(s.since(now))
	s.locked(func() {
		s.cps, s.ring.slots = make([]*monitoredCP, 0, len(s.initial)), make([]ringSlot, 0, len(s.initial))
		together := make([]monitoredCP, len(s.initial)) // without the gaps that single ones leave
		for i, t := range s.initial {
			s.take(t, i, &together[i])
		}
	})
	s.initial = nil
	s.endWakeUp()
}

// locked runs f while no other goroutine reads.
func (s *shard) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// wakeUp is why a shard runs.
type wakeUp struct {
	gate        bool // Central has begun to reply
	observation addressed
	command     *targetCommand
	refused     uint64
}

// loop waits for ticks, findings, the observations of others and commands.
func (s *shard) loop(ctx context.Context) {
	gate := s.m.o.Gate
	if !s.m.o.Lone {
		gate = nil
	}
	for {
		s.timer.Reset(s.rest())
		var w wakeUp
		select {
		case <-ctx.Done():
			return
		case <-gate:
			gate, w.gate = nil, true
		case <-s.timer.C():
		case <-s.prober.Ready():
		case <-s.kept:
		case w.observation = <-s.inbox:
		case w.command = <-s.commands:
		case w.refused = <-s.refused:
		}
		s.wake(w)
	}
}

// rest is how long nothing is due.
func (s *shard) rest() time.Duration {
	const idle = time.Hour
	left := idle
	if due, ok := s.ring.next(); ok {
		left = time.Until(s.m.base.Add(due))
	}
	if at := s.prober.Next(); !at.IsZero() {
		left = min(left, time.Until(at))
	}
	return left
}

// wake does what is due: first the ticks, so that a stall is recorded once, then the
// findings. What was found before an observation is judged before it.
func (s *shard) wake(w wakeUp) {
	s.takeFindings()
	s.locked(func() {
		s.rejudge(w.refused)
		if w.gate {
			s.openGate()
		}
		s.checkClock()
		s.tick()
	})
	s.ask()
	s.locked(func() {
		s.judgeFound()
		s.observe(w.observation)
		s.drainInbox()
		s.do(w.command)
	})
	s.endWakeUp()
}

// takeFindings takes what the probe has found, and reads the clocks, once for each wake-up.
// The findings come first: a check must not end after the reading that judges it.
func (s *shard) takeFindings() {
	s.found = s.prober.Take(s.found[:0])
	s.readClocks()
}

func (s *shard) readClocks() { s.now, s.slept = time.Now(), s.m.o.Slept() }

func (s *shard) judgeFound() {
	for i := range s.found {
		s.finding(&s.found[i])
	}
}

// drainInbox judges what else waits, so that many observations share a wake-up. Each is dated
// after it came: Central's answer is not dated before the question.
func (s *shard) drainInbox() {
	for range cap(s.inbox) {
		select {
		case o := <-s.inbox:
			s.now = time.Now()
			s.observe(o)
		default:
			return
		}
	}
}

// endWakeUp hands over what was judged.
func (s *shard) endWakeUp() {
	s.flush()
	s.freeReleased()
	s.publish()
}

// publish shows how far the shard has come to those who must not wait for it.
func (s *shard) publish() {
	next, _ := s.ring.next()
	s.progress.publish(s.meter.last, next, len(s.cps)-len(s.free))
}

// openGate makes a lone Monitor's first check due.
func (s *shard) openGate() {
	for slot, c := range s.cps {
		if now := s.since(s.now); c != nil && !c.begun && s.ring.due(slot) > now {
			s.ring.move(slot, now)
		}
	}
}

// tick lists the charge points to ask.
func (s *shard) tick() {
	now := s.since(s.now)
	s.due, s.asked = s.ring.collect(now, s.due[:0]), s.asked[:0]
	for _, slot := range s.due {
		c, due := s.cps[slot], s.ring.due(slot)
		check, missed, next := c.tick(due, now, s.m.o.Lone)
		if check != noCheck {
			s.asked = append(s.asked, slot)
		}
		if check == onTick {
			s.meter.lateness.Observe(now - due)
		}
		s.meter.missed += uint64(missed)
		s.ring.insert(slot, next)
		s.recordStall(slot)
	}
}

func (s *shard) ask() {
	if len(s.asked) > 0 {
		s.inFlight += len(s.asked)
		s.prober.Ask(s.slept, s.asked...)
	}
}

// finish waits for the checks in flight and records that the Monitor stopped. Then it
// waits for the other shards.
func (s *shard) finish() {
	limit := time.NewTimer(finishLimit)
	defer limit.Stop()
	for waiting := true; waiting && s.inFlight > 0; {
		s.timer.Reset(s.untilFound())
		var w wakeUp
		select {
		case <-s.prober.Ready():
		case <-s.timer.C():
		case w.observation = <-s.inbox:
		case w.refused = <-s.refused:
		case <-limit.C:
			waiting = false
		}
		s.finishStep(w)
	}
	s.stop()
	s.m.ends.finished()
	for {
		select {
		case g := <-s.refused:
			s.finishStep(wakeUp{refused: g})
		case <-s.m.ends.all:
			return
		}
	}
}

// finishStep is wake without ticks.
func (s *shard) finishStep(w wakeUp) {
	s.takeFindings()
	s.locked(func() {
		s.rejudge(w.refused)
		s.judgeFound()
		s.observe(w.observation)
	})
	s.endWakeUp()
}

// untilFound is when the Prober must be asked for findings.
func (s *shard) untilFound() time.Duration {
	if at := s.prober.Next(); !at.IsZero() {
		return time.Until(at)
	}
	return finishLimit
}

// stop breaks off what is still in flight, and records for every charge point that the
// Monitor stopped.
func (s *shard) stop() {
	s.prober.Close()
	s.readClocks() // the last wake-up may be long past
	s.locked(func() {
		s.drainInbox()
		for slot, c := range s.cps {
			if c != nil && !c.released {
				c.inFlight = false
				s.recordStall(slot)
				s.judge(slot, evcp.Observation{Kind: evcp.Stopping, Reason: evcp.ReasonAsked})
				c.released = true
			}
		}
	})
	s.endWakeUp()
}
