package demo

import (
	"context"
	"errors"
	"sync"
	"time"

	"evcp/internal/console"
	"evcp/internal/display"
)

// Options are what a demo needs. The zero Story is the usual one, the zero
// Interval a second.
type Options struct {
	Console *console.Console
	Keys    <-chan rune     // what a person presses; nil when nobody can
	Hurry   <-chan struct{} // closed: the end waits for nothing more; may be nil
	Version string

	// Ports that are wanted; 0 is any. One that is taken gives way to the next.
	PagePort, KafkaPort, CentralPort uint16

	Story    Story
	Interval time.Duration // from check to check
}

func (o Options) withDefaults() Options {
	if o.Story.Round == 0 {
		o.Story = usual
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	return o
}

// timeout and heartbeat are those of the Monitor's own defaults. Central judges
// lost connections by the second, so it is no use to beat faster.
func (o Options) timeout() time.Duration   { return o.Interval * 9 / 10 }
func (o Options) heartbeat() time.Duration { return max(5*o.Interval, time.Second) }

// Run plays until ctx ends, takes everything down, and says what was counted. An
// error says what could not be opened, or not be closed in good order.
func Run(ctx context.Context, o Options) error {
	_, err := run(ctx, o.withDefaults())
	return err
}

func run(ctx context.Context, o Options) (figures, error) {
	began := time.Now()
	s, err := open(o)
	if err != nil {
		return figures{}, err
	}
	f := newFace(s)
	f.banner()
	if err := s.begin(); err != nil {
		return figures{}, errors.Join(err, s.close())
	}
	var telling sync.WaitGroup
	ended := make(chan struct{})
	telling.Go(func() { f.run(ended) })
	s.perform(ctx)
	all, err := s.finish(o.Hurry)
	close(ended)
	telling.Wait()
	all.Lasted = time.Since(began)
	f.summary(all)
	return all, err
}

// perform plays the story from the moment on that all are activated.
func (s *set) perform(ctx context.Context) {
	select {
	case <-s.desk.begun:
		s.play(ctx, s.o.Story)
	case <-ctx.Done():
	}
}

// Bounds of the end, beside what the Monitors take: the backlog of a broker that
// was frozen, and the reader of the topic.
const (
	backlogLimit = 6 * time.Second
	readLimit    = 2 * time.Second
)

// finish ends the Monitors, waits for what they sent, and takes all down.
func (s *set) finish(hurry <-chan struct{}) (figures, error) {
	s.desk.close()
	s.broker.thaw()
	s.backlog(hurry)
	err := s.endMonitors()
	until(hurry, readLimit, func() bool {
		_, _, _, f := s.desk.look()
		return f.Arrived >= f.Events
	})
	_, _, _, f := s.desk.look()
	f.Late, _ = s.tally()
	return f, errors.Join(err, s.close())
}

// backlog gives a broker that was frozen time to take what waits.
func (s *set) backlog(hurry <-chan struct{}) {
	taken := func() bool { _, waiting := s.tally(); return waiting == 0 }
	if until(hurry, 200*time.Millisecond, taken) {
		return
	}
	_, waiting := s.tally()
	s.desk.say("", display.Note, trimmed(english.ending, english.events.of(int(waiting))))
	until(hurry, backlogLimit, taken)
}

// until asks ready every few milliseconds, for a while, and gives up when hurry
// is closed.
func until(hurry <-chan struct{}, most time.Duration, ready func() bool) bool {
	limit := time.NewTimer(most)
	defer limit.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !ready() {
		select {
		case <-hurry:
			return false
		case <-limit.C:
			return false
		case <-again.C:
		}
	}
	return true
}
