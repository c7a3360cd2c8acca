package outbox

import (
	"slices"
	"time"

	"evcp"
)

// kept publishes what was committed. It reports false when another keeper has
// taken over meanwhile: then nothing of it was ever kept.
func (k *committer) kept(took time.Duration) bool {
	o := k.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keeper != k {
		return false
	}
	w := &k.work
	for _, p := range w.states {
		st := &o.known[p.place]
		st.state, st.changed, st.renumber = p.state, true, false
	}
	for _, c := range w.chunks {
		o.show(c)
		k.unfolded.add(c)
		k.trim.grown.add(c)
	}
	o.committing = 0
	o.counts.commit(took)
	o.teller.dropped(k.lost)
	o.kept.Store(w.ticket)
	o.notify(w.events)
	return true
}

// show makes a committed run readable.
func (o *Outbox) show(c *pendingRun) {
	o.keptRun, o.keptTotal = c.ID, total{c.events, c.bytes}
	o.usual = len(c.Lines) + len(c.Lines)/8
	o.recent.add(c.Run)
}

// notify wakes the readers and feeds the tails.
func (o *Outbox) notify(events []evcp.Event) {
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

func (g *growth) add(c *pendingRun) {
	g.runs++
	g.bytes += int64(len(c.Lines))
}
