package testbed

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
)

// TopicReader consumes a topic from its beginning and keeps every record. One
// goroutine polls; any may ask for what was read.
type TopicReader struct {
	client *kgo.Client
	t      testing.TB // nil outside tests

	mu      sync.Mutex
	records []ConsumedRecord
}

// ConsumedRecord is one record of the topic. Err says why Value is no event.
type ConsumedRecord struct {
	Key, Value string
	Event      evcp.Event
	Err        error
}

// NewTopicReader connects to a broker; more says how, if it is not by plain TCP. Close it.
func NewTopicReader(broker, topic string, more ...kgo.Opt) (*TopicReader, error) {
	client, err := kgo.NewClient(append(more, kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic), kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(time.Second))...)
	if err != nil {
		return nil, fmt.Errorf("read the topic: %w", err)
	}
	return &TopicReader{client: client}, nil
}

// Poll waits for records until ctx ends, and returns the new ones in their order.
func (r *TopicReader) Poll(ctx context.Context) []ConsumedRecord {
	var polled []ConsumedRecord
	r.client.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
		e, err := evcp.ParseEvent(rec.Value)
		polled = append(polled, ConsumedRecord{string(rec.Key), string(rec.Value), e, err})
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, polled...)
	return polled
}

// Close ends the connection to the broker; no Poll may be under way.
func (r *TopicReader) Close() { r.client.Close() }

// Records are those that were read so far, in order.
func (r *TopicReader) Records() []ConsumedRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records)
}

// Events are those of the records that are events, in order.
func (r *TopicReader) Events() []evcp.Event {
	var all []evcp.Event
	for _, rec := range r.Records() {
		if rec.Err == nil {
			all = append(all, rec.Event)
		}
	}
	return all
}

// Count is how many events of one action were read.
func (r *TopicReader) Count(a evcp.Action) int {
	n := 0
	for _, e := range r.Events() {
		if e.Action == a {
			n++
		}
	}
	return n
}

// ReadTopic polls the topic until the test ends. A record that is no event fails the test.
func (b *Testbed) ReadTopic() *TopicReader {
	b.T.Helper()
	r, err := NewTopicReader(b.BrokerAddr, b.Topic)
	if err != nil {
		b.T.Fatal(err)
	}
	r.t = b.T
	b.T.Cleanup(r.Close)
	b.whileTesting(func(ctx context.Context) {
		for ctx.Err() == nil {
			for _, rec := range r.Poll(ctx) {
				if rec.Err != nil {
					b.T.Errorf("on the topic: %v", rec.Err)
				}
			}
		}
	})
	return r
}

// CheckSequence fails the test unless the events of each charge point and epoch count
// up without a gap. Events may come again; new ones may not come out of order.
// Only for a reader of ReadTopic.
func (r *TopicReader) CheckSequence() {
	r.t.Helper()
	type numbering struct {
		cp    evcp.CPID
		epoch int64
	}
	last := map[numbering]uint64{}
	for _, e := range r.Events() {
		n := numbering{e.CP, e.Epoch}
		switch {
		case e.Seq <= last[n]: // at least once
		case e.Seq == last[n]+1:
			last[n] = e.Seq
		default:
			r.t.Errorf("%s: after %d came %d", e.CP, last[n], e.Seq)
			last[n] = e.Seq
		}
	}
}
