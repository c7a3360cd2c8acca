package testbed

import (
	"sync"
	"testing"
	"time"
)

// Stalls measures how long this process stood still: it got no processor, as on a machine that is
// busy with others or was itself stopped. Such a time is no fault of what is under test.
type Stalls struct {
	mu      sync.Mutex
	last    time.Time // tick
	longest time.Duration
	total   time.Duration
}

const (
	stallTick = 10 * time.Millisecond
	// leastStall is from when on a late tick is a stall.
	leastStall = 2 * stallTick
)

// MeasureStalls measures until the test ends.
func MeasureStalls(tb testing.TB) *Stalls {
	tb.Helper()
	s := &Stalls{last: time.Now()}
	done := make(chan struct{})
	var measuring sync.WaitGroup
	measuring.Go(func() {
		tick := time.NewTicker(stallTick)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				s.look()
			}
		}
	})
	tb.Cleanup(func() {
		close(done)
		measuring.Wait()
	})
	return s
}

// look notes the time since the last tick, and gives both figures.
func (s *Stalls) look() (longest, total time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if gap := now.Sub(s.last); gap >= leastStall {
		s.longest = max(s.longest, gap)
		s.total += gap
	}
	s.last = now
	return s.longest, s.total
}

// Longest is the longest stall so far.
func (s *Stalls) Longest() time.Duration {
	longest, _ := s.look()
	return longest
}

// Total is how long all stalls were so far.
func (s *Stalls) Total() time.Duration {
	_, total := s.look()
	return total
}

// Time is how long f took, without the stalls meanwhile.
func (s *Stalls) Time(f func()) time.Duration {
	stalled, began := s.Total(), time.Now()
	f()
	took := time.Since(began)
	return took - (s.Total() - stalled)
}
