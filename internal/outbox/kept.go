package outbox

import (
	"slices"
	"time"

	"evcp"
)

// publish publishes what was committed. It reports false when another keeper has
// taken over meanwhile: then nothing of it was ever kept.
func (k *committer) publish(took time.Duration) bool {
	o := k.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.committer != k {
		return false
	}
	w := &k.batch
	for _, p := range w.states {
		st := &o.states[p.cp]
		st.state, st.changed, st.renumber = p.state, true, false
	}
	for _, c := range w.runs {
		o.addKeptRun(c)
		k.sinceSnapshot.add(c)
		k.trim.sinceCheck.add(c)
	}
	o.committing = 0
	o.counts.commit(took)
	o.notifier.dropped(k.givenUp)
	o.kept.Store(w.ticket)
	o.wakeReaders(w.events)
	return true
}

// addKeptRun makes a committed run readable.
func (o *Outbox) addKeptRun(c *pendingRun) {
	o.keptRun, o.keptTotal = c.ID, total{c.events, c.bytes}
	o.usualSize = len(c.Lines) + len(c.Lines)/8
	o.recent.add(c.Run)
}

// wakeReaders wakes the readers and feeds the tails.
func (o *Outbox) wakeReaders(events []evcp.Event) {
	o.pokeCursors()
	poke(o.facts.wake)
	for _, done := range o.flushers {
		poke(done)
	}
	if len(o.tails) > 0 && len(events) > 0 {
		batch := slices.Clone(events)
		for _, t := range o.tails {
			t.offer(batch)
		}
	}
}

// wakeCursors makes the cursors look again.
func (o *Outbox) wakeCursors() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pokeCursors()
}

func (o *Outbox) pokeCursors() {
	for _, c := range o.cursors {
		poke(c.wake)
	}
}

func (g *volume) add(c *pendingRun) {
	g.runs++
	g.bytes += int64(len(c.Lines))
}
