package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// reader follows the topic from its beginning, as any consumer does, and hands
// every record on.
type reader struct {
	client *kgo.Client
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// openReader calls heard for each record, in the order of the topic.
func openReader(broker string, heard func(record []byte)) (*reader, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// A frozen broker is worth waiting for: it has nothing new to say.
		kgo.RequestTimeoutOverhead(time.Minute), kgo.DisableClientMetrics(),
	)
	if err != nil {
		return nil, fmt.Errorf("read the topic: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &reader{client: client, stop: stop}
	r.done.Go(func() {
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(record *kgo.Record) { heard(record.Value) })
		}
	})
	return r, nil
}

func (r *reader) close() {
	r.stop()
	r.done.Wait()
	r.client.Close()
}
