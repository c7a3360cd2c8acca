package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/wait"
)

// The charge points of this story; the twin is the fourth account.
const (
	twinsDeleted = 0 // its state is deleted between two runs
	twinsRunning  = 1 // its state is deleted under its Monitor
	twinsCopied  = 2
	twinsCopy    = 3
)

// runTwins deletes two states, and copies a third to a second host: another
// Monitor, with an Engine of its own, that speaks for the same id.
func runTwins(ctx context.Context, c *campaign) error {
	wait.For(ctx, 3*time.Second)
	if err := c.cps[twinsDeleted].withStateMoved(c.cps[twinsDeleted].stopMonitor, os.RemoveAll); err != nil {
		return err
	}
	erased := c.cps[twinsRunning]
	if err := os.RemoveAll(erased.stateFolder()); err != nil {
		return err
	}
	wait.For(ctx, 3*time.Second)
	if err := erased.withStateMoved(erased.stopMonitor, func(string) error { return nil }); err != nil {
		return err
	}
	twin, err := c.copyCP(c.cps[twinsCopied])
	if err != nil {
		return err
	}
	twin.waitForTwoMonitors(ctx)
	wait.For(ctx, 15*time.Second)
	return nil
}

// copyCP kills a Monitor, copies its state as it lies there, and starts it again,
// and with the copy another one under the same id.
func (c *campaign) copyCP(p *cpUnderTest) (*cpUnderTest, error) {
	twin, err := c.newCP(p.id, copyInstance, okEntry, filepath.Join(c.o.dir, "state-"+copyInstance))
	if err != nil {
		return nil, err
	}
	err = p.withStateMoved((*process.Child).Kill, func(folder string) error { return copyFiles(folder, twin.stateFolder()) })
	if err != nil {
		return nil, err
	}
	c.cps = append(c.cps, twin)
	c.truth.endWindow(twin.number, stampOf(c.from), oracle.Window{Kind: oracle.MonitorDown})
	err = twin.startMonitor()
	return twin, err
}

// copyFiles copies a folder without the socket that a killed Monitor leaves.
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

// waitForTwoMonitors waits until Central says that two Monitors speak for this one's id.
func (p *cpUnderTest) waitForTwoMonitors(ctx context.Context) {
	most := 3 * p.c.timing.heartbeat
	began := time.Now()
	took := never
	for took < 0 && time.Since(began) < most+5*time.Second && wait.For(ctx, 50*ms) {
		if shown, err := p.c.centralView(ctx); err == nil && shown[string(p.id)].Monitors == 2 {
			took = time.Since(began)
		}
	}
	log, err := os.ReadFile(p.c.central.Log)
	p.c.truth.addMeasurement(atMost("copied: Central's API says two speakers after", took, most))
	p.c.truth.addMeasurement(holds("copied: and its log", err == nil && strings.Contains(string(log), "two connections send heartbeats for one charge point")))
}

func measureTwins(_ *campaign, all []cpHistory) []measurement {
	told := []measurement{exactly("event_ids with two contents", duplicateIDs(all), 0)}
	for n, what := range []string{"deleted", "deleted under its Monitor"} {
		told = append(told, exactly(what+": epochs", len(all[n].epochs()), 2),
			exactly(what+": numbers that are not on the topic", all[n].missing(), 0))
	}
	copied, twin := all[twinsCopied], all[twinsCopy]
	return append(told,
		exactly("copied: epochs of the first host", len(copied.epochs()), 1),
		exactly("copied: epochs of the second host", len(twin.epochs()), 1),
		exactly("copied: numbers that are not on the topic", copied.missing()+twin.missing(), 0),
		holds("copied: the second host's is newer and names the first host's", continues(twin, copied)))
}

// continues reports whether the first event of an account names a number of the one
// before it.
func continues(a, before cpHistory) bool {
	if len(a.events) == 0 || len(before.events) == 0 {
		return false
	}
	first, old := a.events[0], before.events[0].Epoch
	return first.Seq == 1 && first.Epoch > old && first.PrevEpoch == old && first.PrevSeq > 0
}

// duplicateIDs counts the ids under which two different things were sent,
// whoever sent them.
func duplicateIDs(all []cpHistory) int {
	said := map[string]string{}
	n := 0
	for _, a := range all {
		for _, entry := range a.Records {
			e, err := evcp.ParseEvent([]byte(entry.Raw))
			if err != nil {
				continue
			}
			id := e.ID().Text(e.CP)
			if before, known := said[id]; known && before != entry.Raw {
				n++
			}
			said[id] = entry.Raw
		}
	}
	return n
}
