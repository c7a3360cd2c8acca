package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"evcp/internal/oracle"
)

// scenario is a written story, at the real pace. What must come of it the oracle
// knows, as it does for faults that were drawn; beside that a story shows figures
// of its own: those that play measures meanwhile (journal.show), and those that
// figures finds when all is told, an account for each charge point.
type scenario struct {
	name    string
	about   string
	cps  int
	run    func(ctx context.Context, c *campaign) error
	measure func(c *campaign, all []cpHistory) []measurement
}

// scenarios in the order of docs/RELIABILITY.md.
var scenarios = []scenario{
	{"stops", "a Monitor that is stopped and starved accuses nobody, and misses nobody", 5, runStops, measureStops},
	{"kills", "kill -9 at two of three, after a receipt, and before a recovery", 3, runKills, measureKills},
	{"broker", "a broker frozen for 15 s and away for 15 s", 2, runBroker, measureBroker},
	{"fifty", "kill -9 of a Monitor at 50 random moments", 2, runFifty, measureFifty},
	{"late", "answers that are whole 1.5 s late, and then in time", 2, runLate, measureLate},
	{"holes", "a black hole of 30 s before the Engine, then before Central", 3, runHoles, measureHoles},
	{"twins", "a state folder that is deleted, and one that is copied to a second host", 3, runTwins, measureTwins},
}

func scenarioNames() string {
	names := make([]string, len(scenarios))
	for i, s := range scenarios {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

// chosen are the stories of a name: one, or all.
func chosen(name string) []scenario {
	return slices.DeleteFunc(slices.Clone(scenarios), func(s scenario) bool { return name != "all" && name != s.name })
}

// runScenarios plays one story, or all, each with everybody new.
func (o *options) runScenarios(ctx context.Context) (broken int, err error) {
	summary := []string{}
	for _, s := range chosen(o.scenario) {
		began := time.Now()
		n, err := o.runScenario(ctx, s)
		if err != nil {
			return broken, fmt.Errorf("%s: %w", s.name, err)
		}
		broken += n
		summary = append(summary, fmt.Sprintf("%-8s %3d broken  %4s", s.name, n, time.Since(began).Round(time.Second)))
	}
	fmt.Fprintf(o.output(), "\n%s\n", strings.Join(summary, "\n"))
	return broken, nil
}

// scenarioTimeout bounds the longest story.
const scenarioTimeout = 5 * time.Minute

func (o *options) runScenario(ctx context.Context, s scenario) (broken int, err error) {
	fmt.Fprintf(o.output(), "\n%s: %s (every %s, %s broker, seed %d)\n", s.name, s.about, realTiming.interval, o.kafka, o.seed)
	ctx, cancel := context.WithTimeout(ctx, scenarioTimeout)
	defer cancel()
	began := time.Now()
	c, err := open(ctx, o, realTiming, slices.Repeat([]catalogueEntry{okEntry}, s.cps))
	if err != nil {
		return 0, err
	}
	defer c.close()
	if err := s.run(ctx, c); err != nil {
		return 0, err
	}
	r, v, err := c.collect(ctx)
	if err != nil {
		return 0, err
	}
	return c.printScenario(s, r, c.result(v, began))
}

// printScenario prints what came of a story, by the oracle's columns and its own
// figures, and counts what is broken.
func (c *campaign) printScenario(s scenario, r oracle.Trace, came campaignResult) (broken int, err error) {
	out := c.o.output()
	c.printResult(out, came)
	broken = came.broken() + printMeasurements(out, append(s.measure(c, histories(r)), c.truth.measurements()...))
	return broken, c.saveTrace(r, broken > 0)
}
