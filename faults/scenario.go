package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// scenario is a written story. What must come of it the oracle knows; where a
// story wants more, it says so itself.
type scenario struct {
	about  string
	pace   pace
	points int
	play   func(ctx context.Context, c *campaign) error
}

var scenarios = map[string]scenario{
	"stops":  {"a Monitor that is stopped and starved accuses nobody, and misses nobody", seconds, 5, playStops},
	"kills":  {"kill -9 at two of three, after a receipt, and before a recovery", repeating, 3, playKills},
	"broker": {"a broker frozen for 15 s and away for 15 s", seconds, 2, playBroker},
	"fifty":  {"kill -9 of a Monitor at 50 random moments", seconds, 2, playFifty},
	"late":   {"answers that come 1.5 s late, and then in time", seconds, 1, playLate},
	"holes":  {"a black hole of 30 s before the Engine, then before Central", seconds, 2, playHoles},
}

func scenarioNames() string { return strings.Join(slices.Sorted(maps.Keys(scenarios)), ", ") }

// playScenarios plays one story, or all, each with everybody new.
func (o *options) playScenarios(ctx context.Context) (broken int, err error) {
	names := []string{o.scenario}
	if o.scenario == "all" {
		names = slices.Sorted(maps.Keys(scenarios))
	}
	for _, name := range names {
		n, err := o.playScenario(ctx, name, scenarios[name])
		if err != nil {
			return broken, fmt.Errorf("%s: %w", name, err)
		}
		broken += n
	}
	return broken, nil
}

// repeating is the pace of a story in which a report is repeated.
var repeating = pace{time.Second, 900 * ms, 8 * time.Second, 5 * time.Second}

// storyLimit bounds the longest story.
const storyLimit = 5 * time.Minute

func (o *options) playScenario(ctx context.Context, name string, s scenario) (int, error) {
	fmt.Fprintf(o.output(), "\n%s: %s (every %s, %s broker)\n", name, s.about, s.pace.interval, o.kafka)
	ctx, cancel := context.WithTimeout(ctx, storyLimit)
	defer cancel()
	began := time.Now()
	c, err := open(ctx, o, s.pace, slices.Repeat([]item{wellItem}, s.points))
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
	came := c.outcome(v, began)
	c.printOutcome(o.output(), came)
	return came.broken(), c.keepRecord(r, came.broken() > 0)
}
