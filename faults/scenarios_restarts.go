package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// runKills kills the Monitor of each group at another moment of an incident.
func runKills(ctx context.Context, c *campaign) error {
	part := func(of func(context.Context, *campaign, []*cpUnderTest) error) func([]*cpUnderTest) error {
		return func(cps []*cpUnderTest) error { return errors.Join(of(ctx, c, cps), setAll(cps, okEntry)) }
	}
	return c.forEachGroup(part(killedAtTwo), part(killedAfterReceipt), part(recoveredWhileDown))
}

// setKOInTurn makes Engines fail. In a fleet each begins after a check of its own, within one
// interval, so that their counts go on together.
func (c *campaign) setKOInTurn(ctx context.Context, cps []*cpUnderTest) error {
	return forEach(cps, func(p *cpUnderTest) error {
		if c.o.fleet {
			p.waitAfterCheck(ctx)
		}
		return p.setBehaviour(failing("ko"))
	})
}

// killedAtTwo kills after two of three failed checks; the next one must report. In a fleet the
// checks go on: some have failed three times by then.
func killedAtTwo(ctx context.Context, c *campaign, cps []*cpUnderTest) error {
	if err := c.setKOInTurn(ctx, cps); err != nil {
		return err
	}
	err := forEach(cps, func(p *cpUnderTest) error { p.waitForChecks(ctx, 2); return nil })
	if !c.o.fleet {
		wait.For(ctx, 150*ms) // they are committed then
		if c.anyAnswered(cps, wire.EngineFailure) {
			return fmt.Errorf("%s: three checks have failed before it could be killed", cps[0].id)
		}
	}
	err = errors.Join(err, cps[0].withMonitorDown((*process.Child).Kill, func() {}))
	c.waitForAnswer(ctx, cps, wire.EngineFailure)
	return err
}

// killedAfterReceipt kills after the report's receipt; --report-every must pass before the
// next report.
func killedAfterReceipt(ctx context.Context, c *campaign, cps []*cpUnderTest) error {
	if err := c.setKOInTurn(ctx, cps); err != nil {
		return err
	}
	c.waitForAnswer(ctx, cps, wire.EngineFailure)
	wait.For(ctx, 300*ms)
	err := cps[0].withMonitorDown((*process.Child).Kill, func() { wait.For(ctx, 100*ms) })
	wait.For(ctx, c.timing.ReportEvery*5/4)
	return err
}

// recoveredWhileDown lets the Engines recover while no Monitor runs.
func recoveredWhileDown(ctx context.Context, c *campaign, cps []*cpUnderTest) error {
	if err := c.setKOInTurn(ctx, cps); err != nil {
		return err
	}
	c.waitForAnswer(ctx, cps, wire.EngineFailure)
	wait.For(ctx, 300*ms)
	var recovered error
	err := cps[0].withMonitorDown((*process.Child).Kill, func() {
		wait.For(ctx, time.Second)
		recovered = setAll(cps, okEntry)
		wait.For(ctx, 3*time.Second)
	})
	c.waitForAnswer(ctx, cps, wire.EngineRecovered)
	return errors.Join(recovered, err)
}

func measureKills(c *campaign, groups [][]cpHistory) []scenarioMetric {
	found := measureKilledAtTwo(groups[0], c.o.fleet)
	found = append(found, ofEach(groups[1], func(h cpHistory) []scenarioMetric { return measureAfterReceipt(h, c.timing.ReportEvery) })...)
	return append(found, ofEach(groups[2], measureRecoveredWhileDown)...)
}

// killed is when the Monitor was down after the Engine had begun to fail.
func (h cpHistory) killed() oracle.Window {
	began := h.rangesOf("ko")[0].from
	all := h.windows(oracle.MonitorDown)
	return all[slices.IndexFunc(all, func(w oracle.Window) bool { return w.From > began })]
}

func measureRecoveredWhileDown(h cpHistory) []scenarioMetric {
	recovered := h.sent(wire.EngineRecovered, always())
	found := []scenarioMetric{
		exactly("recovered while down: ENGINE_RECOVERED", len(recovered), 1),
		exactly("recovered while down: ENGINE_FAILURE", len(h.sent(wire.EngineFailure, always())), 1),
	}
	if len(recovered) > 0 {
		found = append(found, atMost("recovered while down: reported after the start", recovered[0].Sent.Sub(h.killed().To), 1500*ms))
	}
	return found
}

// measureKilledAtTwo wants the failed checks before and after the kill to be three in all. In a
// fleet those that had failed three times before it are left out, and most had not.
func measureKilledAtTwo(group []cpHistory, fleet bool) (found []scenarioMetric) {
	twice := 0
	for _, h := range group {
		down := h.killed()
		incident, _ := h.after(0, isAction(evcp.EngineFailed))
		before := h.count(timeRange{0, down.From}, failedCheck)
		if fleet && before > 2 && incident.At < down.From {
			continue
		}
		if before == 2 {
			twice++
		}
		took := never
		if reports := h.sent(wire.EngineFailure, always()); len(reports) > 0 {
			took = reports[0].Sent.Sub(down.To)
		}
		found = append(found,
			exactly("killed after two: failed checks from start to incident, and those before", before+h.count(timeRange{down.To, incident.At}, failedCheck), 3),
			atMost("killed after two: reported after the start", took, 1500*ms+time.Duration(2-min(before, 2))*h.rules.Interval))
	}
	return append(found, count("killed after two: charge points with two failed checks committed", twice), holds("  which are more than half", twice > len(group)/2))
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

// runRandomKills kills the Monitors at random moments, which the seed determines.
func runRandomKills(ctx context.Context, c *campaign) error {
	if err := c.setBehaviour(intermittentEntry, 1); err != nil {
		return err
	}
	err := forEach(c.monitors(), func(m *monitorUnderTest) error {
		r := rand.New(rand.NewPCG(c.o.seed, uint64(m.cps[0].number)))
		for range randomKills {
			wait.For(ctx, time.Duration(r.Int64N(int64(1800*ms))))
			if err := m.withMonitorDown((*process.Child).Kill, func() {}); err != nil {
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

func measureRandomKills(_ *campaign, groups [][]cpHistory) []scenarioMetric {
	var found []scenarioMetric
	for _, h := range slices.Concat(groups...) {
		id := h.label
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

// The groups of scenario moved-state; a fleet has one state, to which all of this happens. The second
// Monitor of movedCopied has a history of its own, the fourth.
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
	deleted, running := c.group(movedDeleted)[0], c.group(movedRunning)[0]
	if err := deleted.withStateMoved(deleted.stopMonitor, os.RemoveAll); err != nil {
		return err
	}
	running.waitForChecks(ctx, 2) // in a fleet it has just been started
	from := now()
	gone := running.folder + "-deleted" // at once: its Monitor may write into the folder meanwhile
	if err := errors.Join(os.Rename(running.folder, gone), os.RemoveAll(gone)); err != nil {
		return err
	}
	wait.For(ctx, 3*time.Second) // it looks once a second
	if err := running.withMonitorDown(running.stopMonitor, func() {}); err != nil {
		return err
	}
	running.endWindow(from, oracle.Window{Kind: oracle.StateMoved})
	running.waitForChecks(ctx, 2)
	second, err := c.startCopy(ctx, c.group(movedCopied)[0])
	if err != nil {
		return err
	}
	c.waitForCentral(ctx, shownState{second, "copied: Central's API shows two Monitors after", 3 * c.timing.heartbeat, func(s centralState) bool { return s.Monitors == 2 }})
	log, err := os.ReadFile(c.central.Log)
	c.truth.addMetric(holds("copied: Central's log shows two Monitors", err == nil && strings.Contains(string(log), "two Monitors send heartbeats for one charge point")))
	wait.For(ctx, 15*time.Second)
	return nil
}

// startCopy kills a Monitor, copies its state, starts it again, and starts a second one of
// the same ids with the copy. It returns the charge points of that.
//
// Central takes what is first heard within a second of the end of a connection for the same
// Monitor (decision 0037): the second one comes when the first is back.
func (c *campaign) startCopy(ctx context.Context, p *cpUnderTest) (second []*cpUnderTest, err error) {
	m, state := p.monitorUnderTest, filepath.Join(c.o.dir, "state-"+copyInstance)
	start := func() error { return second[0].startMonitor() }
	if c.o.fleet {
		f, err := c.newFleet(fleetName, copyInstance, state, place{})
		for n := 0; err == nil && n < len(m.cps); n++ {
			_, err = f.add(n, movedCopy, okEntry, place{})
		}
		if err != nil {
			return nil, err
		}
		second, start = f.cps, f.start
	} else {
		one, err := c.newCP(movedCopy, p.id, copyInstance, okEntry, state, place{})
		if err != nil {
			return nil, err
		}
		second = []*cpUnderTest{one}
		c.cps = append(c.cps, one)
	}
	err = m.withStateMoved((*process.Child).Kill, func(folder string) error { return copyFiles(folder, second[0].folder) })
	if err != nil {
		return nil, err
	}
	c.waitForReturn(ctx, m.cps, now())
	wait.For(ctx, 2*time.Second)
	second[0].endWindow(c.from, oracle.Window{Kind: oracle.MonitorDown})
	return second, start()
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

func measureMovedState(c *campaign, groups [][]cpHistory) []scenarioMetric {
	var found []scenarioMetric
	for n, name := range []string{movedDeleted: "deleted", movedRunning: "deleted under its Monitor", movedCopied: "copied"} {
		found = append(found, ofEach(groups[n], func(h cpHistory) []scenarioMetric {
			least, most := movedEpochs(n, c.o.fleet)
			return []scenarioMetric{
				notLess(name+": epochs", len(h.epochs()), least),
				notMore(name+": epochs at most", len(h.epochs()), most),
				exactly(name+": seqs that are not on the topic", h.missing(), 0),
			}
		})...)
	}
	first := map[evcp.CPID]cpHistory{}
	for _, h := range slices.Concat(groups[:movedCopy]...) {
		first[h.ID] = h
	}
	return append(found, ofEach(groups[movedCopy], func(h cpHistory) []scenarioMetric {
		return []scenarioMetric{
			exactly("copied: epochs of the second host", len(h.epochs()), 1),
			exactly("copied: seqs of it that are not on the topic", h.missing(), 0),
			holds("copied: the second host's is newer and names the first's", continues(h, first[h.ID])),
		}
	})...)
}

// movedEpochs is how many epochs there are. A Monitor whose state is deleted while it runs, and
// that is stopped before it has a disk again, begins one more. In a fleet all happens to all.
func movedEpochs(group int, fleet bool) (least, most int) {
	switch {
	case fleet:
		return 3, 4
	case group == movedDeleted:
		return 2, 2
	case group == movedRunning:
		return 2, 3
	}
	return 1, 1
}

// continues reports whether the first event of a history begins a newer epoch that names
// the one before.
func continues(h, before cpHistory) bool {
	if len(h.events) == 0 || len(before.events) == 0 {
		return false
	}
	first, old := h.events[0], before.events[len(before.events)-1].Epoch
	return first.Seq == 1 && first.Epoch > old && first.PrevEpoch == old && first.PrevSeq > 0
}
