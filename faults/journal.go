package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"evcp"
	"evcp/internal/engine"
	"evcp/internal/oracle"
	"evcp/internal/wire"
)

// journal is what was truly done, and when: by the Engines, and to everybody. It
// may be written by any goroutine.
type journal struct {
	mu     sync.Mutex
	shared []oracle.Window
	points []notes
	busy   time.Duration // as the canary has it
	events []string      // what ended by itself, or did not end when asked
	shown  []figure      // what a story measured while it was played
}

// notes are the journal of one charge point.
type notes struct {
	windows    []oracle.Window
	behaviours []oracle.EngineBehaviour
	questions  []oracle.EngineCheck
	news       chan struct{} // closed at the next question
}

// open begins the notes of one more charge point, and numbers it.
func (j *journal) open() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.points = append(j.points, notes{news: make(chan struct{})})
	return len(j.points) - 1
}

func now() evcp.Stamp { return evcp.StampOf(time.Now()) }

// window notes one that is over: from its beginning to now.
func (j *journal) window(cp int, from evcp.Stamp, w oracle.Window) {
	w.From, w.To = from, now()
	j.add(cp, w)
}

// add notes a window of one charge point, or of everybody if cp is -1.
func (j *journal) add(cp int, w oracle.Window) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if cp < 0 {
		j.shared = append(j.shared, w)
		return
	}
	j.points[cp].windows = append(j.points[cp].windows, w)
}

func (j *journal) behaves(cp int, b oracle.EngineBehaviour) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.points[cp].behaviours = append(j.points[cp].behaviours, b)
}

// observe is an Engine's account of one exchange.
func (j *journal) observe(cp int, x engine.ServedRequest) {
	if x.Verb != wire.HealthCheck {
		return
	}
	q := oracle.EngineCheck{Received: evcp.StampOf(x.Asked), Done: evcp.StampOf(x.Done), Reply: string(x.Answer)}
	j.mu.Lock()
	defer j.mu.Unlock()
	n := &j.points[cp]
	if n.halvedDuring(q) && len(q.Reply) > 1 {
		q.Partial = q.Reply[:1]
	}
	n.questions = append(n.questions, q)
	close(n.news)
	n.news = make(chan struct{})
}

// halvedDuring reports whether the Engine answered in two halves at some time of an
// exchange: what is in force when it speaks counts, not when it was asked.
func (n *notes) halvedDuring(q oracle.EngineCheck) bool {
	until := q.Done
	for _, b := range slices.Backward(n.behaviours) {
		if b.At <= q.Done && until >= q.Received && strings.HasPrefix(b.Name, "halves=") {
			return true
		}
		until = b.At
	}
	return false
}

// asked is how many questions the Engine has dealt with, and what to wait for
// until there is one more.
func (j *journal) asked(cp int) (int, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.points[cp].questions), j.points[cp].news
}

// sang notes how long the machine was too busy for a canary.
func (j *journal) sang(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.busy += d
}

// show notes a figure.
func (j *journal) show(f figure) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.shown = append(j.shown, f)
}

// figures are those so far.
func (j *journal) figures() []figure {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.shown)
}

// misfortune notes what should not have happened to a program.
func (j *journal) misfortune(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, text)
}

// misfortunes are those so far.
func (j *journal) misfortunes() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.events)
}

func (j *journal) wasBusy() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.busy
}

// excuses says how often the bench was in no state to witness or to blame.
func (j *journal) excuses() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	stood, long := 0, time.Duration(0)
	for _, w := range j.shared {
		if w.Kind == oracle.HarnessStalled {
			stood++
			long += w.To.Sub(w.From)
		}
	}
	return fmt.Sprintf("The bench stood still %d times (%s); a canary found the machine busy for %s in all.", stood, long.Round(ms), j.busy.Round(ms))
}
