package testbed

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
)

// TopicReader follows the topic as any consumer would.
type TopicReader struct {
	t      testing.TB
	mu     sync.Mutex
	events []evcp.Event
	keys   []string
}

// ReadTopic follows the topic from its beginning until the test ends.
func (g *Testbed) ReadTopic() *TopicReader {
	tb := g.T
	tb.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(g.BrokerAddr), kgo.ConsumeTopics(g.Topic), kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(time.Second))
	if err != nil {
		tb.Fatal(err)
	}
	r := &TopicReader{t: tb}
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			cl.PollFetches(ctx).EachRecord(r.take)
		}
	})
	tb.Cleanup(func() {
		cancel()
		reading.Wait()
		cl.Close()
	})
	return r
}

func (r *TopicReader) take(rec *kgo.Record) {
	e, err := evcp.ParseEvent(rec.Value)
	if err != nil {
		r.t.Errorf("on the topic: %v", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	r.keys = append(r.keys, string(rec.Key))
}

// Events are all that was read so far, in order.
func (r *TopicReader) Events() []evcp.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]evcp.Event(nil), r.events...)
}

// Keys are the records' keys, in the same order.
func (r *TopicReader) Keys() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.keys...)
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

// CheckSequence fails the test unless the events of each charge point and epoch count
// up without a gap; repeats are allowed, news out of order is not.
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
