package main

import (
	"context"
	"fmt"
	"time"
)

// firstCheckWithin is the number to hold for the start of a lone Monitor.
const firstCheckWithin = 30.0 // ms

// beginning is one way to start.
type beginning struct {
	name    string
	central string
	fresh   bool   // a new state folder each time, instead of resuming the last
	state   string // the folder that is resumed
	took    spread // ms
}

// measureStart starts one Monitor after another and takes the time from before
// its fork until its first health_check has come to the Engine.
func measureStart(ctx context.Context, l *lab) ([]table, error) {
	b, err := l.broker(ctx)
	if err != nil {
		return nil, err
	}
	defer b.stop()
	ours, port, err := l.central(ctx)
	if err != nil {
		return nil, err
	}
	defer ours.stop()
	closing, err := listen(true, asCentral(nil))
	if err != nil {
		return nil, err
	}
	defer closing.stop()
	ways := []*beginning{
		{name: "ev-central, state resumed", central: port},
		{name: "ev-central, first start", central: port, fresh: true},
		{name: "Central closes after each reply, state resumed", central: closing.port()},
		{name: "Central closes after each reply, first start", central: closing.port(), fresh: true},
	}
	if err := l.begin(ctx, ways, b.port); err != nil {
		return nil, err
	}
	return []table{startTable(ways)}, nil
}

// begin goes through all ways in turn. The first time round warms the page cache
// and makes what is resumed, and is not counted.
func (l *lab) begin(ctx context.Context, ways []*beginning, broker string) error {
	heard := make(chan time.Time, 16)
	engine, err := listen(false, asEngine(0, func(at time.Time) { offer(heard, at) }))
	if err != nil {
		return err
	}
	defer engine.stop()
	for n := range l.effort.starts + 1 {
		for i, w := range ways {
			if w.fresh || n == 0 {
				if w.state, err = l.folder("state"); err != nil {
					return err
				}
			}
			s := site{cp: fmt.Sprintf("CP_%d", i), central: w.central, engine: engine.port(), broker: broker, state: w.state}
			took, err := l.firstCheck(ctx, s, heard)
			if err != nil {
				return err
			}
			if n > 0 {
				w.took.add(millis(took))
			}
		}
	}
	return nil
}

func (l *lab) firstCheck(ctx context.Context, s site, heard chan time.Time) (time.Duration, error) {
	for len(heard) > 0 {
		<-heard
	}
	m, err := l.monitor(ctx, s)
	if err != nil {
		return 0, err
	}
	defer m.stop()
	select {
	case at := <-heard:
		return at.Sub(m.started), nil
	case <-m.gone:
		return 0, m.alive()
	case <-time.After(10 * time.Second):
		return 0, fmt.Errorf("no check within 10 s of the start; %s", m.tail())
	}
}

// offer never blocks an Engine: who does not listen is not interested.
func offer(c chan<- time.Time, at time.Time) {
	select {
	case c <- at:
	default:
	}
}

func startTable(ways []*beginning) table {
	t := table{name: "start", title: "Start of the process to the first check, ms", head: []string{"", "starts", "median", "p90", "max", "30 ms (max)"}}
	for _, w := range ways {
		s := w.took
		t.add(w.name, fmt.Sprint(len(s)), figure(s.median()), figure(s.at(0.9)), figure(s.max()), verdict(s.max(), firstCheckWithin))
	}
	return t
}
