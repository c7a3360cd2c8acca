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

// attempt sends until the first error that the client does not recover from. While the
// last batch was rejected, an answer alone does not end an outage.
func (s *Sender) attempt(ctx context.Context) (delivered bool, err error) {
	if err := s.connect(ctx); err != nil {
		return false, err
	}
	if !s.failed {
		s.answered(0)
	}
	return s.deliver(ctx)
}

// connect asks a broker for the topic. No record is in flight yet, so the client stays
// usable whatever fails here.
func (s *Sender) connect(ctx context.Context) error {
	if s.client == nil {
		cl, err := s.o.newClient(kgo.WithHooks(connHooks{s.errored}), kgo.ProducerBatchMaxBytes(s.batchBytes))
		if err != nil {
			return err
		}
		s.client = cl
	}
	limit, cancel := context.WithTimeout(ctx, dialTimeout+overhead)
	defer cancel()
	return ensureTopic(limit, s.client, s.o.Topic)
}

// discardClient closes the client. One that failed a batch may still hold its records, a
// producer id that the brokers reject, the id of a deleted topic, or batches that are too
// large: a new client helps in each case.
func (s *Sender) discardClient() {
	if s.client != nil {
		closeClient(s.client)
		s.client = nil
	}
}

const (
	ackTimeout  = 5 * time.Second  // a batch without an acknowledgement is suspicious
	recentError = 10 * time.Second // unless the client had an error within this, and retries
)

// errNoAck: a broker takes records and acknowledges none.
var errNoAck = errors.New("nothing was acknowledged in time")

// deliver sends batch after batch and advances the cursor, until an error.
func (s *Sender) deliver(ctx context.Context) (delivered bool, err error) {
	f := newInFlight(int(s.batchBytes))
	for {
		f.clear()
		if err := s.collect(ctx, f); err != nil {
			return delivered, err
		}
		if err := s.produce(ctx, f); err != nil {
			s.discardClient()
			s.failed = true
			return delivered, err
		}
		if f.lastRun != 0 {
			delivered, s.failed = true, false
			s.runs.Advance(f.lastRun)
			s.answered(f.events)
		}
	}
}

// collect waits for a run and takes as many more as are there and have room.
func (s *Sender) collect(ctx context.Context, f *inFlight) error {
	if len(f.rest) == 0 {
		run, err := s.runs.Next(ctx)
		if err != nil {
			return err
		}
		f.begin(run)
	}
	for f.load() {
		run, ok, err := s.runs.TryNext()
		if !ok || err != nil {
			return err
		}
		f.begin(run)
	}
	return nil
}

// produce sends the records and waits until all are acknowledged. No context of a record
// is ever cancelled: when ctx ends, the client is closed with what it holds.
func (s *Sender) produce(ctx context.Context, f *inFlight) error {
	f.start()
	cl := s.client
	for i := range f.records {
		cl.Produce(context.Background(), &f.records[i], f.acked)
	}
	flushing, stop := context.WithCancel(context.Background())
	var flush sync.WaitGroup
	flush.Go(func() { _ = cl.Flush(flushing) }) // each record has its own error
	defer flush.Wait()
	defer stop()
	return s.await(ctx, f)
}

// await waits for the acknowledgements. The client reconnects by itself; errors that last
// too long are recorded meanwhile.
func (s *Sender) await(ctx context.Context, f *inFlight) error {
	began := time.Now()
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	for {
		if done, err := f.result(); done || err != nil {
			return err
		}
		if again := s.checkErrors(); again.IsZero() {
			timer.Reset(time.Second)
		} else {
			timer.Reset(time.Until(again))
		}
		select {
		case <-f.changed:
		case <-s.clientError:
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.unacknowledged(began) {
			return errNoAck
		}
	}
}

// unacknowledged reports whether nothing will acknowledge the batch. A request without an
// answer is an error after 4 s, and is retried. No answer for longer without an error
// means that the topic is gone, and only a new client notices.
func (s *Sender) unacknowledged(began time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(began) >= ackTimeout && time.Since(s.phase.lastError) >= recentError
}

// inFlight are the records that wait for acknowledgement: at most one batch for each
// partition. Nothing is sent before all are acknowledged, so nothing overtakes a batch
// that a broker rejects.
type inFlight struct {
	maxBytes int
	bytes    int
	records  []kgo.Record
	lastRun  int64      // the newest run that is contained to its end; 0 = none
	events   int64      // of the runs that are contained to their end
	run      outbox.Run // the newest one
	rest     []byte     // its lines that have no room yet
	changed  chan struct{}

	mu      sync.Mutex // guards what follows
	unacked int
	err     error
}

// What a record takes in a batch beside key and value, at most, and what a batch takes
// beside its records.
const (
	recordOverhead = 48
	batchOverhead  = 256
)

func newInFlight(maxBytes int) *inFlight {
	return &inFlight{maxBytes: maxBytes - batchOverhead, changed: make(chan struct{}, 1)}
}

// clear makes room. The rest of the newest run stays.
func (f *inFlight) clear() {
	f.bytes, f.lastRun, f.events = 0, 0, 0
	f.records = f.records[:0]
}

// begin takes the next run; nothing may be left of the one before.
func (f *inFlight) begin(run outbox.Run) { f.run, f.rest = run, run.Lines }

// load makes records of lines until nothing is left of the run (more is true), or there is
// no more room. One line always has room.
func (f *inFlight) load() (more bool) {
	for len(f.rest) > 0 {
		end := bytes.IndexByte(f.rest, '\n') + 1
		if end == 0 {
			end = len(f.rest)
		}
		line := outbox.Line(bytes.TrimSuffix(f.rest[:end], []byte("\n")))
		key := line.CP()
		size := len(line) + len(key) + recordOverhead
		if len(f.records) > 0 && f.bytes+size > f.maxBytes {
			return false
		}
		f.bytes += size
		f.records = append(f.records, kgo.Record{Key: key, Value: line, Timestamp: line.At().Time()})
		f.rest = f.rest[end:]
	}
	f.lastRun = f.run.ID
	f.events += int64(f.run.Count)
	return true
}

// start is called before the first record is sent.
func (f *inFlight) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unacked, f.err = len(f.records), nil
}

// acked is called by the client for each record. It must not block: all records wait
// behind it.
func (f *inFlight) acked(_ *kgo.Record, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unacked--
	if err != nil && f.err == nil {
		f.err = err
	}
	if f.unacked == 0 || err != nil {
		wake(f.changed)
	}
}

// result reports whether all records are acknowledged, or the first error.
func (f *inFlight) result() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unacked == 0 && f.err == nil, f.err
}

// wake wakes the receiver of a channel of capacity 1, now or when it next receives.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
