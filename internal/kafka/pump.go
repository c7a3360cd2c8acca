package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	silence  = 5 * time.Second  // without an acknowledgement something is wrong
	troubled = 10 * time.Second // within this the client met an error and tries again
)

// errNoAck is a broker that takes records and acknowledges none.
var errNoAck = errors.New("nothing was acknowledged in time")

// pump sends shipment after shipment and moves the cursor, until an error.
func (s *Sender) pump(ctx context.Context) (delivered bool, err error) {
	sh := newShipment(int(s.batch))
	for {
		sh.clear()
		if err := s.collect(ctx, sh); err != nil {
			return delivered, err
		}
		if err := s.ship(ctx, s.client, sh); err != nil {
			s.discard()
			s.failed = true
			return delivered, err
		}
		if sh.last != 0 {
			delivered, s.failed = true, false
			s.cursor.Advance(sh.last)
			s.good(sh.events)
		}
	}
}

// collect waits for something to send and takes along what else is there.
func (s *Sender) collect(ctx context.Context, sh *shipment) error {
	if len(sh.rest) == 0 {
		run, err := s.cursor.Next(ctx)
		if err != nil {
			return err
		}
		sh.begin(run)
	}
	for sh.load() {
		run, ok, err := s.cursor.TryNext()
		if !ok || err != nil {
			return err
		}
		sh.begin(run)
	}
	return nil
}

// ship sends and waits until everything is acknowledged. No context of a record
// is ever cancelled: when ctx ends, the client is closed with what it has.
func (s *Sender) ship(ctx context.Context, cl *kgo.Client, sh *shipment) error {
	sh.depart()
	for i := range sh.records {
		cl.Produce(context.Background(), &sh.records[i], sh.landed)
	}
	flushing, stop := context.WithCancel(context.Background())
	var flush sync.WaitGroup
	flush.Go(func() { _ = cl.Flush(flushing) }) // what it would say, the records say
	defer flush.Wait()
	defer stop()
	return s.await(ctx, sh)
}

// await waits for the acknowledgements. The client mends by itself whatever has
// to do with connections; errors that last too long are told meanwhile.
func (s *Sender) await(ctx context.Context, sh *shipment) error {
	began := time.Now()
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	for {
		if done, err := sh.arrived(); done || err != nil {
			return err
		}
		if again := s.judge(); again.IsZero() {
			timer.Reset(time.Second)
		} else {
			timer.Reset(time.Until(again))
		}
		select {
		case <-sh.news:
		case <-s.news:
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.lost(began) {
			return errNoAck
		}
	}
}

// lost reports whether a shipment has nowhere to go. A request that gets no
// answer is an error after 4 s, and is tried again. Longer silence without an
// error means that the topic is gone, and a new client is the remedy.
func (s *Sender) lost(began time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(began) >= silence && time.Since(s.standing.lastError) >= troubled
}
