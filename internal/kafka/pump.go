package kafka

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp/internal/outbox"
)

const (
	silence  = 5 * time.Second  // without an acknowledgement something is wrong
	troubled = 10 * time.Second // within this the client met an error and tries again
)

// errNoAck is a broker that takes records and acknowledges none.
var errNoAck = errors.New("nothing was acknowledged in time")

// pump sends runs and moves the cursor, until an error.
func (s *Sender) pump(ctx context.Context, cl *kgo.Client) (delivered bool, err error) {
	f := newFlight()
	feeding, stop := context.WithCancel(ctx)
	var feeder sync.WaitGroup
	ended := make(chan error, 1)
	feeder.Go(func() { ended <- s.feed(feeding, cl, f) })
	defer feeder.Wait()
	defer stop()
	w := newWatch()
	defer w.timer.Stop()
	for {
		w.arm(f, s.judge())
		select {
		case <-f.news:
			last, events, err := f.delivered()
			if last > 0 {
				delivered = true
				s.cursor.Advance(last)
				s.good(events)
				w.moved = time.Now()
			}
			if err != nil {
				return delivered, err
			}
		case <-s.news: // judged above
		case <-w.timer.C:
			if err := s.silent(f, w); err != nil {
				return delivered, err
			}
		case err := <-ended:
			return delivered, err
		}
	}
}

// watch remembers when something last moved.
type watch struct {
	timer *time.Timer
	moved time.Time
}

func newWatch() *watch {
	w := &watch{timer: time.NewTimer(time.Hour), moved: time.Now()}
	w.timer.Stop()
	return w
}

// arm sets the timer: there is something to look at while runs are under way, or
// when the errors come of age.
func (w *watch) arm(f *flight, again time.Time) {
	switch {
	case !again.IsZero():
		w.timer.Reset(time.Until(again))
	case !f.empty():
		w.timer.Reset(time.Second)
	default:
		w.timer.Stop()
		w.moved = time.Now()
	}
}

// silent looks at runs under way that nobody acknowledges. The client mends by
// itself whatever has to do with connections, and a request that gets no answer
// is an error after 4 s. Longer silence without one means that the client has
// nowhere to send: the topic is gone, and a new client is the remedy.
func (s *Sender) silent(f *flight, w *watch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.empty() || time.Since(w.moved) < silence || time.Since(s.standing.lastError) < troubled {
		return nil
	}
	return errNoAck
}

// feed produces what the cursor yields while the window has room.
func (s *Sender) feed(ctx context.Context, cl *kgo.Client, f *flight) error {
	for {
		for f.full() {
			select {
			case <-f.room:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		run, err := s.cursor.Next(ctx)
		if err != nil {
			return err
		}
		produce(cl, f, run)
	}
}

// produce hands a run to the client. Its context is never cancelled.
func produce(cl *kgo.Client, f *flight, run outbox.Run) {
	n := bytes.Count(run.Lines, []byte("\n"))
	t := f.add(run.ID, n, len(run.Lines))
	records := make([]kgo.Record, n)
	promise := func(_ *kgo.Record, err error) { t.landed(err) }
	i := 0
	for line := range run.Each() {
		r := &records[i]
		r.Key, r.Value, r.Timestamp = line.CP(), line, line.At().Time()
		cl.Produce(context.Background(), r, promise)
		i++
	}
}
