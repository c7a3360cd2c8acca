package demo

import (
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/engine"
	"evcp/internal/watch"
)

// stage is all parts at work, and what the story and the keys do to them.
type stage struct {
	o        Options
	dir      string
	desk     *desk
	central  *central.Central
	broker   *broker
	chargers []*charger

	mu     sync.Mutex
	guards map[evcp.CPID]*guard // the Monitors; none for one that was lost
	lost   map[evcp.CPID]*guard // lost and not yet replaced
	late   int                  // ticks that Monitors missed that are gone by now
}

func (s *stage) cp(n int) *charger { return s.chargers[n-1] }

// spokeUp asks the Engine of a charge point.
func (s *stage) spokeUp(cp evcp.CPID, from, to time.Time) bool {
	for _, c := range s.chargers {
		if c.id == cp {
			return c.spokeUp(from, to)
		}
	}
	return false
}

// watchOver gives a charge point its Monitor.
func (s *stage) watchOver(c *charger) error {
	g, err := guardWith(watch.Options{
		CP: c.id, Engine: c.port.Addr().String(), Central: s.central.Addr().String(),
		Policy:   evcp.Policy{Fall: 3, Rise: 1, Instance: "ev-demo"},
		Interval: s.o.Interval, Timeout: s.o.timeout(), ReportEvery: 30 * s.o.Interval, Heartbeat: s.o.heartbeat(),
		Brokers: []string{s.broker.address}, Topic: topic,
		StateDir: filepath.Join(s.dir, "monitors"), StateMax: 64 << 20, Keep: 8 << 20,
		Version: s.o.Version, Origin: "the demo", Console: console.Open(console.Options{Level: nothing}),
		Slept: watch.Slept, Events: s.desk.events,
	})
	if err != nil {
		return fmt.Errorf("start the Monitor of %s: %w", c.id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guards[c.id] = g
	return nil
}

// nothing is above every level: what these Monitors have to say, the demo says.
const nothing = 100

// lose ends a Monitor without a word to Central, as kill -9 does.
func (s *stage) lose(c *charger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.guards[c.id]
	if g == nil {
		return
	}
	delete(s.guards, c.id)
	s.lost[c.id] = g
	s.desk.take(func(a *account) { a.figures.Lost++ })
	g.leash.cut()
	g.stop()
}

// mend makes all Engines answer OK and gives every charge point a Monitor. A new
// one takes over the folder of the one that was lost, and goes on numbering.
func (s *stage) mend() {
	for _, c := range s.chargers {
		c.behave(ok)
		if !s.bury(c) {
			continue
		}
		if err := s.watchOver(c); err != nil {
			s.desk.say(c.id, display.Failed, trimmed(english.broken, err))
		}
	}
}

// bury waits for the end of a Monitor that was lost, and reports whether one is
// missing.
func (s *stage) bury(c *charger) bool {
	s.mu.Lock()
	g, guarded := s.lost[c.id], s.guards[c.id] != nil
	s.mu.Unlock()
	if g != nil {
		<-g.done
		s.mu.Lock()
		delete(s.lost, c.id)
		s.late += int(g.stats().Missed)
		s.mu.Unlock()
	}
	return !guarded
}

func (s *stage) freeze() {
	s.broker.freeze()
	s.desk.say("", display.Gone, english.frozen)
}

func (s *stage) thaw() {
	s.broker.thaw()
	s.desk.take((*account).thaw)
}

// command does what a key says.
func (s *stage) command(c *charger, b engine.Behaviour, text string) {
	c.behave(b)
	s.mu.Lock()
	unseen := s.guards[c.id] == nil
	s.mu.Unlock()
	if unseen {
		text += english.unseen
	}
	s.desk.say(c.id, display.Note, text)
}

// tally adds up what the Monitors alone know: the ticks they missed, and the
// events that wait on disk, also those of one that is lost.
func (s *stage) tally() (late int, waiting int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	late = s.late
	for _, all := range []map[evcp.CPID]*guard{s.guards, s.lost} {
		for _, g := range all {
			stats := g.stats()
			late += int(stats.Missed)
			waiting += stats.Pending
		}
	}
	return late, waiting
}
