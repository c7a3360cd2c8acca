package kafka

import (
	"context"
	"errors"
	"fmt"

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
	_, err := metadataOf(ctx, cl, topic, create)
	return err
}

// metadataOf is describe, and returns what it is told.
func metadataOf(ctx context.Context, cl *kgo.Client, topic string, create bool) (of kmsg.MetadataResponseTopic, err error) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = create
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return of, err
	}
	if len(resp.Topics) != 1 {
		return of, fmt.Errorf("ask for topic %s: the answer names %d topics", topic, len(resp.Topics))
	}
	return resp.Topics[0], kerr.ErrorForCode(resp.Topics[0].ErrorCode)
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

// withoutAck asks why nothing was acknowledged: a partition without a leader, or with
// replicas that are not in sync. The client keeps such an answer to itself and
// tries again.
func (s *Sender) withoutAck(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, overhead)
	defer cancel()
	t, err := metadataOf(limit, s.client, s.o.Topic, false)
	if err != nil {
		return errNoAck
	}
	for _, p := range t.Partitions {
		err := kerr.ErrorForCode(p.ErrorCode)
		switch {
		case err != nil:
			return fmt.Errorf("partition %d: %w", p.Partition, err)
		case len(p.ISR) < len(p.Replicas):
			return fmt.Errorf("partition %d: %w", p.Partition, kerr.NotEnoughReplicas)
		}
	}
	return errNoAck
}

// Probe reports whether the topic exists. It writes nothing and creates no topic. CauseOf
// classifies its error: of a broker that can't be reached, the first one, since the
// client's last one is about its own retries.
func Probe(ctx context.Context, o Options) (exists bool, err error) {
	first := make(chan error, 1)
	cl, err := o.newClient(kgo.WithHooks(connectHook(func(err error) { offer(first, err) })), kgo.RequestRetries(0))
	if err != nil {
		return false, err
	}
	defer closeClient(cl)
	err = describe(ctx, cl, o.Topic, false)
	switch {
	case err == nil, errors.Is(err, kerr.LeaderNotAvailable):
		return true, nil
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return false, nil
	}
	select {
	case err = <-first:
	default:
	}
	return false, err
}
