package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// errNoTopic is a topic that is missing and that we may not make.
var errNoTopic = errors.New("the topic is missing and can't be made")

// ensureTopic asks for the topic and makes it when it is missing, with the
// brokers' own defaults. A broker that forbids it may still make it by itself when
// it is asked to write; whether it does is seen by asking once more.
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

// describe asks for a topic's metadata.
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
