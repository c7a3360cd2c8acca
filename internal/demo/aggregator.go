package demo

import (
	"sync"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/display"
)

// aggregator receives what all parts report, from any goroutine, and gives it to
// the correlator. It never waits for the terminal, which fetches the lines itself.
type aggregator struct {
	ready chan struct{} // holds one token while there are lines
	allUp chan struct{} // closed when all charge points have been activated

	mu         sync.Mutex // guards below
	correlator *correlator
	fold       lineFold
}

func newAggregator(k *correlator) *aggregator {
	return &aggregator{correlator: k, ready: make(chan struct{}, 1), allUp: make(chan struct{})}
}

// with calls f under the lock, and then signals what has come of it.
func (a *aggregator) with(f func(*correlator)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.correlator.allUp
	f(a.correlator)
	if a.correlator.allUp && !before {
		close(a.allUp)
	}
	if len(a.correlator.lines) > 0 {
		select {
		case a.ready <- struct{}{}:
		default:
		}
	}
}

func (a *aggregator) events(batch []evcp.Event) {
	a.with(func(k *correlator) {
		for _, e := range batch {
			k.event(e)
		}
	})
}

func (a *aggregator) change(c central.Change) { a.with(func(k *correlator) { k.change(c) }) }

func (a *aggregator) record(value []byte) { a.with(func(k *correlator) { k.record(value) }) }

func (a *aggregator) logf(cp evcp.CPID, shape display.Shape, format string, args ...any) {
	a.with(func(k *correlator) { k.logf(cp, shape, format, args...) })
}

// takeLines returns the lines to be written, each once.
func (a *aggregator) takeLines(now time.Time) (all []unwrittenLine) {
	a.with(func(k *correlator) {
		k.expire(now)
		all, k.lines = a.fold.take(k.said, k.lines, now), nil
	})
	return all
}

func (a *aggregator) figures() (f figures) {
	a.with(func(k *correlator) { f = k.figures })
	return f
}

// states counts the charge points as Central shows them.
func (a *aggregator) states() (activated, faulted, disconnected int) {
	a.with(func(k *correlator) {
		activated, faulted, disconnected = k.count(cpstate.Activated), k.count(cpstate.Faulted), k.count(cpstate.Disconnected)
	})
	return activated, faulted, disconnected
}
