package main

import (
	"context"
	"time"

	"evcp/internal/oracle"
	"evcp/internal/wait"
)

// intermittentEntry makes more to tell than an Engine that is always well.
var intermittentEntry = engineEntry("intermittent", oracle.ExpectEither, 0)

// runBroker freezes the broker and then kills it.
func runBroker(ctx context.Context, c *campaign) error {
	if err := c.setBehaviour(intermittentEntry, 1); err != nil {
		return err
	}
	pause := func() { wait.For(ctx, 15*time.Second) }
	if err := c.injectBroker("stop", pause); err != nil {
		return err
	}
	wait.For(ctx, 2*time.Second)
	if err := c.injectBroker("kill", pause); err != nil {
		return err
	}
	return c.setOK(1)
}

func measureBroker(_ *campaign, all []cpHistory) []measurement {
	var told []measurement
	for _, a := range all {
		id := string(a.ID)
		told = append(told,
			count(id+": checks", len(a.EngineChecks)),
			atMost(id+": the latest check, behind its tick", a.maxLateness(), 150*ms),
			exactly(id+": numbers that are not on the topic", a.missing(), 0),
			exactly(id+": epochs", len(a.epochs()), 1),
			count(id+": records on the topic", len(a.Records)))
	}
	return told
}
