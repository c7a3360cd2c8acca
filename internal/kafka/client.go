package kafka

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A frozen broker is noticed after writeTimeout + overhead.
const (
	dialTimeout  = 3 * time.Second
	writeTimeout = 2 * time.Second
	overhead     = 2 * time.Second
	backoffCap   = 5 * time.Second
	closeLimit   = 250 * time.Millisecond

	// Bytes of a batch and of a shipment. One shipment is under way at a time, so
	// this over a round trip is the greatest rate: 50 MB a second at 5 ms. Brokers
	// take 1 MB unless told otherwise; shipments of that size made a Monitor that
	// catches up grow by 5 MB, for good.
	batchMost  = 256 << 10
	batchLeast = 4 << 10
)

// dial makes a client; it dials nothing yet.
func (o Options) dial(more ...kgo.Opt) (*kgo.Client, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(o.Brokers...),
		kgo.ClientID("ev-cp-m"),
		kgo.DefaultProduceTopic(o.Topic),
		kgo.ProducerBatchCompression(codecs[o.Compression]),
		kgo.DialTimeout(dialTimeout),
		kgo.ProduceRequestTimeout(writeTimeout),
		kgo.RequestTimeoutOverhead(overhead),
		kgo.RequestRetries(2),
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(500 * time.Millisecond),
		kgo.MetadataMaxAge(time.Minute),
		kgo.UnknownTopicRetries(-1),
		kgo.AllowAutoTopicCreation(),
		kgo.MaxBufferedRecords(1 << 20), // a shipment bounds them
		kgo.ManualFlushing(),
		kgo.DisableClientMetrics(),
	}
	if o.Dial != nil {
		opts = append(opts, kgo.Dialer(o.Dial))
	}
	if o.Logger != nil {
		opts = append(opts, kgo.WithLogger(words{o.Logger}))
	}
	return kgo.NewClient(append(opts, more...)...)
}

// backoff waits with full jitter, capped.
func backoff(failures int) time.Duration {
	most := min(backoffCap, 100*time.Millisecond<<min(max(failures-1, 0), 6))
	return time.Duration(rand.Int64N(int64(most))) + time.Millisecond
}

// closeClient ends a client. With a frozen broker that may take for ever, so it is
// given up after a while: the client no longer sends by then.
func closeClient(cl *kgo.Client) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		cl.Close()
	}()
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	}
}

// words brings the client's log to ours, all of it at debug: what matters to
// people is told by State.
type words struct{ log *slog.Logger }

func (w words) Level() kgo.LogLevel {
	if w.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelNone
}

func (w words) Log(_ kgo.LogLevel, msg string, keyvals ...any) {
	w.log.Debug("kafka client: "+msg, keyvals...)
}
