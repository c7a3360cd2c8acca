package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
	"evcp/internal/outbox"
)

// RunSource is where the events come from. Next is called from one goroutine at a
// time, Rewind only while none is in Next.
type RunSource interface {
	Next(ctx context.Context) (outbox.Run, error)
	TryNext() (run outbox.Run, ok bool, err error)
	Advance(run int64)
	Rewind()
	Pending() (events int64, oldest evcp.Stamp)
}

// Sender sends what a cursor yields.
type Sender struct {
	o        Options
	cursor   RunSource
	progress chan struct{} // for Drain: something was delivered, or Kafka went away
	news     chan struct{} // for Run: the client met an error

	// Run's own.
	batch  int32       // bytes of a batch at most
	client *kgo.Client // kept from try to try; nil makes the next try make one
	failed bool        // the last shipment failed: only a delivery proves that Kafka is back

	mu       sync.Mutex
	standing standing
}

// New checks the options. It dials nothing.
func New(o Options, cursor RunSource) (*Sender, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Sender{o: o, cursor: cursor, progress: make(chan struct{}, 1), news: make(chan struct{}, 1), batch: batchMost}
	s.standing.Since = time.Now()
	return s, nil
}

// Status is how it stands now.
func (s *Sender) Status() ConnectionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.standing.ConnectionStatus
}

// Run sends until ctx ends or the outbox is closed, and never gives up before.
func (s *Sender) Run(ctx context.Context) {
	defer s.discard()
	for failures := 1; ; failures++ {
		delivered, err := s.try(ctx)
		if ctx.Err() != nil || errors.Is(err, outbox.ErrClosed) {
			return
		}
		if delivered {
			failures = 1
		}
		s.cursor.Rewind()
		s.shrink(err)
		s.bad(err)
		s.judge()
		if !s.pause(ctx, backoff(failures)) {
			return
		}
	}
}

// shrink makes smaller batches when the broker takes none of this size. An event
// has about 1 KiB at most; a broker that does not take that is told as it is.
func (s *Sender) shrink(err error) {
	if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) {
		s.batch = max(batchLeast, s.batch/2)
	}
}

// pause waits before the next try, and lets the errors come of age meanwhile.
func (s *Sender) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		s.judge()
		return true
	case <-ctx.Done():
		return false
	}
}

// bad takes in an error, from any goroutine.
func (s *Sender) bad(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standing.bad(time.Now(), err)
	poke(s.news)
}

// good takes in that Kafka answered and has n events more.
func (s *Sender) good(n int64) {
	waiting, _ := s.cursor.Pending()
	s.mu.Lock()
	changed := s.standing.good(time.Now(), n, waiting)
	state := s.standing.ConnectionStatus
	s.mu.Unlock()
	s.tell(changed, state)
}

// judge looks whether errors have lasted too long. It answers when to look again.
func (s *Sender) judge() (again time.Time) {
	waiting, _ := s.cursor.Pending()
	s.mu.Lock()
	changed, again := s.standing.judge(time.Now(), waiting)
	state := s.standing.ConnectionStatus
	s.mu.Unlock()
	s.tell(changed, state)
	return again
}

func (s *Sender) tell(changed bool, state ConnectionStatus) {
	poke(s.progress)
	if changed && s.o.OnStatus != nil {
		s.o.OnStatus(state)
	}
}

// Drain waits until everything is delivered, or Kafka is away, or ctx ends. Run
// must still be running. It reports whether everything is delivered.
func (s *Sender) Drain(ctx context.Context) bool {
	for {
		if waiting, _ := s.cursor.Pending(); waiting == 0 {
			return true
		}
		if s.Status().Phase == Away {
			return false
		}
		select {
		case <-s.progress:
		case <-ctx.Done():
			return false
		}
	}
}
