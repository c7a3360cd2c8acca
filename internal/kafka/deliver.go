package kafka

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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
		s.answered(0, 0)
	}
	return s.deliver(ctx)
}

// connect asks a broker for the topic. No record is in flight yet, so the client stays
// usable whatever fails here.
func (s *Sender) connect(ctx context.Context) error {
	if s.client == nil {
		assigned := &partitionCount{all: make(chan struct{}, 1)}
		hooks := kgo.WithHooks(connectHook(s.errored), requestHook(s.errored), responseHook(s.responded), throttleHook(s.throttled), partitionHook(assigned.one))
		// The context ends what a request's own does not: the begin of a connection.
		cl, err := s.o.newClient(kgo.WithContext(ctx), hooks, kgo.ProducerBatchMaxBytes(maxBatchBytes))
		if err != nil {
			return err
		}
		s.client, s.assigned = cl, assigned
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

// errNoAck: records were sent, and none was acknowledged. errOnlyAnswers: although the
// brokers answer, and have nothing to say against the topic.
var (
	errNoAck       = errors.New("nothing was acknowledged in time")
	errOnlyAnswers = errors.New("no record is acknowledged")
)

// deliver sends batch after batch and advances the cursor, until an error.
func (s *Sender) deliver(ctx context.Context) (delivered bool, err error) {
	f := &inFlight{}
	for {
		f.maxBytes = int(s.batchBytes) - batchOverhead
		f.reset()
		if err := s.collect(ctx, f); err != nil {
			return delivered, err
		}
		if err := s.send(ctx, f); err != nil {
			s.discardClient()
			s.failed = true
			return delivered, err
		}
		if f.lastRun != 0 {
			delivered, s.failed = true, false
			refused := int64(len(f.refused))
			s.setAside(f.refused)
			f.refused = nil
			s.runs.Advance(f.lastRun)
			s.answered(f.events-refused, refused)
		}
	}
}

// collect waits for a run and takes as many more as are there and have room.
func (s *Sender) collect(ctx context.Context, f *inFlight) error {
	if !f.more {
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

// clientPause is how long the client gets after an answer before it is given records again:
// its own goroutine may still look for more to send, and would take the first of them as a
// batch of their own. If that one was refused, later events would overtake it.
const clientPause = time.Millisecond

// partitionCount counts the records of a batch that have got their partition. The client
// calls one on its goroutines.
type partitionCount struct {
	left atomic.Int64
	all  chan struct{} // has one value when left is 0
}

func (c *partitionCount) one() {
	if c.left.Add(-1) == 0 {
		offer(c.all, struct{}{})
	}
}

// begin counts a batch of n records.
func (c *partitionCount) begin(n int) {
	select {
	case <-c.all: // of a batch that failed before it was flushed
	default:
	}
	c.left.Store(int64(n))
}

// produce sends the records and waits until all are answered. No context of a record is
// ever cancelled: when ctx ends, the client is closed with what it holds. It returns the
// records that were refused for what they are, and why.
//
// The records of one partition must be one batch: if a first one was refused and a second
// one not, later events would overtake. So nothing is flushed before the client knows the
// partition of each, which it learns after the first records of a topic.
func (s *Sender) produce(ctx context.Context, records []*kgo.Record) (refused []*kgo.Record, why, err error) {
	if pause := clientPause - time.Since(s.lastAnswer); pause > 0 {
		time.Sleep(pause)
	}
	defer func() { s.lastAnswer = time.Now() }()
	all := newResults(len(records))
	cl, assigned := s.client, s.assigned
	assigned.begin(len(records))
	for i, r := range records {
		cl.Produce(context.Background(), r, func(_ *kgo.Record, err error) { all.record(i, err) })
	}
	flushing, stop := context.WithCancel(context.Background())
	var flush sync.WaitGroup
	flush.Go(func() {
		select {
		case <-assigned.all:
		case <-flushing.Done():
			return
		}
		_ = cl.Flush(flushing) // each record has its own error
	})
	defer flush.Wait()
	defer stop()
	if err := s.await(ctx, all.done); err != nil {
		return nil, nil, err
	}
	refused, why = all.of(records)
	return refused, why, nil
}

// await waits for the acknowledgements. The client reconnects by itself; errors that last
// too long are recorded meanwhile.
//
// A request without an answer is an error after 4 s, and is retried. No answer for longer
// without an error means that the topic is gone, and only a new client notices.
func (s *Sender) await(ctx context.Context, done <-chan error) error {
	began := time.Now()
	if !s.failed {
		s.update(func(time.Time, int64) bool { s.phase.sending(); return false })
	}
	for {
		select {
		case err := <-done:
			return err
		case <-s.clientError:
		case <-time.After(s.checkErrors()):
		case <-ctx.Done():
			return ctx.Err()
		}
		s.mu.Lock()
		lastError, pausedUntil := s.phase.lastError, s.pausedUntil
		s.mu.Unlock()
		if time.Since(began) >= ackTimeout && time.Since(lastError) >= recentError && time.Since(pausedUntil) >= ackTimeout {
			return s.withoutAck(ctx)
		}
	}
}

// inFlight are the records that wait for acknowledgement: at most one batch for each
// partition. Nothing is sent before all are acknowledged, so nothing overtakes a batch
// that a broker rejects.
type inFlight struct {
	maxBytes int
	bytes    int
	records  []kgo.Record
	lines    []byte            // the values of the records
	lastRun  int64             // the newest run that is contained to its end; 0 = none
	events   int64             // of the runs that are contained to their end
	run      outbox.Run        // the newest one
	rest     outbox.LineReader // its events that have no room yet
	more     bool              // there are some
	refused  []refusedRecord   // to be given up when the cursor advances
}

// reset makes room for the next batch, whose records take the place of those of the last
// one: the client needs a record no more when it is acknowledged. The rest of the newest run stays.
func (f *inFlight) reset() {
	f.bytes, f.lastRun, f.events, f.records, f.lines = 0, 0, 0, f.records[:0], f.lines[:0]
}

func (f *inFlight) begin(run outbox.Run) { f.run, f.rest, f.more = run, run.Lines(), true }

func (f *inFlight) all() []*kgo.Record {
	all := make([]*kgo.Record, len(f.records))
	for i := range f.records {
		all[i] = &f.records[i]
	}
	return all
}

// What a record takes in a batch beside key and value, at most, and what a batch takes
// beside its records.
const (
	recordOverhead = 48
	batchOverhead  = 256
)

// load makes records of events until nothing is left of the run (more is true), or there is
// no more room. One event always has room.
func (f *inFlight) load() (more bool) {
	for {
		before, was := f.rest, len(f.lines)
		lines, ok := f.rest.Next(f.lines)
		if !ok {
			break
		}
		line := outbox.Line(lines[was:])
		key := line.CP()
		size := len(line) + len(key) + recordOverhead
		if len(f.records) > 0 && f.bytes+size > f.maxBytes {
			f.rest, f.lines = before, lines[:was]
			return false
		}
		f.bytes += size
		f.records = append(f.records, kgo.Record{Key: key, Value: line, Timestamp: line.At().Time()})
		f.lines = lines
	}
	f.more = false
	f.lastRun = f.run.ID
	f.events += int64(f.run.Count)
	return true
}

// offer sends on a channel of capacity 1, unless a value waits there already.
func offer[T any](c chan<- T, value T) {
	select {
	case c <- value:
	default:
	}
}
