package central

import (
	"sync"
	"time"
)

// registrationWait is how long the answer to a first registration waits for the disk.
const registrationWait = 200 * time.Millisecond

// commitWaiter is how far the changes have come to disk, for those who wait for one. A
// registration that was answered and then forgotten would silence a first Monitor
// for good: it registers once, and hears no answer that says "not registered".
type commitWaiter struct {
	urgent chan struct{} // somebody waits

	mu        sync.Mutex
	committed uint64        // the last change on disk
	failing   bool          // the disk refuses: nobody waits
	changed   chan struct{} // closed when one of them changes
}

func newCommitWaiter() *commitWaiter {
	return &commitWaiter{urgent: make(chan struct{}, 1), changed: make(chan struct{})}
}

// advance says how far the disk is, and whether it refuses.
func (s *commitWaiter) advance(reached uint64, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.committed == reached && s.failing == refused {
		return
	}
	s.committed, s.failing = reached, refused
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait returns when the numbered change is on disk, at once if the disk refuses,
// and after the limit in any case.
func (s *commitWaiter) wait(change uint64, limit time.Duration) {
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		s.mu.Lock()
		over, moved := s.committed >= change || s.failing, s.changed
		s.mu.Unlock()
		if over {
			return
		}
		select {
		case s.urgent <- struct{}{}:
		default: // the keeper knows
		}
		select {
		case <-moved:
		case <-late.C:
			return
		}
	}
}
