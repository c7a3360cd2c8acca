package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
	"evcp/internal/oracle"
)

// reader takes the whole topic from its beginning, as any consumer would.
type reader struct {
	client  *kgo.Client
	entries map[evcp.CPID][]oracle.Entry
	last    map[evcp.CPID]evcp.Event
}

func newReader(address string) (*reader, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(topic), kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(time.Second))
	if err != nil {
		return nil, fmt.Errorf("read the topic: %w", err)
	}
	return &reader{client: client, entries: map[evcp.CPID][]oracle.Entry{}, last: map[evcp.CPID]evcp.Event{}}, nil
}

// until reads until the newest event of every charge point is one that done
// wants, or ctx ends. It answers those that are not.
func (r *reader) until(ctx context.Context, points []*point, done func(evcp.Event) bool) (missing []evcp.CPID) {
	for {
		missing = missing[:0]
		for _, p := range points {
			if !done(r.last[p.id]) {
				missing = append(missing, p.id)
			}
		}
		if len(missing) == 0 || ctx.Err() != nil {
			return missing
		}
		r.client.PollFetches(ctx).EachRecord(r.take)
	}
}

// take keeps a record as it is; what is no event is the oracle's to say.
func (r *reader) take(rec *kgo.Record) {
	cp := evcp.CPID(rec.Key)
	r.entries[cp] = append(r.entries[cp], oracle.Entry{Raw: string(rec.Value)})
	if e, err := evcp.ParseEvent(rec.Value); err == nil && e.At >= r.last[cp].At {
		r.last[cp] = e
	}
}

func (r *reader) close() { r.client.Close() }
