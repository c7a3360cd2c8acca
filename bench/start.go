package main

import (
	"context"
	"fmt"
	"time"
)

// firstCheckWithin bounds the time from the start of a Monitor to its first check,
// in ms.
const firstCheckWithin = 30.0

// startCase is one way to start a Monitor.
type startCase struct {
	name     string
	central  string // its port
	fresh    bool   // with an empty state folder each time; otherwise the last one is resumed
	stateDir string
	took     samples // ms
}

// measureStart starts one Monitor after another, and measures from just before the
// fork until its first health_check is received by the Engine.
func measureStart(ctx context.Context, h *harness) ([]resultTable, error) {
	central, broker, err := h.centralAndBroker(ctx)
	if err != nil {
		return nil, err
	}
	closing, err := h.peer(true, centralReplies(nil))
	if err != nil {
		return nil, err
	}
	cases := []*startCase{
		{name: "ev-central, state resumed", central: central},
		{name: "ev-central, first start", central: central, fresh: true},
		{name: "Central closes after each reply, state resumed", central: closing},
		{name: "Central closes after each reply, first start", central: closing, fresh: true},
	}
	if err := h.startAll(ctx, cases, broker); err != nil {
		return nil, err
	}
	return []resultTable{startTable(cases)}, nil
}

// startAll takes the cases in turn. The first time round fills the page cache and
// makes the states that are resumed; it is not counted.
func (h *harness) startAll(ctx context.Context, cases []*startCase, broker string) error {
	checks := make(chan time.Time, 16)
	engine, err := h.peer(false, engineReplies(0, func(at time.Time) {
		select {
		case checks <- at:
		default: // nobody waits for a check of a Monitor that has started already
		}
	}))
	if err != nil {
		return err
	}
	for n := range h.sizes.starts + 1 {
		for i, c := range cases {
			if c.fresh || n == 0 {
				if c.stateDir, err = h.folder("state"); err != nil {
					return err
				}
			}
			m := monitorConfig{cp: fmt.Sprintf("CP_%d", i), central: c.central, broker: broker, stateDir: c.stateDir}
			took, err := h.firstCheck(ctx, m, engine, checks)
			if err != nil {
				return err
			}
			if n > 0 {
				c.took.add(millis(took))
			}
		}
	}
	return nil
}

func (h *harness) firstCheck(ctx context.Context, m monitorConfig, engine string, checks chan time.Time) (time.Duration, error) {
	h = h.scope()
	defer h.close()
	for len(checks) > 0 { // those of the Monitor before
		<-checks
	}
	c, err := m.start(ctx, h, engine)
	if err != nil {
		return 0, err
	}
	select {
	case at := <-checks:
		return at.Sub(c.Started), nil
	case <-c.Exited():
		return 0, endedError(c)
	case <-time.After(10 * time.Second):
		return 0, fmt.Errorf("no check within 10 s of the start; %s", c.Tail())
	}
}

func startTable(cases []*startCase) resultTable {
	t := resultTable{name: "start", title: "Start of the process to the first check, ms", head: []string{"", "starts", "median", "p90", "max", "max at most 30"}}
	for _, c := range cases {
		s := c.took
		t.add(c.name, fmt.Sprint(len(s)), figure(s.median()), figure(s.percentile(0.9)), figure(s.max()), verdict(s.max(), firstCheckWithin))
	}
	return t
}
