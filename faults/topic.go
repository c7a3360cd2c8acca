package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
	"evcp/internal/oracle"
)

// reader takes the whole topic from its beginning, as any consumer would, and
// tells apart who has sent what.
type reader struct {
	client  *kgo.Client
	entries map[sender][]oracle.TopicRecord
	last    map[sender]evcp.Event
}

// sender is a Monitor, as its events name it.
type sender struct {
	cp       evcp.CPID
	instance string
}

func (p *point) sender() sender { return sender{p.id, p.instance} }

func newReader(address string) (*reader, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(topic), kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(time.Second))
	if err != nil {
		return nil, fmt.Errorf("read the topic: %w", err)
	}
	return &reader{client: client, entries: map[sender][]oracle.TopicRecord{}, last: map[sender]evcp.Event{}}, nil
}

// until reads until the newest event of every charge point is one that done
// wants, or ctx ends. It answers those that are not.
func (r *reader) until(ctx context.Context, points []*point, done func(evcp.Event) bool) (missing []string) {
	for {
		missing = missing[:0]
		for _, p := range points {
			if !done(r.last[p.sender()]) {
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
func (r *reader) take(rec *kgo.Record) {
	from := sender{evcp.CPID(rec.Key), bench}
	e, err := evcp.ParseEvent(rec.Value)
	if err == nil && e.Instance == second {
		from.instance = second
	}
	r.entries[from] = append(r.entries[from], oracle.TopicRecord{Raw: string(rec.Value)})
	if err == nil && e.At >= r.last[from].At {
		r.last[from] = e
	}
}

func (r *reader) close() { r.client.Close() }
