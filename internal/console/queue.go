package console

import (
	"os"
	"strings"
	"sync"
	"time"
)

// logOutput writes texts to a file, in order, one write each. As a log it never waits: what
// is written while the file stands still is queued, at most maxQueued texts; what finds
// the queue full, or can't be written, is dropped and its lines are counted.
type logOutput struct {
	file *os.File
	log  bool

	mu      sync.Mutex
	queue   []string
	writing bool          // drain runs
	drained chan struct{} // closed at its end
	failed  bool          // the last write did
	dropped uint64        // lines
}

const (
	// maxQueued is more than a program logs in the seconds that a slow disk takes.
	maxQueued = 1024
	// flushLimit is how long Close waits for an output that stands still.
	flushLimit = 500 * time.Millisecond
)

// write reports false for a text that was dropped because the queue is full.
func (o *logOutput) write(text string) bool {
	if !o.log {
		_, _ = o.file.WriteString(text)
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == maxQueued {
		o.dropped += lineCount(text)
		return false
	}
	o.queue = append(o.queue, text)
	if !o.writing {
		o.writing, o.drained = true, make(chan struct{})
		go o.drain() // ends by itself; Close waits for it, but not for ever
	}
	return true
}

// drain writes until the queue is empty.
func (o *logOutput) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 {
		text := o.queue[0]
		o.mu.Unlock()
		_, err := o.file.WriteString(text)
		o.mu.Lock()
		o.queue = o.queue[1:]
		if o.failed = err != nil; o.failed {
			o.dropped += lineCount(text)
		}
	}
	o.queue, o.writing = nil, false
	close(o.drained)
}

// lineCount does not count redrawing the live line.
func lineCount(text string) uint64 { return uint64(strings.Count(text, "\n")) }

// idle reports whether all that was queued is written, and the last of it well.
func (o *logOutput) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.writing && !o.failed
}

func (o *logOutput) lost() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// flush waits until the queue is written, at most flushLimit.
func (o *logOutput) flush() {
	o.mu.Lock()
	writing, drained := o.writing, o.drained
	o.mu.Unlock()
	if !writing {
		return
	}
	select {
	case <-drained:
	case <-time.After(flushLimit):
	}
}
