package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// errNoTopic: the topic is missing, and we may not create it.
var errNoTopic = errors.New("the topic is missing and can't be made")

// ensureTopic creates the topic with the brokers' defaults when it is missing. A broker
// that forbids this may still create topics automatically: a second metadata request,
// which allows it, finds out.
func ensureTopic(ctx context.Context, cl *kgo.Client, topic string) error {
	err := describe(ctx, cl, topic, false)
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return err
	}
	forbidden := createTopic(ctx, cl, topic)
	if forbidden == nil || errors.Is(forbidden, kerr.TopicAlreadyExists) {
		return nil
	}
	err = describe(ctx, cl, topic, true)
	if err == nil || errors.Is(err, kerr.LeaderNotAvailable) {
		return nil
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("%w: make topic %s: %w", errNoTopic, topic, forbidden)
	}
	return err
}

// describe requests a topic's metadata. create lets the broker create it.
func describe(ctx context.Context, cl *kgo.Client, topic string, create bool) error {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = create
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 {
		return fmt.Errorf("ask for topic %s: the answer names %d topics", topic, len(resp.Topics))
	}
	return kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}

func createTopic(ctx context.Context, cl *kgo.Client, topic string) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 2000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 {
		return fmt.Errorf("make topic %s: the answer names %d topics", topic, len(resp.Topics))
	}
	return kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}

// TopicProbe is what Probe found.
type TopicProbe struct {
	Exists  bool   // the topic does
	Broker  string // HOST:PORT of the one that answered
	Latency time.Duration
}

// Probe asks for the topic's metadata. It writes nothing and creates no topic. CauseOf
// classifies its error.
func Probe(ctx context.Context, o Options) (TopicProbe, error) {
	if err := o.check(); err != nil {
		return TopicProbe{}, err
	}
	began := time.Now()
	hooks := &probeHooks{}
	cl, err := o.newClient(kgo.WithHooks(hooks), kgo.RequestRetries(0))
	if err != nil {
		return TopicProbe{}, err
	}
	defer closeClient(cl)
	err = describe(ctx, cl, o.Topic, false)
	latency := time.Since(began)
	broker, first := hooks.result(err)
	r := TopicProbe{Exists: err == nil || errors.Is(err, kerr.LeaderNotAvailable), Latency: latency, Broker: broker}
	if errors.Is(err, kerr.UnknownTopicOrPartition) || r.Exists {
		return r, nil
	}
	return r, first
}

// probeHooks keep the first error of a connection: the client's last one is about its own
// retries.
type probeHooks struct {
	mu     sync.Mutex
	err    error
	broker string
}

func (h *probeHooks) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.broker = net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port)))
	} else if h.err == nil && foreign(err) {
		h.err = err
	}
}

// result is the broker that was reached, and the first error; err if there was none.
func (h *probeHooks) result(err error) (broker string, first error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		err = h.err
	}
	return h.broker, err
}
