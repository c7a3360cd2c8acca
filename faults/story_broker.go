package main

import (
	"context"
	"time"

	"evcp/internal/oracle"
	"evcp/internal/wait"
)

// mixedItem makes more to tell than an Engine that is always well.
var mixedItem = say("intermittent", oracle.ExpectEither, 0)

// playBroker freezes the broker and then kills it.
func playBroker(ctx context.Context, c *campaign) error {
	if err := c.behave(mixedItem, 1); err != nil {
		return err
	}
	pause := func() { wait.For(ctx, 15*time.Second) }
	if err := c.strikeBroker("stop", pause); err != nil {
		return err
	}
	wait.For(ctx, 2*time.Second)
	if err := c.strikeBroker("kill", pause); err != nil {
		return err
	}
	return c.well(1)
}

func brokerFigures(_ *campaign, all []account) []figure {
	var told []figure
	for _, a := range all {
		id := string(a.ID)
		told = append(told,
			counted(id+": checks", len(a.EngineChecks)),
			atMost(id+": the latest check, behind its tick", a.latest(), 150*ms),
			exactly(id+": numbers that are not on the topic", a.missing(), 0),
			exactly(id+": epochs", len(a.epochs()), 1),
			counted(id+": records on the topic", len(a.Records)))
	}
	return told
}
