package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/process"
	"evcp/internal/wait"
)

// runHistoryKills lets every Engine fail again and again, and kills Monitors, Central and the
// broker in the middle of incidents, options.kills times in all. The seed determines the order.
func runHistoryKills(ctx context.Context, c *campaign) error {
	failing, stop := context.WithCancel(ctx)
	since := make([]atomic.Int64, len(c.cps)) // when the Engine began to fail; 0: it is OK
	errs := make([]error, 2)
	var running sync.WaitGroup
	running.Go(func() {
		errs[0] = c.forEachCP(func(p *cpUnderTest) error { return p.failAgainAndAgain(failing, &since[p.number]) })
	})
	running.Go(func() {
		defer stop()
		errs[1] = c.killInIncidents(ctx, since)
	})
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// failAgainAndAgain lets an Engine fail for 6 to 10 s, which is an incident, after 2 to 5 s.
func (p *cpUnderTest) failAgainAndAgain(ctx context.Context, since *atomic.Int64) error {
	r := rand.New(rand.NewPCG(p.c.o.seed, uint64(p.number)))
	kinds := []catalogueEntry{failing("ko"), failing("mute"), failing("close"), failing("reset")}
	for wait.For(ctx, between(r, 2*time.Second, 5*time.Second)) {
		if err := p.setBehaviour(kinds[r.IntN(len(kinds))]); err != nil {
			return err
		}
		since.Store(int64(now()))
		wait.For(ctx, between(r, 6*time.Second, 10*time.Second))
		since.Store(0)
		if err := p.setBehaviour(okEntry); err != nil {
			return err
		}
	}
	return nil
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// killInIncidents kills half of the times a Monitor, else Central or the broker, when an Engine
// has failed for up to 5 s. What was killed stays away for a moment; every eighth time for
// longer than checks may be apart.
func (c *campaign) killInIncidents(ctx context.Context, since []atomic.Int64) error {
	r := rand.New(rand.NewPCG(c.o.seed, 0x4157))
	for n := range c.o.kills {
		at := between(r, 200*ms, 5*time.Second)
		victim := -1
		wait.Until(ctx, 20*ms, func() bool {
			for i := range since {
				began := evcp.Stamp(since[i].Load())
				if lasts := now().Sub(began); began != 0 && lasts >= at && lasts < at+500*ms {
					victim = i
				}
			}
			return victim >= 0
		})
		if victim < 0 {
			return fmt.Errorf("kill %d: %w", n, context.Cause(ctx))
		}
		away := between(r, 0, 2*time.Second)
		if n%8 == 7 {
			away = between(r, 5*time.Second, 8*time.Second)
		}
		hold := func() { wait.For(ctx, away) }
		var err error
		switch n % 4 {
		case 0, 2:
			err = c.cps[victim].withMonitorDown((*process.Child).Kill, hold)
		case 1:
			err = c.injectCentral("kill", hold)
		default:
			err = c.injectBroker("kill", hold)
		}
		if err != nil {
			return fmt.Errorf("kill %d: %w", n, err)
		}
	}
	return nil
}

func measureHistoryKills(c *campaign, groups [][]cpHistory) []scenarioMetric {
	segments, incidents := 0, 0
	for _, h := range slices.Concat(groups...) {
		if h.History != nil {
			segments, incidents = segments+len(h.History.Segments), incidents+len(h.History.Incidents)
		}
	}
	found := []scenarioMetric{count("kills of Monitors, Central and the broker", c.o.kills), count("segments in Central's history", segments), count("incidents", incidents)}
	return append(found, c.compareHistories(c.stoppedAt)...)
}
