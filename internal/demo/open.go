package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/dashboard"
)

// set is a stage with its doors, and how to take it down.
type set struct {
	*stage
	page, kafka, monitors net.Listener // Central's two, and the broker's
	undo                  []func() error
}

// undone registers the undo of what was just done.
func (s *set) undone(f func() error) { s.undo = append(s.undo, f) }

func (s *set) undoneQuietly(f func()) { s.undone(func() error { f(); return nil }) }

// close undoes everything, the last first, and may be called twice.
func (s *set) close() error {
	var all []error
	for _, f := range slices.Backward(s.undo) {
		all = append(all, f())
	}
	s.undo = nil
	return errors.Join(all...)
}

// open builds everything but the Monitors. On error nothing is left.
func open(o Options) (*set, error) {
	s := &set{stage: &stage{o: o, guards: map[evcp.CPID]*guard{}, lost: map[evcp.CPID]*guard{}}}
	for _, step := range []func() error{s.folder, s.doors, s.engines, s.office, s.brokerAndReader} {
		if err := step(); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

func (s *set) folder() error {
	dir, err := os.MkdirTemp("", "ev-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	s.dir = dir
	s.undone(func() error { return os.RemoveAll(dir) })
	return nil
}

// doors takes the ports first, all of them: what is taken is known at once.
func (s *set) doors() error {
	for _, door := range []struct {
		to     *net.Listener
		wanted uint16
	}{{&s.page, s.o.PagePort}, {&s.kafka, s.o.KafkaPort}, {&s.monitors, s.o.CentralPort}} {
		l, err := openPort(door.wanted)
		if err != nil {
			return err
		}
		*door.to = l
		s.undoneQuietly(func() { l.Close() })
	}
	return nil
}

// engines opens the charge points CP_001 to CP_006.
func (s *set) engines() error {
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	s.undoneQuietly(func() { stop(); serving.Wait() })
	ids := make([]evcp.CPID, chargePoints)
	for i := range ids {
		ids[i] = evcp.CPID(fmt.Sprintf("CP_%03d", i+1))
		c, err := newCharger(ctx, ids[i], s.o.timeout())
		if err != nil {
			return fmt.Errorf("open the Engine of %s: %w", ids[i], err)
		}
		s.chargers = append(s.chargers, c)
		serving.Go(func() { _ = c.engine.Serve(ctx) }) // its port is open already, nothing else fails
	}
	s.desk = newDesk(newAccount(ids, s.o.timeout(), s.spokeUp))
	return nil
}

const chargePoints = 6

// office opens Central and its page, and follows what it says.
func (s *set) office() error {
	c, err := central.New(central.Options{Heartbeat: s.o.heartbeat(), StateDir: filepath.Join(s.dir, "central")})
	if err != nil {
		return fmt.Errorf("start Central: %w", err)
	}
	s.central = c
	s.undone(c.Close)
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	s.undoneQuietly(func() { stop(); serving.Wait() })
	signal, end := c.Watch()
	serving.Go(func() { _ = c.Serve(ctx, s.monitors) }) // an end that nobody asked for shows on the page
	serving.Go(func() { defer end(); s.follow(ctx, signal) })
	p := openPage(s.page, dashboard.New(c, dashboard.Options{Version: s.o.Version}))
	s.undoneQuietly(p.close)
	return nil
}

// follow brings all changes of state to the desk, from the first on.
func (s *set) follow(ctx context.Context, signal <-chan struct{}) {
	var at central.Position
	for {
		select {
		case <-ctx.Done():
			return
		case <-signal:
		}
		news := s.central.Since(at)
		at = news.Next
		for _, c := range news.Changes {
			s.desk.change(c)
		}
	}
}

func (s *set) brokerAndReader() error {
	b, err := openBroker(s.kafka, filepath.Join(s.dir, "broker"))
	if err != nil {
		return err
	}
	s.broker = b
	s.undoneQuietly(b.close)
	r, err := openReader(b.address, s.desk.arrive)
	if err != nil {
		return err
	}
	s.undoneQuietly(r.close)
	return nil
}
