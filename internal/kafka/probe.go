package kafka

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ProbeResult is what a probe found.
type ProbeResult struct {
	Exists  bool   // the topic
	Broker  string // HOST:PORT of the one that answered
	Latency time.Duration
}

// Probe asks for the topic's metadata and nothing else: it writes nothing and
// makes no topic. An error is sorted by CauseOf.
func Probe(ctx context.Context, o Options) (ProbeResult, error) {
	if err := o.check(); err != nil {
		return ProbeResult{}, err
	}
	began := time.Now()
	first := &firstError{}
	cl, err := o.dial(kgo.WithHooks(first), kgo.RequestRetries(0))
	if err != nil {
		return ProbeResult{}, err
	}
	defer closeClient(cl)
	err = describe(ctx, cl, o.Topic, false)
	r := ProbeResult{Exists: err == nil || errors.Is(err, kerr.LeaderNotAvailable), Latency: time.Since(began), Broker: first.broker()}
	if errors.Is(err, kerr.UnknownTopicOrPartition) || r.Exists {
		return r, nil
	}
	return r, first.or(err)
}

var _ kmsg.Requestor = (*kgo.Client)(nil)

func address(meta kgo.BrokerMetadata) string {
	return net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port)))
}
