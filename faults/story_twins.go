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
	twinsErased  = 1 // its state is deleted under its Monitor
	twinsCopied  = 2
	twinsTwin    = 3
)

// playTwins deletes two states, and copies a third to a second host: another
// Monitor, with an Engine of its own, that speaks for the same id.
func playTwins(ctx context.Context, c *campaign) error {
	wait.For(ctx, 3*time.Second)
	if err := c.points[twinsDeleted].moved(c.points[twinsDeleted].retire, os.RemoveAll); err != nil {
		return err
	}
	erased := c.points[twinsErased]
	if err := os.RemoveAll(erased.folder()); err != nil {
		return err
	}
	wait.For(ctx, 3*time.Second)
	if err := erased.moved(erased.retire, func(string) error { return nil }); err != nil {
		return err
	}
	twin, err := c.copyOf(c.points[twinsCopied])
	if err != nil {
		return err
	}
	twin.untilTwoSpeak(ctx)
	wait.For(ctx, 15*time.Second)
	return nil
}

// copyOf kills a Monitor, copies its state as it lies there, and starts it again,
// and with the copy another one under the same id.
func (c *campaign) copyOf(p *point) (*point, error) {
	twin, err := c.newPoint(p.id, second, wellItem, filepath.Join(c.o.dir, "state-"+second))
	if err != nil {
		return nil, err
	}
	err = p.moved((*process.Child).Kill, func(folder string) error { return copyFiles(folder, twin.folder()) })
	if err != nil {
		return nil, err
	}
	c.points = append(c.points, twin)
	c.journal.window(twin.number, stampOf(c.from), oracle.Window{Kind: oracle.MonitorDown})
	err = twin.launch()
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

// untilTwoSpeak waits until Central says that two Monitors speak for this one's id.
func (p *point) untilTwoSpeak(ctx context.Context) {
	most := 3 * p.c.pace.heartbeat
	began := time.Now()
	took := never
	for took < 0 && time.Since(began) < most+5*time.Second && wait.For(ctx, 50*ms) {
		if shown, err := p.c.shown(ctx); err == nil && shown[string(p.id)].Speakers == 2 {
			took = time.Since(began)
		}
	}
	log, err := os.ReadFile(p.c.central.Log)
	p.c.journal.show(atMost("copied: Central's API says two speakers after", took, most))
	p.c.journal.show(holds("copied: and its log", err == nil && strings.Contains(string(log), "two connections send heartbeats for one charge point")))
}

func twinsFigures(_ *campaign, all []account) []figure {
	told := []figure{exactly("event_ids with two contents", contradictions(all), 0)}
	for n, what := range []string{"deleted", "deleted under its Monitor"} {
		told = append(told, exactly(what+": epochs", len(all[n].epochs()), 2),
			exactly(what+": numbers that are not on the topic", all[n].missing(), 0))
	}
	copied, twin := all[twinsCopied], all[twinsTwin]
	return append(told,
		exactly("copied: epochs of the first host", len(copied.epochs()), 1),
		exactly("copied: epochs of the second host", len(twin.epochs()), 1),
		exactly("copied: numbers that are not on the topic", copied.missing()+twin.missing(), 0),
		holds("copied: the second host's is newer and names the first host's", follows(twin, copied)))
}

// follows reports whether the first event of an account names a number of the one
// before it.
func follows(a, before account) bool {
	if len(a.events) == 0 || len(before.events) == 0 {
		return false
	}
	first, old := a.events[0], before.events[0].Epoch
	return first.Seq == 1 && first.Epoch > old && first.PrevEpoch == old && first.PrevSeq > 0
}

// contradictions counts the ids under which two different things were sent,
// whoever sent them.
func contradictions(all []account) int {
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
