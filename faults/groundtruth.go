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
	mu       sync.Mutex       // guards all below
	recorded oracle.Trace     // Shared; of each charge point Behaviours, Windows and EngineChecks, these in order of Done
	problems []string         // programs that exited unexpectedly, or did not stop
	metrics  []scenarioMetric // by a scenario while it ran
}

func now() evcp.Stamp { return evcp.StampOf(time.Now()) }

// addCP adds a charge point, and numbers it.
func (g *groundTruth) addCP(id evcp.CPID) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.recorded.CPs = append(g.recorded.CPs, oracle.CPTrace{ID: id})
	return len(g.recorded.CPs) - 1
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
		g.recorded.Shared = append(g.recorded.Shared, w)
		return
	}
	g.recorded.CPs[cp].Windows = append(g.recorded.CPs[cp].Windows, w)
}

func (g *groundTruth) addBehaviour(cp int, b oracle.EngineBehaviour) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.recorded.CPs[cp].Behaviours = append(g.recorded.CPs[cp].Behaviours, b)
}

// addExchange adds a health check that an Engine has served.
func (g *groundTruth) addExchange(cp int, x engine.ServedRequest) {
	if x.Verb != wire.HealthCheck {
		return
	}
	check := oracle.EngineCheck{Received: evcp.StampOf(x.Asked), Done: evcp.StampOf(x.Done), Reply: string(x.Answer)}
	g.mu.Lock()
	defer g.mu.Unlock()
	t := &g.recorded.CPs[cp]
	if splitDuring(t.Behaviours, check) && len(check.Reply) > 1 {
		check.Partial = check.Reply[:1]
	}
	t.EngineChecks = append(t.EngineChecks, check)
}

// splitDuring reports whether the Engine split its replies at some time of a check: what
// is in force at the reply counts, not at the request.
func splitDuring(behaviours []oracle.EngineBehaviour, check oracle.EngineCheck) bool {
	until := check.Done
	for _, b := range slices.Backward(behaviours) {
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
	return len(g.recorded.CPs[cp].EngineChecks)
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

// trace is what the oracle reads, ordered as it wants: all but the rules, the times, and of
// the charge points messages, records and final states.
func (g *groundTruth) trace() oracle.Trace {
	g.mu.Lock()
	defer g.mu.Unlock()
	start := func(w oracle.Window) evcp.Stamp { return w.From }
	received := func(c oracle.EngineCheck) evcp.Stamp { return c.Received }
	t := oracle.Trace{Shared: sorted(g.recorded.Shared, start), CPs: slices.Clone(g.recorded.CPs)}
	for n := range t.CPs {
		cp := &t.CPs[n]
		cp.Windows, cp.EngineChecks = sorted(cp.Windows, start), sorted(cp.EngineChecks, received)
	}
	return t
}

func sorted[T any](all []T, at func(T) evcp.Stamp) []T {
	return slices.SortedStableFunc(slices.Values(all), func(a, b T) int { return cmp.Compare(at(a), at(b)) })
}
