package simulation

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/outbox"
)

// topic is what Kafka holds, over all lives.
type topic struct {
	lie *lie

	mu      sync.Mutex // guards what follows
	chance  *rand.Rand
	buried  []*life // dead processes send nothing
	away    chan struct{}
	records []outbox.Line
}

// of are the records of one charge point.
func (t *topic) of(id evcp.CPID) (entries []oracle.TopicRecord) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range t.records {
		if string(line.CP()) == string(id) {
			entries = append(entries, oracle.TopicRecord{Raw: string(line)})
		}
	}
	return entries
}

// follow sends what the outbox keeps until ctx ends. At times the broker's word is
// lost, and everything since the last one goes again.
func (t *topic) follow(ctx context.Context, l *life) {
	c := l.box.Cursor(outbox.Kafka)
	for ctx.Err() == nil {
		run, err := c.Next(ctx)
		if err != nil {
			if ctx.Err() == nil && !t.isBuried(l) {
				l.h.t.Errorf("read the outbox: %v", err)
			}
			return
		}
		if !t.reachable(ctx) {
			return
		}
		if t.take(l, run) {
			c.Advance(run.ID)
		} else {
			c.Rewind()
		}
	}
}

// reachable waits until the broker is there.
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

// take adds the events of a run, and reports whether the sender learns of it.
func (t *topic) take(l *life, run outbox.Run) (known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.buried, l) {
		return true
	}
	for line := range run.Each() {
		if !t.lie.drops(line) {
			t.records = append(t.records, slices.Clone(line))
		}
	}
	return t.chance.IntN(50) > 0
}

// drain takes what is left, if the broker is there.
func (t *topic) drain(l *life) {
	c := l.box.Cursor(outbox.Kafka)
	c.Rewind()
	for t.isHere() {
		run, ok, err := c.TryNext()
		if err != nil {
			l.h.t.Errorf("read the outbox: %v", err)
		}
		if !ok || err != nil {
			return
		}
		t.take(l, run)
		c.Advance(run.ID)
	}
}

func (t *topic) isHere() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.away == nil
}

func (t *topic) isBuried(l *life) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Contains(t.buried, l)
}

func (t *topic) bury(l *life) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buried = append(t.buried, l)
}

// leave takes the broker away until back is called.
func (t *topic) leave() (back func()) {
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

// lie is a bug that a test plants: what a Monitor might do wrong.
type lie struct {
	lostEvery int  // this many events, one does not reach the topic
	slowToSay bool // one failure more than promised
	forgetful bool // Central's receipts are not recorded

	seen int
}

func (l *lie) drops(line outbox.Line) bool {
	e, err := evcp.ParseEvent(line)
	if l.lostEvery == 0 || err != nil || e.Action != evcp.HealthCheck {
		return false
	}
	l.seen++
	return l.seen%l.lostEvery == 0
}

func (l *lie) fall() uint32 {
	if l.slowToSay {
		return uint32(rules.Fall) + 1
	}
	return uint32(rules.Fall)
}

func (l *lie) hides(o evcp.Observation) bool {
	return l.forgetful && (o.Kind == evcp.FailureReported || o.Kind == evcp.RecoveryReported)
}
