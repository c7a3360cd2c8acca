package kafka

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"evcp/internal/link"
	"evcp/internal/pace"
	"evcp/internal/wire"
)

// A broker that does not answer is noticed after writeTimeout + overhead.
const (
	dialTimeout  = 3 * time.Second
	writeTimeout = 2 * time.Second
	overhead     = 2 * time.Second
	closeLimit   = 250 * time.Millisecond

	// Bounds of a batch in bytes. All records in flight are in one batch for each
	// partition, so maxBatchBytes over a round trip is the greatest rate: 50 MB a second
	// at 5 ms. Brokers accept 1 MB by default, but with batches of that size a Monitor
	// that catches up grew by 5 MB, for good.
	maxBatchBytes = 256 << 10
	minBatchBytes = 4 << 10
)

// maxBackoff is the longest pause between two attempts.
const maxBackoff = 5 * time.Second

// retry is the backoff of the client and of the Sender.
var retry = pace.Backoff{First: 100 * time.Millisecond, Cap: maxBackoff}

func backoff(failures int) time.Duration {
	return retry.Delay(failures, rand.Float64()) + time.Millisecond
}

// newClient makes a client. It dials nothing yet.
func (o Options) newClient(more ...kgo.Opt) (*kgo.Client, error) {
	if o.Dial == nil {
		o.Dial = link.NewDialer().DialContext
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(o.Brokers...),
		kgo.ClientID(cmp.Or(o.clientID, "ev-cp-m")),
		kgo.DefaultProduceTopic(o.Topic),
		kgo.ProducerBatchCompression(codecs[o.Compression]),
		kgo.Dialer(o.dial),
		kgo.ProduceRequestTimeout(writeTimeout),
		kgo.RequestTimeoutOverhead(overhead),
		kgo.RequestRetries(2),
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(500 * time.Millisecond),
		kgo.MetadataMaxAge(time.Minute),
		kgo.UnknownTopicRetries(-1),
		kgo.AllowAutoTopicCreation(),
		kgo.MaxBufferedRecords(1 << 20), // inFlight bounds them
		kgo.ManualFlushing(),
		kgo.DisableClientMetrics(),
	}
	if o.Login != nil {
		opts = append(opts, kgo.SASL(o.Login.mechanism()), kgo.WithHooks(o.Login.loginHook()))
	}
	if o.Logger != nil {
		opts = append(opts, kgo.WithLogger(clientLogger{o.Logger}))
	}
	return kgo.NewClient(append(opts, more...)...)
}

// dial bounds a dial, so that all addresses of a broker's name get their share.
func (o Options) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return o.Dial(ctx, network, address)
}

// closeClient closes a client. With a broker that does not answer that may take for
// ever, so it waits closeLimit at most: the client no longer sends by then.
func closeClient(cl *kgo.Client) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		cl.Close()
	}()
	select {
	case <-done:
	case <-time.After(closeLimit):
	}
}

// clientLogger logs everything of the client at debug: what matters to people is in
// ConnectionStatus.
type clientLogger struct{ log *slog.Logger }

func (l clientLogger) Level() kgo.LogLevel {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelNone
}

func (l clientLogger) Log(_ kgo.LogLevel, msg string, keyvals ...any) {
	l.log.Debug("kafka client: "+msg, keyvals...)
}

// brokerError is an error of the connection to one broker.
type brokerError struct {
	address string // HOST:PORT, of the settings or as the brokers advertise it; safe to print
	err     error
}

func (e *brokerError) Error() string { return e.address + ": " + e.err.Error() }

func (e *brokerError) Unwrap() error { return e.err }

// brokerAddress is HOST:PORT, safe to print: a broker may advertise any text.
func brokerAddress(host string, port int32) string {
	return wire.Text([]byte(net.JoinHostPort(host, strconv.Itoa(int(port)))))
}

// BrokerOf is the address of the broker whose connection failed; "" when the error is not
// one of a connection.
func BrokerOf(err error) (address string) {
	if of, ok := errors.AsType[*brokerError](err); ok {
		return of.address
	}
	return ""
}

// connectHook is called by the client, on its goroutines, with each dial that failed.
type connectHook func(error)

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (h connectHook) OnBrokerConnect(m kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if external(err) {
		h(&brokerError{brokerAddress(m.Host, m.Port), err})
	}
}

// requestHook is called by the client, on its goroutines, with each request that failed.
type requestHook func(error)

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (h requestHook) OnBrokerE2E(m kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	if err := e2e.Err(); external(err) {
		if kmsg.Key(key) == kmsg.SASLHandshake || kmsg.Key(key) == kmsg.SASLAuthenticate {
			err = &loginError{err}
		}
		h(&brokerError{brokerAddress(m.Host, m.Port), err})
	}
}

// responseHook is called by the client, on its goroutines, with the broker of each response.
type responseHook func(kgo.BrokerMetadata)

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (h responseHook) OnBrokerE2E(m kgo.BrokerMetadata, _ int16, e2e kgo.BrokerE2E) {
	if e2e.Err() == nil {
		h(m)
	}
}

// partitionHook is called by the client, on its goroutines, with each record that has got its
// partition.
type partitionHook func()

// OnProduceRecordPartitioned implements kgo.HookProduceRecordPartitioned.
func (h partitionHook) OnProduceRecordPartitioned(*kgo.Record, int32) { h() }

// throttleHook is called by the client, on its goroutines, when a broker wants a pause.
type throttleHook func(time.Duration)

// OnBrokerThrottle implements kgo.HookBrokerThrottle.
func (h throttleHook) OnBrokerThrottle(_ kgo.BrokerMetadata, pause time.Duration, _ bool) { h(pause) }

// external leaves out the errors of what this side closed or cancelled itself: it did so
// after another error, or at the end.
func external(err error) bool {
	return err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed) &&
		!errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe)
}
