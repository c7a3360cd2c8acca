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
	forbidden := createTopic(ctx, cl, topic, false)
	if forbidden == nil || errors.Is(forbidden, kerr.TopicAlreadyExists) {
		return nil
	}
	err = describe(ctx, cl, topic, true)
	switch {
	case err == nil, errors.Is(err, kerr.LeaderNotAvailable):
		return nil
	case isAny(err, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed): // we may see it, not make it
		return fmt.Errorf("%w: make topic %s: %w", errNoTopic, topic, forbidden)
	}
	return err
}

// describe requests a topic's metadata. create lets the broker create it.
func describe(ctx context.Context, cl *kgo.Client, topic string, create bool) error {
	resp, err := metadataOf(ctx, cl, topic, create)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}

// metadataOf requests a topic's metadata. The response has one topic, perhaps with an error.
func metadataOf(ctx context.Context, to kmsg.Requestor, topic string, create bool) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation, req.IncludeTopicAuthorizedOperations = create, true
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, to)
	if err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 {
		return nil, fmt.Errorf("ask for topic %s: the answer names %d topics", topic, len(resp.Topics))
	}
	return resp, nil
}

// createTopic creates the topic with the brokers' defaults. With validateOnly the broker
// only says whether it would.
func createTopic(ctx context.Context, cl *kgo.Client, topic string, validateOnly bool) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis, req.ValidateOnly = 2000, validateOnly
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
	resp, err := metadataOf(limit, s.client, s.o.Topic, false)
	if err != nil || resp.Topics[0].ErrorCode != 0 {
		return errNoAck
	}
	for _, p := range resp.Topics[0].Partitions {
		err := kerr.ErrorForCode(p.ErrorCode)
		switch {
		case err != nil:
			return fmt.Errorf("partition %d: %w", p.Partition, err)
		case len(p.ISR) < len(p.Replicas):
			return fmt.Errorf("partition %d: %w", p.Partition, kerr.NotEnoughReplicas)
		}
	}
	return errOnlyAnswers
}
