// Package kafka sends the events that the outbox keeps to a Kafka topic.
//
// Delivery is at least once, and in order for each charge point. The cursor advances
// when the brokers have acknowledged a whole run, or refused some of its records for good.
// After any error it is rewound, and whole runs are sent again. While Kafka is away nothing is lost and nothing waits: the
// outbox keeps the events, and this package retries for ever, with a backoff of full
// jitter capped at 5 s.
//
// The records in flight are at most one batch for each partition: when a broker rejects
// a batch, nothing later has overtaken it. A record's value is the JSON line of the
// outbox, its key the charge point, its timestamp the event's.
//
// One client is used for as long as every record that it was given is acknowledged,
// through any number of attempts to reach a broker: while Kafka is away for days, an
// attempt costs a dial and little else. After a batch that failed, the next attempt makes
// a new client, and until something is delivered, a broker that merely answers does not
// count as connected.
//
// What the client library must not do is ruled out here: there are no record retries and
// no delivery timeout, and no produce context is ever cancelled, since each of these can
// acknowledge a record that was never written.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"evcp/internal/outbox"
	"evcp/internal/wait"
)

// Options say where the events go.
type Options struct {
	Brokers     []string // HOST:PORT
	Topic       string
	Compression string       // none, gzip, snappy, lz4 or zstd; "" is none
	Login       *Login       // nil: brokers ask for none
	Logger      *slog.Logger // of the client library, at debug; nil = none
	// OnStatus is called at each change of phase, and when an outage has got another cause, one at
	// a time. It must not block.
	OnStatus func(ConnectionStatus)
	// OnTrouble is called with what hinders a Kafka that takes events: errDated and
	// errThrottled, each at most once an hour. It must not block.
	OnTrouble func(error)
	// Dial opens connections; nil is a link.TCPDialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	clientID string // of a test that has a quota of its own; "" is ev-cp-m
}

var codecs = map[string]kgo.CompressionCodec{
	"":       kgo.NoCompression(),
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

// Sender sends the runs of the outbox to the topic.
type Sender struct {
	o           Options
	runs        *outbox.Cursor
	progress    chan struct{} // wakes Drain: events were delivered, or Kafka went away
	clientError chan struct{} // wakes await: the client had an error

	// These belong to the goroutine of Run.
	batchBytes int32            // at most in one batch
	assigned   *partitionCount  // of the client
	client     *kgo.Client      // kept between attempts; nil: the next attempt makes one
	dates      dates            // of the records
	known      *kgo.Record      // the newest that the topic took; nil: none, or it refuses that now
	nextTrial  time.Time        // with a topic that refuses everything; zero: it does not
	now        func() time.Time // for dates
	lastAnswer time.Time        // when the last batch was answered
	failed     bool             // the last batch failed: only a delivery proves that Kafka is back

	mu          sync.Mutex // guards what follows
	phase       phaseTracker
	reported    map[error]time.Time // when troubled was called last with each
	pausedUntil time.Time           // by the broker's quota
}

// New makes a Sender; it dials nothing before Run. Its error is an unknown compression.
func New(o Options, runs *outbox.Cursor) (*Sender, error) {
	if _, known := codecs[o.Compression]; !known {
		return nil, fmt.Errorf("send to Kafka: unknown compression %q; known are none, gzip, snappy, lz4 and zstd", o.Compression)
	}
	s := &Sender{o: o, runs: runs, progress: make(chan struct{}, 1), clientError: make(chan struct{}, 1), batchBytes: maxBatchBytes,
		reported: map[error]time.Time{}, now: time.Now}
	s.phase.Since = time.Now()
	return s, nil
}

// Status is the connection's. Any goroutine may call it.
func (s *Sender) Status() ConnectionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase.ConnectionStatus
}

// Run sends until ctx ends or the outbox is closed. It retries for ever.
func (s *Sender) Run(ctx context.Context) {
	defer s.discardClient()
	for failures := 1; ; failures++ {
		delivered, err := s.attempt(ctx)
		if ctx.Err() != nil || errors.Is(err, outbox.ErrClosed) {
			return
		}
		if delivered {
			failures = 1
		}
		s.runs.Rewind()
		if errors.Is(err, kerr.UnsupportedCompressionType) {
			s.o.Compression = "none"
		}
		s.errored(err)
		s.nameMechanisms(ctx)
		s.checkErrors()
		if !wait.For(ctx, backoff(failures)) {
			return
		}
		s.checkErrors()
	}
}

// errored records an error. Any goroutine may call it.
func (s *Sender) errored(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase.errored(time.Now(), err)
	offer(s.clientError, struct{}{})
}

// nameMechanisms completes the error of a broker that does not have the login's mechanism.
func (s *Sender) nameMechanisms(ctx context.Context) {
	s.mu.Lock()
	err := s.phase.err
	s.mu.Unlock()
	if lacksMechanism(err) {
		s.errored(s.o.withMechanisms(ctx, err))
	}
}

// errThrottled: a quota of the broker slows us down.
var errThrottled = errors.New("the broker delays answers, for a quota")

// throttled records that the broker wants nothing more for so long. Any goroutine may call
// it.
func (s *Sender) throttled(pause time.Duration) {
	s.mu.Lock()
	s.pausedUntil = time.Now().Add(pause)
	s.mu.Unlock()
	if pause >= time.Second {
		s.troubled(fmt.Errorf("%w of %v", errThrottled, pause.Round(time.Millisecond)))
	}
}

// errDated: events are sent with another time than their own.
var errDated = errors.New("events are sent with another time")

// troubleAgain is after what time a trouble is reported again.
const troubleAgain = time.Hour

// troubled reports what hinders a Kafka that takes events. Any goroutine may call it.
func (s *Sender) troubled(err error) {
	kind := errDated
	if errors.Is(err, errThrottled) {
		kind = errThrottled
	}
	s.mu.Lock()
	due := s.o.OnTrouble != nil && time.Since(s.reported[kind]) >= troubleAgain
	if due {
		s.reported[kind] = time.Now()
	}
	s.mu.Unlock()
	if due {
		s.o.OnTrouble(err)
	}
}

// answered records that Kafka answered, has taken n more events and refused some for good.
func (s *Sender) answered(n, refused int64) {
	s.update(func(now time.Time, pending int64) bool { return s.phase.answered(now, n, refused, pending) })
}

// checkErrors records an outage when errors have lasted too long. It returns after what
// time to check again.
func (s *Sender) checkErrors() (again time.Duration) {
	s.update(func(now time.Time, pending int64) (changed bool) {
		changed, again = s.phase.checkErrors(now, pending)
		return changed
	})
	return again
}

func (s *Sender) update(change func(now time.Time, pending int64) (changed bool)) {
	pending, _ := s.runs.Pending()
	givenUp := s.runs.GivenUp()
	s.mu.Lock()
	s.phase.givenUp = givenUp
	changed := change(time.Now(), pending)
	status := s.phase.ConnectionStatus
	s.mu.Unlock()
	offer(s.progress, struct{}{})
	if changed && s.o.OnStatus != nil {
		s.o.OnStatus(status)
	}
}

// Drain waits until everything is delivered, or Kafka is away, or ctx ends, and reports
// whether everything is delivered. Run must still be running.
func (s *Sender) Drain(ctx context.Context) bool {
	for {
		if pending, _ := s.runs.Pending(); pending == 0 {
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
