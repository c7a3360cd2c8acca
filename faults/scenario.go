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
	points  int
	play    func(ctx context.Context, c *campaign) error
	figures func(c *campaign, all []account) []figure
}

// scenarios in the order of docs/RELIABILITY.md.
var scenarios = []scenario{
	{"stops", "a Monitor that is stopped and starved accuses nobody, and misses nobody", 5, playStops, stopsFigures},
	{"kills", "kill -9 at two of three, after a receipt, and before a recovery", 3, playKills, killsFigures},
	{"broker", "a broker frozen for 15 s and away for 15 s", 2, playBroker, brokerFigures},
	{"fifty", "kill -9 of a Monitor at 50 random moments", 2, playFifty, fiftyFigures},
	{"late", "answers that are whole 1.5 s late, and then in time", 2, playLate, lateFigures},
	{"holes", "a black hole of 30 s before the Engine, then before Central", 3, playHoles, holesFigures},
	{"twins", "a state folder that is deleted, and one that is copied to a second host", 3, playTwins, twinsFigures},
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

// playScenarios plays one story, or all, each with everybody new.
func (o *options) playScenarios(ctx context.Context) (broken int, err error) {
	summary := []string{}
	for _, s := range chosen(o.scenario) {
		began := time.Now()
		n, err := o.playScenario(ctx, s)
		if err != nil {
			return broken, fmt.Errorf("%s: %w", s.name, err)
		}
		broken += n
		summary = append(summary, fmt.Sprintf("%-8s %3d broken  %4s", s.name, n, time.Since(began).Round(time.Second)))
	}
	fmt.Fprintf(o.output(), "\n%s\n", strings.Join(summary, "\n"))
	return broken, nil
}

// storyLimit bounds the longest story.
const storyLimit = 5 * time.Minute

func (o *options) playScenario(ctx context.Context, s scenario) (broken int, err error) {
	fmt.Fprintf(o.output(), "\n%s: %s (every %s, %s broker, seed %d)\n", s.name, s.about, seconds.interval, o.kafka, o.seed)
	ctx, cancel := context.WithTimeout(ctx, storyLimit)
	defer cancel()
	began := time.Now()
	c, err := open(ctx, o, seconds, slices.Repeat([]item{wellItem}, s.points))
	if err != nil {
		return 0, err
	}
	defer c.close()
	if err := s.play(ctx, c); err != nil {
		return 0, err
	}
	r, v, err := c.reckon(ctx)
	if err != nil {
		return 0, err
	}
	return c.tellStory(s, r, c.outcome(v, began))
}

// tellStory prints what came of a story, by the oracle's columns and its own
// figures, and counts what is broken.
func (c *campaign) tellStory(s scenario, r oracle.Trace, came outcome) (broken int, err error) {
	out := c.o.output()
	c.printOutcome(out, came)
	broken = came.broken() + printFigures(out, append(s.figures(c, accountsOf(r)), c.journal.figures()...))
	return broken, c.keepRecord(r, broken > 0)
}
