package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
	"evcp/internal/oracle"
)

// topicLog takes the whole topic from its beginning, as any consumer would, and
// tells apart who has sent what.
type topicLog struct {
	client  *kgo.Client
	entries map[eventSource][]oracle.TopicRecord
	last    map[eventSource]evcp.Event
}

// eventSource is a Monitor, as its events name it.
type eventSource struct {
	cp       evcp.CPID
	instance string
}

func (p *cpUnderTest) source() eventSource { return eventSource{p.id, p.instance} }

func newReader(address string) (*topicLog, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(topic), kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(time.Second))
	if err != nil {
		return nil, fmt.Errorf("read the topic: %w", err)
	}
	return &topicLog{client: client, entries: map[eventSource][]oracle.TopicRecord{}, last: map[eventSource]evcp.Event{}}, nil
}

// until reads until the newest event of every charge point is one that done
// wants, or ctx ends. It answers those that are not.
func (r *topicLog) until(ctx context.Context, points []*cpUnderTest, done func(evcp.Event) bool) (missing []string) {
	for {
		missing = missing[:0]
		for _, p := range points {
			if !done(r.last[p.source()]) {
				missing = append(missing, p.name())
			}
		}
		if len(missing) == 0 || ctx.Err() != nil {
			return missing
		}
		r.client.PollFetches(ctx).EachRecord(r.take)
	}
}

// take keeps a record as it is; what is no event, or nobody's, is held against the
// first Monitor: the oracle will say.
func (r *topicLog) take(rec *kgo.Record) {
	from := eventSource{evcp.CPID(rec.Key), mainInstance}
	e, err := evcp.ParseEvent(rec.Value)
	if err == nil && e.Instance == copyInstance {
		from.instance = copyInstance
	}
	r.entries[from] = append(r.entries[from], oracle.TopicRecord{Raw: string(rec.Value)})
	if err == nil && e.At >= r.last[from].At {
		r.last[from] = e
	}
}

func (r *topicLog) close() { r.client.Close() }
