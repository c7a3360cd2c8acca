package central

import (
	"sync"
	"time"
)

// newcomer is how long the answer to a first registration waits for the disk.
const newcomer = 200 * time.Millisecond

// shore is how far the changes have come to disk, for those who wait for one. A
// registration that was answered and then forgotten would silence a first Monitor
// for good: it registers once, and hears no answer that says "not registered".
type shore struct {
	hurry chan struct{} // somebody waits

	mu      sync.Mutex
	reached uint64        // the last change on disk
	refused bool          // the disk refuses: nobody waits
	moved   chan struct{} // closed when one of them changes
}

func newShore() *shore {
	return &shore{hurry: make(chan struct{}, 1), moved: make(chan struct{})}
}

// tell says how far the disk is, and whether it refuses.
func (s *shore) tell(reached uint64, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reached == reached && s.refused == refused {
		return
	}
	s.reached, s.refused = reached, refused
	close(s.moved)
	s.moved = make(chan struct{})
}

// wait returns when the numbered change is on disk, at once if the disk refuses,
// and after the limit in any case.
func (s *shore) wait(change uint64, limit time.Duration) {
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		s.mu.Lock()
		over, moved := s.reached >= change || s.refused, s.moved
		s.mu.Unlock()
		if over {
			return
		}
		select {
		case s.hurry <- struct{}{}:
		default: // the keeper knows
		}
		select {
		case <-moved:
		case <-late.C:
			return
		}
	}
}
