package kafka

import "sync"

// The window: so much may be under way and not acknowledged.
const (
	windowRuns  = 64
	windowBytes = 8 << 20
)

// flight is what is under way, in order.
type flight struct {
	news chan struct{} // an acknowledgement or an error came
	room chan struct{} // the window has room again

	mu    sync.Mutex
	runs  []*travelling
	bytes int
	err   error // the first one; nothing is acknowledged past it
}

// travelling is a run under way.
type travelling struct {
	f     *flight
	id    int64
	count int64
	left  int // records not acknowledged
	bytes int
}

func newFlight() *flight {
	return &flight{news: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// full reports whether the window has no room. One run is always taken.
func (f *flight) full() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.runs) >= windowRuns || f.bytes >= windowBytes
}

func (f *flight) add(id int64, count, bytes int) *travelling {
	t := &travelling{f: f, id: id, count: int64(count), left: count, bytes: bytes}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs = append(f.runs, t)
	f.bytes += bytes
	return t
}

// landed is told by the client of each record. It never blocks: all records wait
// behind it.
func (t *travelling) landed(err error) {
	f := t.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		t.left--
	} else if f.err == nil {
		f.err = err
	}
	if err != nil || t.left == 0 {
		poke(f.news)
	}
}

// delivered takes off the runs that are acknowledged with all before them.
func (f *flight) delivered() (last, events int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for n < len(f.runs) && f.runs[n].left <= 0 {
		last = f.runs[n].id
		events += f.runs[n].count
		f.bytes -= f.runs[n].bytes
		n++
	}
	if n > 0 {
		f.runs = f.runs[:copy(f.runs, f.runs[n:])]
		poke(f.room)
	}
	return last, events, f.err
}

func (f *flight) empty() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.runs) == 0
}

// poke wakes whoever waits on a channel of capacity 1, or will soon.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
