package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// try sends until the first error that the client does not mend by itself. That a
// broker answers is no news while it turns records down.
func (s *Sender) try(ctx context.Context) (delivered bool, err error) {
	if err := s.reach(ctx); err != nil {
		return false, err
	}
	if !s.failed {
		s.good(0)
	}
	return s.pump(ctx)
}

// reach asks a broker for the topic. No record is under way yet, so whatever
// fails here leaves the client as good as new.
func (s *Sender) reach(ctx context.Context) error {
	if s.client == nil {
		cl, err := s.o.dial(kgo.WithHooks(connHooks{s.bad}), kgo.ProducerBatchMaxBytes(s.batch))
		if err != nil {
			return err
		}
		s.client = cl
	}
	limit, cancel := context.WithTimeout(ctx, dialTimeout+overhead)
	defer cancel()
	return ensureTopic(limit, s.client, s.o.Topic)
}

// discard ends the client. One that failed a shipment may still hold some of its
// records, an identity that the brokers refuse, a topic that is another by now, or
// batches of a size that they don't take: none of it is worth telling apart.
func (s *Sender) discard() {
	if s.client != nil {
		closeClient(s.client)
		s.client = nil
	}
}
