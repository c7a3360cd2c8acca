package simulation

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"

	"evcp"
	"evcp/internal/outbox"
)

// topic is the topic of Kafka, over all processes.
type topic struct {
	bug *plantedBug

	mu      sync.Mutex // guards what follows
	random  *rand.Rand
	killed  []*process // processes that were killed: they send nothing
	away    chan struct{}
	records []outbox.Line
}

// of are the records of one charge point.
func (t *topic) of(id evcp.CPID) (entries []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range t.records {
		if string(line.CP()) == string(id) {
			entries = append(entries, string(line))
		}
	}
	return entries
}

// follow sends the events of the outbox until ctx ends. Sometimes the broker's
// acknowledgement is lost, and everything since the last one is sent again.
func (t *topic) follow(ctx context.Context, p *process) {
	c := p.box.Cursor(outbox.Kafka)
	for ctx.Err() == nil {
		run, err := c.Next(ctx)
		if err != nil {
			if ctx.Err() == nil && !t.isKilled(p) {
				p.h.t.Errorf("read the outbox: %v", err)
			}
			return
		}
		if !t.reachable(ctx) {
			return
		}
		if t.take(p, run) {
			c.Advance(run.ID)
		} else {
			c.Rewind()
		}
	}
}

// reachable waits until the broker is up.
func (t *topic) reachable(ctx context.Context) bool {
	t.mu.Lock()
	away := t.away
	t.mu.Unlock()
	if away == nil {
		return true
	}
	select {
	case <-away:
		return true
	case <-ctx.Done():
		return false
	}
}

// take adds the events of a run, and reports whether the acknowledgement arrives.
func (t *topic) take(p *process, run outbox.Run) (known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.killed, p) {
		return true
	}
	for line := range run.Each() {
		if !t.bug.drops(line) {
			t.records = append(t.records, slices.Clone(line))
		}
	}
	return t.random.IntN(50) > 0
}

// drain takes what is left, if the broker is up.
func (t *topic) drain(p *process) {
	c := p.box.Cursor(outbox.Kafka)
	c.Rewind()
	for t.available() {
		run, ok, err := c.TryNext()
		if err != nil {
			p.h.t.Errorf("read the outbox: %v", err)
		}
		if !ok || err != nil {
			return
		}
		t.take(p, run)
		c.Advance(run.ID)
	}
}

func (t *topic) available() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.away == nil
}

func (t *topic) isKilled(p *process) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Contains(t.killed, p)
}

func (t *topic) kill(p *process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.killed = append(t.killed, p)
}

// stop stops the broker until start is called.
func (t *topic) stop() (start func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	away := make(chan struct{})
	t.away = away
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.away = nil
		close(away)
	}
}

// plantedBug is a bug planted by a test, to prove that the oracle finds it.
type plantedBug struct {
	dropEvery    int  // one check in so many does not reach the topic
	lateIncident bool // one failure more than Rules.Fall
	dropReceipts bool // Central's receipts are not recorded

	seen int
}

func (b *plantedBug) drops(line outbox.Line) bool {
	e, err := evcp.ParseEvent(line)
	if b.dropEvery == 0 || err != nil || e.Action != evcp.HealthCheck {
		return false
	}
	b.seen++
	return b.seen%b.dropEvery == 0
}

func (b *plantedBug) fall() uint32 {
	if b.lateIncident {
		return uint32(rules.Fall) + 1
	}
	return uint32(rules.Fall)
}

func (b *plantedBug) hides(o evcp.Observation) bool {
	return b.dropReceipts && (o.Kind == evcp.FailureReported || o.Kind == evcp.RecoveryReported)
}
