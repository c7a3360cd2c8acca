package main

import (
	"cmp"
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
	problems []string         // programs that exited unexpectedly, or did not stop
	metrics  []scenarioMetric // by a scenario while it ran
}

// cpTruth is that of one charge point.
type cpTruth struct {
	windows    []oracle.Window
	behaviours []oracle.EngineBehaviour
	checks     []oracle.EngineCheck // in the order of their ends
}

func now() evcp.Stamp { return evcp.StampOf(time.Now()) }

// addCP makes room for one more charge point, and numbers it.
func (g *groundTruth) addCP() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cps = append(g.cps, cpTruth{})
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

// checkCount is how many checks an Engine has served.
func (g *groundTruth) checkCount(cp int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.cps[cp].checks)
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
func (g *groundTruth) findings() (problems []string, measured []scenarioMetric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.problems), slices.Clone(g.metrics)
}

// trace is what the oracle reads of everybody, and of the charge points by number: all but
// IDs, messages, records and final states. It is ordered as the oracle wants it.
func (g *groundTruth) trace() oracle.Trace {
	g.mu.Lock()
	defer g.mu.Unlock()
	start := func(w oracle.Window) evcp.Stamp { return w.From }
	received := func(c oracle.EngineCheck) evcp.Stamp { return c.Received }
	t := oracle.Trace{Shared: sorted(g.shared, start), CPs: make([]oracle.CPTrace, len(g.cps))}
	for n, cp := range g.cps {
		t.CPs[n] = oracle.CPTrace{Behaviours: slices.Clone(cp.behaviours), Windows: sorted(cp.windows, start), EngineChecks: sorted(cp.checks, received)}
	}
	return t
}

func sorted[T any](all []T, at func(T) evcp.Stamp) []T {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(at(a), at(b)) })
	return all
}
