package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// runKills kills the Monitor of each charge point at another moment of an incident.
func runKills(ctx context.Context, c *campaign) error {
	if err := c.setKO(0, 1, 2); err != nil {
		return err
	}
	parts := []func(context.Context, *cpUnderTest) error{killedAtTwo, killedAfterReceipt, recoveredWhileDown}
	if err := c.forEachCP(func(p *cpUnderTest) error { return parts[p.number](ctx, p) }); err != nil {
		return err
	}
	return c.setOK(0, 1, 2)
}

// killedAtTwo kills after two of three failed checks; the next one must report.
func killedAtTwo(ctx context.Context, p *cpUnderTest) error {
	p.waitForChecks(ctx, 2)
	wait.For(ctx, 150*ms) // they are committed then
	if p.answered(wire.EngineFailure) {
		return fmt.Errorf("%s: three checks have failed before it could be killed", p.id)
	}
	err := p.withMonitorDown((*process.Child).Kill, func() {})
	p.waitForAnswer(ctx, wire.EngineFailure)
	return err
}

// killedAfterReceipt kills after the report's receipt; --report-every must pass before the
// next report.
func killedAfterReceipt(ctx context.Context, p *cpUnderTest) error {
	p.waitForAnswer(ctx, wire.EngineFailure)
	wait.For(ctx, 300*ms)
	err := p.withMonitorDown((*process.Child).Kill, func() { wait.For(ctx, 100*ms) })
	wait.For(ctx, p.c.timing.ReportEvery*5/4)
	return err
}

// recoveredWhileDown lets the Engine recover while no Monitor runs.
func recoveredWhileDown(ctx context.Context, p *cpUnderTest) error {
	p.waitForAnswer(ctx, wire.EngineFailure)
	wait.For(ctx, 300*ms)
	var recovered error
	err := p.withMonitorDown((*process.Child).Kill, func() {
		wait.For(ctx, time.Second)
		recovered = p.setBehaviour(okEntry)
		wait.For(ctx, 3*time.Second)
	})
	p.waitForAnswer(ctx, wire.EngineRecovered)
	return errors.Join(recovered, err)
}

func measureKills(c *campaign, all []cpHistory) []scenarioMetric {
	found := append(measureKilledAtTwo(all[0]), measureAfterReceipt(all[1], c.timing.ReportEvery)...)
	recovered := all[2].sent(wire.EngineRecovered, always())
	started := all[2].windows(oracle.MonitorDown)[0].To
	found = append(found, exactly("recovered while down: ENGINE_RECOVERED", len(recovered), 1),
		exactly("recovered while down: ENGINE_FAILURE", len(all[2].sent(wire.EngineFailure, always())), 1))
	if len(recovered) > 0 {
		found = append(found, atMost("recovered while down: reported after the start", recovered[0].Sent.Sub(started), 1500*ms))
	}
	return found
}

func measureKilledAtTwo(h cpHistory) []scenarioMetric {
	down := h.windows(oracle.MonitorDown)[0]
	incident, _ := h.after(0, isAction(evcp.EngineFailed))
	took := never
	if reports := h.sent(wire.EngineFailure, always()); len(reports) > 0 {
		took = reports[0].Sent.Sub(down.To)
	}
	return []scenarioMetric{
		exactly("killed after two: failed checks committed before it", h.count(timeRange{0, down.From}, failedCheck), 2),
		exactly("killed after two: failed checks from start to incident", h.count(timeRange{down.To, incident.At}, failedCheck), 1),
		atMost("killed after two: reported after the start", took, 1500*ms),
	}
}

func measureAfterReceipt(h cpHistory, every time.Duration) []scenarioMetric {
	reports := h.sent(wire.EngineFailure, always())
	found := []scenarioMetric{exactly("after the receipt: ENGINE_FAILURE", len(reports), 2)}
	if len(reports) < 2 {
		return found
	}
	between := reports[1].Sent.Sub(reports[0].Returned)
	return append(found, atLeast("after the receipt: the second one, after the first receipt", between, every-50*ms),
		atMost("  and not much later", between, every+time.Second),
		exactly("after the receipt: incidents", h.count(always(), isAction(evcp.EngineFailed)), 1))
}

const randomKills = 50 // of each Monitor

// runRandomKills kills two Monitors at random moments, which the seed determines.
func runRandomKills(ctx context.Context, c *campaign) error {
	if err := c.setBehaviour(intermittentEntry, 1); err != nil {
		return err
	}
	err := c.forEachCP(func(p *cpUnderTest) error {
		r := rand.New(rand.NewPCG(c.o.seed, uint64(p.number)))
		for range randomKills {
			wait.For(ctx, time.Duration(r.Int64N(int64(1800*ms))))
			if err := p.withMonitorDown((*process.Child).Kill, func() {}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.setOK(1)
}

func measureRandomKills(_ *campaign, all []cpHistory) []scenarioMetric {
	var found []scenarioMetric
	for _, h := range all {
		id := string(h.ID)
		lost := h.checksWithoutEvent()
		oldest := time.Duration(0)
		for _, check := range lost {
			oldest = max(oldest, h.untilKilled(check))
		}
		found = append(found,
			exactly(id+": kills", len(h.windows(oracle.MonitorDown)), randomKills),
			exactly(id+": seqs that are not on the topic", h.missing(), 0),
			exactly(id+": epochs", len(h.epochs()), 1),
			count(id+": checks that the Engine received", len(h.EngineChecks)),
			count(id+": of them without an event", len(lost)),
			atMost(id+": age of the oldest of those at the kill", oldest, 100*ms))
	}
	return found
}

// clockTolerance is how far apart two processes may date one moment; both read one clock.
const clockTolerance = 5 * ms

// checksWithoutEvent are the Engine's checks that no event is about; each event is about
// one check.
func (h cpHistory) checksWithoutEvent() []oracle.EngineCheck {
	var lost []oracle.EngineCheck
	i := 0
	for _, check := range h.EngineChecks {
		for i < len(h.events) && (h.events[i].Action != evcp.HealthCheck || h.events[i].At.Add(clockTolerance) < check.Received) {
			i++
		}
		if i < len(h.events) && h.events[i].At.Add(-h.events[i].Latency-clockTolerance) <= check.Received {
			i++
			continue
		}
		lost = append(lost, check)
	}
	return lost
}

// untilKilled is the time from a check to the next kill; an hour if there is none.
func (h cpHistory) untilKilled(check oracle.EngineCheck) time.Duration {
	for _, w := range h.windows(oracle.MonitorDown) {
		if w.From.Add(clockTolerance) >= check.Received {
			return w.From.Sub(check.Received)
		}
	}
	return time.Hour
}

// The charge points of scenario moved-state. The second Monitor of movedCopied has a history of
// its own, the fourth.
const (
	movedDeleted = 0 // its state is deleted between two runs
	movedRunning = 1 // its state is deleted while its Monitor runs
	movedCopied  = 2
	movedCopy    = 3
)

// runMovedState deletes two states and copies a third to a second host: another Monitor of the
// same id, with an Engine of its own.
func runMovedState(ctx context.Context, c *campaign) error {
	wait.For(ctx, 3*time.Second)
	deleted, running := c.cps[movedDeleted], c.cps[movedRunning]
	if err := deleted.withStateMoved(deleted.stopMonitor, os.RemoveAll); err != nil {
		return err
	}
	from := now()
	if err := os.RemoveAll(running.folder); err != nil {
		return err
	}
	wait.For(ctx, 3*time.Second) // it looks once a second
	if err := running.withMonitorDown(running.stopMonitor, func() {}); err != nil {
		return err
	}
	c.truth.endWindow(movedRunning, from, oracle.Window{Kind: oracle.StateMoved})
	second, err := c.startCopy(c.cps[movedCopied])
	if err != nil {
		return err
	}
	second.waitForCentral(ctx, "copied: Central's API shows two Monitors after", 3*c.timing.heartbeat, func(s centralState) bool { return s.Monitors == 2 })
	log, err := os.ReadFile(c.central.Log)
	c.truth.addMetric(holds("copied: Central's log shows two Monitors", err == nil && strings.Contains(string(log), "two Monitors send heartbeats for one charge point")))
	wait.For(ctx, 15*time.Second)
	return nil
}

// startCopy kills a Monitor, copies its state, starts it again, and starts a second one of
// the same id with the copy.
func (c *campaign) startCopy(p *cpUnderTest) (*cpUnderTest, error) {
	second, err := c.newCP(p.id, copyInstance, okEntry, filepath.Join(c.o.dir, "state-"+copyInstance), place{})
	if err != nil {
		return nil, err
	}
	err = p.withStateMoved((*process.Child).Kill, func(folder string) error { return copyFiles(folder, second.folder) })
	if err != nil {
		return nil, err
	}
	c.cps = append(c.cps, second)
	c.truth.endWindow(second.number, c.from, oracle.Window{Kind: oracle.MonitorDown})
	err = second.startMonitor()
	return second, err
}

// copyFiles copies the regular files of a folder, and not the socket that a killed Monitor
// leaves.
func copyFiles(from, to string) error {
	all, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("read a state folder: %w", err)
	}
	err = os.MkdirAll(to, 0o700)
	for _, f := range all {
		if !f.Type().IsRegular() {
			continue
		}
		b, unread := os.ReadFile(filepath.Join(from, f.Name()))
		err = errors.Join(err, unread, os.WriteFile(filepath.Join(to, f.Name()), b, 0o600))
	}
	if err != nil {
		return fmt.Errorf("copy a state folder: %w", err)
	}
	return nil
}

func measureMovedState(_ *campaign, all []cpHistory) []scenarioMetric {
	var found []scenarioMetric
	for n, name := range []string{movedDeleted: "deleted", movedRunning: "deleted under its Monitor"} {
		found = append(found, holds(name+": a new epoch", len(all[n].epochs()) > 1),
			exactly(name+": seqs that are not on the topic", all[n].missing(), 0))
	}
	// One that is stopped before it has a disk again begins a third.
	found = append(found, exactly("deleted: epochs", len(all[movedDeleted].epochs()), 2),
		notMore("deleted under its Monitor: epochs", len(all[movedRunning].epochs()), 3))
	copied, second := all[movedCopied], all[movedCopy]
	return append(found,
		exactly("copied: epochs of the first host", len(copied.epochs()), 1),
		exactly("copied: epochs of the second host", len(second.epochs()), 1),
		exactly("copied: seqs that are not on the topic", copied.missing()+second.missing(), 0),
		holds("copied: the second host's is newer and names the first's", continues(second, copied)))
}

// continues reports whether the first event of a history begins a newer epoch that names
// the one before.
func continues(h, before cpHistory) bool {
	if len(h.events) == 0 || len(before.events) == 0 {
		return false
	}
	first, old := h.events[0], before.events[0].Epoch
	return first.Seq == 1 && first.Epoch > old && first.PrevEpoch == old && first.PrevSeq > 0
}
