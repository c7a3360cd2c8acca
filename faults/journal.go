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

// groundTruth is what was truly done, and when: by the Engines, and to everybody. It
// may be written by any goroutine.
type groundTruth struct {
	mu     sync.Mutex
	shared []oracle.Window
	cps []cpTruth
	busy   time.Duration // as the canary has it
	problems []string      // what ended by itself, or did not end when asked
	measured  []measurement      // what a story measured while it was played
}

// cpTruth are the journal of one charge point.
type cpTruth struct {
	windows    []oracle.Window
	behaviours []oracle.EngineBehaviour
	checks  []oracle.EngineCheck
	newCheck       chan struct{} // closed at the next question
}

// addCP begins the notes of one more charge point, and numbers it.
func (j *groundTruth) addCP() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cps = append(j.cps, cpTruth{newCheck: make(chan struct{})})
	return len(j.cps) - 1
}

func now() evcp.Stamp { return evcp.StampOf(time.Now()) }

// endWindow notes one that is over: from its beginning to now.
func (j *groundTruth) endWindow(cp int, from evcp.Stamp, w oracle.Window) {
	w.From, w.To = from, now()
	j.addWindow(cp, w)
}

// addWindow notes a window of one charge point, or of everybody if cp is -1.
func (j *groundTruth) addWindow(cp int, w oracle.Window) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if cp < 0 {
		j.shared = append(j.shared, w)
		return
	}
	j.cps[cp].windows = append(j.cps[cp].windows, w)
}

func (j *groundTruth) addBehaviour(cp int, b oracle.EngineBehaviour) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cps[cp].behaviours = append(j.cps[cp].behaviours, b)
}

// addExchange is an Engine's account of one exchange.
func (j *groundTruth) addExchange(cp int, x engine.ServedRequest) {
	if x.Verb != wire.HealthCheck {
		return
	}
	q := oracle.EngineCheck{Received: evcp.StampOf(x.Asked), Done: evcp.StampOf(x.Done), Reply: string(x.Answer)}
	j.mu.Lock()
	defer j.mu.Unlock()
	n := &j.cps[cp]
	if n.splitDuring(q) && len(q.Reply) > 1 {
		q.Partial = q.Reply[:1]
	}
	n.checks = append(n.checks, q)
	close(n.newCheck)
	n.newCheck = make(chan struct{})
}

// splitDuring reports whether the Engine answered in two halves at some time of an
// exchange: what is in force when it speaks counts, not when it was asked.
func (n *cpTruth) splitDuring(q oracle.EngineCheck) bool {
	until := q.Done
	for _, b := range slices.Backward(n.behaviours) {
		if b.At <= q.Done && until >= q.Received && strings.HasPrefix(b.Name, "halves=") {
			return true
		}
		until = b.At
	}
	return false
}

// checkCount is how many questions the Engine has dealt with, and what to wait for
// until there is one more.
func (j *groundTruth) checkCount(cp int) (int, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.cps[cp].checks), j.cps[cp].newCheck
}

// addBusy notes how long the machine was too busy for a canary.
func (j *groundTruth) addBusy(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.busy += d
}

// addMeasurement notes a figure.
func (j *groundTruth) addMeasurement(f measurement) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.measured = append(j.measured, f)
}

// measurements are those so far.
func (j *groundTruth) measurements() []measurement {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.measured)
}

// addProblem notes what should not have happened to a program.
func (j *groundTruth) addProblem(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.problems = append(j.problems, text)
}

// problemList are those so far.
func (j *groundTruth) problemList() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.problems)
}

func (j *groundTruth) busyTime() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.busy
}

// stallSummary says how often the bench was in no state to witness or to blame.
func (j *groundTruth) stallSummary() string {
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
