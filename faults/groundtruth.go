package main

import (
	"cmp"
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

// groundTruth is what the Engines did and what was injected, with times; and what else the
// campaign found beside the oracle. Any goroutine may write it.
type groundTruth struct {
	mu       sync.Mutex
	shared   []oracle.Window // of everybody
	cps      []cpTruth
	busy     time.Duration    // as schedProbe found
	problems []string         // programs that exited unexpectedly, or did not stop
	metrics  []scenarioMetric // by a scenario while it ran
}

// cpTruth is that of one charge point.
type cpTruth struct {
	windows    []oracle.Window
	behaviours []oracle.EngineBehaviour
	checks     []oracle.EngineCheck // in the order of their ends
	newCheck   chan struct{}        // closed at the next one
}

func now() evcp.Stamp { return evcp.StampOf(time.Now()) }

// addCP makes room for one more charge point, and numbers it.
func (g *groundTruth) addCP() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cps = append(g.cps, cpTruth{newCheck: make(chan struct{})})
	return len(g.cps) - 1
}

// endWindow adds w, from its beginning to now.
func (g *groundTruth) endWindow(cp int, from evcp.Stamp, w oracle.Window) {
	w.From, w.To = from, now()
	g.addWindow(cp, w)
}

// addWindow adds a window of one charge point, or of everybody if cp is -1.
func (g *groundTruth) addWindow(cp int, w oracle.Window) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if cp < 0 {
		g.shared = append(g.shared, w)
		return
	}
	g.cps[cp].windows = append(g.cps[cp].windows, w)
}

func (g *groundTruth) addBehaviour(cp int, b oracle.EngineBehaviour) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cps[cp].behaviours = append(g.cps[cp].behaviours, b)
}

// addExchange adds a health check that an Engine has served.
func (g *groundTruth) addExchange(cp int, x engine.ServedRequest) {
	if x.Verb != wire.HealthCheck {
		return
	}
	check := oracle.EngineCheck{Received: evcp.StampOf(x.Asked), Done: evcp.StampOf(x.Done), Reply: string(x.Answer)}
	g.mu.Lock()
	defer g.mu.Unlock()
	t := &g.cps[cp]
	if t.splitDuring(check) && len(check.Reply) > 1 {
		check.Partial = check.Reply[:1]
	}
	t.checks = append(t.checks, check)
	close(t.newCheck)
	t.newCheck = make(chan struct{})
}

// splitDuring reports whether the Engine split its replies at some time of a check: what
// is in force at the reply counts, not at the request.
func (t *cpTruth) splitDuring(check oracle.EngineCheck) bool {
	until := check.Done
	for _, b := range slices.Backward(t.behaviours) {
		if b.At <= check.Done && until >= check.Received && strings.HasPrefix(b.Name, "split=") {
			return true
		}
		until = b.At
	}
	return false
}

// checkCount is how many checks an Engine has served, and a channel that is closed when
// there is one more.
func (g *groundTruth) checkCount(cp int) (int, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.cps[cp].checks), g.cps[cp].newCheck
}

func (g *groundTruth) addBusy(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy += d
}

func (g *groundTruth) addMetric(m scenarioMetric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.metrics = append(g.metrics, m)
}

// addProblem adds what should not have happened to a program.
func (g *groundTruth) addProblem(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.problems = append(g.problems, text)
}

// findings are what the campaign found beside the oracle, so far.
func (g *groundTruth) findings() (problems []string, measured []scenarioMetric, busy time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.problems), slices.Clone(g.metrics), g.busy
}

// stallSummary says how often this process or the machine was too busy to hold a bound
// against anybody.
func (g *groundTruth) stallSummary() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	stalls, total := 0, time.Duration(0)
	for _, w := range g.shared {
		if w.Kind == oracle.HarnessStalled {
			stalls++
			total += w.To.Sub(w.From)
		}
	}
	return fmt.Sprintf("The process of the campaign stalled %d times (%s); the scheduling probe found the machine busy for %s in all.", stalls, total.Round(ms), g.busy.Round(ms))
}

// trace is what the oracle reads of everybody, and of the charge points by number: all but
// IDs, messages, records and final states. It is ordered as the oracle wants it.
func (g *groundTruth) trace() oracle.Trace {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := oracle.Trace{Shared: sorted(g.shared, windowStart), CPs: make([]oracle.CPTrace, len(g.cps))}
	for n, cp := range g.cps {
		t.CPs[n] = oracle.CPTrace{Behaviours: slices.Clone(cp.behaviours), Windows: sorted(cp.windows, windowStart), EngineChecks: sorted(cp.checks, checkStart)}
	}
	return t
}

func windowStart(w oracle.Window) evcp.Stamp     { return w.From }
func checkStart(c oracle.EngineCheck) evcp.Stamp { return c.Received }

func sorted[T any](all []T, at func(T) evcp.Stamp) []T {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(at(a), at(b)) })
	return all
}
