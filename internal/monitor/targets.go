package monitor

import (
	"context"
	"fmt"
	"time"

	"evcp"
	"evcp/internal/pace"
)

// targetCommand changes the set of charge points of a shard, or one of them.
type targetCommand struct {
	verb   commandVerb
	handle int
	slot   int    // change, release
	target Target // adopt, change
	reason string // release
	done   chan error
}

type commandVerb uint8

const (
	adopt commandVerb = iota
	change
	release
)

// Adopt takes over a charge point while the others are checked. It goes on from the State
// in the outbox, and records that the Monitor started.
func (m *Monitor) Adopt(ctx context.Context, t Target) error {
	m.mu.Lock()
	s, err := m.reserve(t.Engine.CP, float64(m.size()+1)*t.checks())
	m.mu.Unlock()
	if err != nil {
		return err
	}
	c := &targetCommand{verb: adopt, handle: m.o.Box.Handle(t.Engine.CP), target: t}
	sent, err := m.send(ctx, s, c)
	if !sent {
		m.vacate(c.handle)
	}
	return err
}

// size is how many charge points there are. The caller holds the lock.
func (m *Monitor) size() (n int) {
	for _, s := range m.shards {
		n += s.size
	}
	return n
}

// Change gives a charge point other settings, or another address. An exchange that is in
// flight is finished first. State, streak and incident stay, and so does the connection,
// unless it can't serve the new target. When interval, timeout, fall, rise or site differ,
// settings_changed is recorded.
func (m *Monitor) Change(ctx context.Context, t Target) error {
	return m.command(ctx, t.Engine.CP, &targetCommand{verb: change, target: t})
}

// Release ends the checks of a charge point, records monitor_stopped with the reason, and
// returns when that is kept. The State and the numbering stay in the outbox.
func (m *Monitor) Release(ctx context.Context, cp evcp.CPID, reason string) error {
	return m.command(ctx, cp, &targetCommand{verb: release, reason: reason})
}

func (m *Monitor) command(ctx context.Context, cp evcp.CPID, c *targetCommand) error {
	p, ok := m.find(cp)
	if !ok {
		return fmt.Errorf("%s is not monitored", cp)
	}
	c.handle, c.slot = m.o.Box.Handle(cp), p.slot
	_, err := m.send(ctx, p.shard, c)
	return err
}

// send has a shard do a command. sent reports whether the shard has taken it; then it does
// it even if ctx ends meanwhile.
func (m *Monitor) send(ctx context.Context, s *shard, c *targetCommand) (sent bool, err error) {
	c.done = make(chan error, 1)
	select {
	case s.commands <- c:
	case <-ctx.Done():
		return false, ctx.Err()
	case <-m.done:
		return false, ErrStopped
	}
	select {
	case err = <-c.done:
		return true, err
	case <-ctx.Done():
		return true, ctx.Err()
	case <-m.done:
		return true, ErrStopped
	}
}

// do does a command; nil is none.
func (s *shard) do(c *targetCommand) {
	switch {
	case c == nil:
	case c.verb == adopt:
		s.intervalComes(c.target.Policy.Interval)
		s.take(c.target, s.freeSlot(), &monitoredCP{})
		c.done <- nil
	case s.gone(c):
		c.done <- fmt.Errorf("the charge point is not monitored any more")
	case c.verb == change:
		s.changes[c.slot] = append(s.changes[c.slot], c)
		s.change(c.slot)
	default:
		s.release(c)
	}
}

// gone reports whether the charge point of a command was released meanwhile.
func (s *shard) gone(c *targetCommand) bool {
	cp := s.cps[c.slot]
	return cp == nil || int(cp.handle) != c.handle || cp.released
}

func (s *shard) freeSlot() int {
	if n := len(s.free); n > 0 {
		slot := s.free[n-1]
		s.free = s.free[:n-1]
		return slot
	}
	return len(s.cps)
}

// take makes t the charge point of a slot, by c.
func (s *shard) take(t Target, slot int, c *monitoredCP) {
	box := s.m.o.Box
	handle := box.Handle(t.Engine.CP)
	*c = monitoredCP{cp: t.Engine.CP, policy: t.Policy, handle: int32(handle), state: box.StateAt(handle), renumber: box.Renumber(handle)}
	if open := c.state.Incident; open.Open {
		c.since = open.Since
	}
	c.phase = pace.NewGrid(c.cp, c.policy.Interval, s.m.base).Phase
	if slot == len(s.cps) {
		s.cps = append(s.cps, nil)
	}
	s.cps[slot] = c
	now := s.since(s.now)
	due := c.grid().After(now)
	if s.m.o.Lone {
		due = now + gateLimit
	}
	s.ring.insert(slot, due)
	s.prober.Adopt(slot, t.Engine, s.slept)
	s.judge(slot, evcp.Observation{Kind: evcp.Started, Version: s.m.o.Version})
	s.m.settle(handle, slot)
}

// change does the changes that wait for a charge point, unless an exchange is in flight.
func (s *shard) change(slot int) {
	all := s.changes[slot]
	if len(all) == 0 || s.cps[slot].inFlight {
		return
	}
	delete(s.changes, slot)
	for _, c := range all {
		s.reconfigure(slot, c.target)
		c.done <- nil
	}
}

func (s *shard) reconfigure(slot int, t Target) {
	c, before := s.cps[slot], s.cps[slot].policy
	c.policy = t.Policy
	s.prober.Adopt(slot, t.Engine, s.slept)
	if before.Interval != t.Policy.Interval {
		c.phase = pace.NewGrid(c.cp, c.policy.Interval, s.m.base).Phase
		c.soon, c.rechecks = false, 0
		s.ring.move(slot, c.grid().After(s.since(s.now)))
		s.intervalComes(t.Policy.Interval)
		s.intervalGoes(before.Interval)
	}
	if *before != *t.Policy {
		s.judge(slot, evcp.Observation{Kind: evcp.Reconfigured})
	}
}

// intervalComes counts the interval of one more charge point.
func (s *shard) intervalComes(interval time.Duration) {
	s.intervals[interval]++
	if was := time.Duration(s.progress.shortest.Load()); was == 0 || interval < was {
		s.progress.shortest.Store(int64(interval))
	}
}

// intervalGoes counts one charge point less with an interval.
func (s *shard) intervalGoes(interval time.Duration) {
	if s.intervals[interval]--; s.intervals[interval] > 0 {
		return
	}
	delete(s.intervals, interval)
	if time.Duration(s.progress.shortest.Load()) != interval {
		return
	}
	shortest := time.Duration(0) // 0: there is no charge point
	for other := range s.intervals {
		if shortest == 0 || other < shortest {
			shortest = other
		}
	}
	s.progress.shortest.Store(int64(shortest))
}

// release ends the checks of a charge point. Its slot is free when its last events are kept.
func (s *shard) release(c *targetCommand) {
	cp := s.cps[c.slot]
	s.prober.Release(c.slot)
	if cp.inFlight {
		cp.inFlight = false
		s.inFlight--
	}
	s.ring.remove(c.slot)
	s.intervalGoes(cp.policy.Interval)
	s.recordStall(c.slot)
	for _, waiting := range s.changes[c.slot] {
		waiting.done <- fmt.Errorf("%s was released", cp.cp)
	}
	delete(s.changes, c.slot)
	s.judge(c.slot, evcp.Observation{Kind: evcp.Stopping, Reason: c.reason})
	cp.released = true
	if len(s.released) == 0 {
		s.unnotify = s.m.o.Box.NotifyKept(s.kept)
	}
	s.released = append(s.released, c)
}

// freeReleased frees the slots whose last events are kept.
func (s *shard) freeReleased() {
	if len(s.released) == 0 {
		return
	}
	s.pending.removeKept(s.m.o.Box.KeptIn(s.generation))
	left, waiting := s.released[:0], s.pending.slots()
	for _, c := range s.released {
		if waiting[int32(c.slot)] {
			left = append(left, c)
			continue
		}
		s.locked(func() { s.cps[c.slot] = nil })
		s.free = append(s.free, c.slot)
		s.m.vacate(c.handle)
		c.done <- nil
	}
	clear(s.released[len(left):])
	s.released = left
	if len(left) == 0 {
		s.unnotify()
	}
}
