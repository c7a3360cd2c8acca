package kafka

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// readerSite is a broker with a topic of three partitions, and a producer.
type readerSite struct {
	*testing.T
	cluster *kfake.Cluster
	cl      *kgo.Client
	o       Options
}

func newReaderSite(t *testing.T) readerSite {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "events"), kfake.BrokerConfigs(map[string]string{"message.max.bytes": "30000000"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.DefaultProduceTopic("events"), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(20<<20), kgo.BrokerMaxWriteBytes(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return readerSite{t, c, cl, Options{Brokers: c.ListenAddrs(), Topic: "events"}}
}

func (s readerSite) produce(values ...string) {
	s.Helper()
	for i, v := range values {
		if err := s.cl.ProduceSync(s.Context(), &kgo.Record{Value: []byte(v), Partition: int32(i % 3)}).FirstErr(); err != nil {
			s.Fatal(err)
		}
	}
}

// read reads until so many records came.
func (s readerSite) read(r *Reader, records int) (values []string, lost []LostRecords) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 30*time.Second)
	defer cancel()
	for len(values) < records && ctx.Err() == nil {
		b, err := r.Read(ctx, 2)
		if err != nil {
			s.Fatal(err)
		}
		for _, rec := range b.Records {
			values = append(values, string(rec.Value))
		}
		lost = append(lost, b.Lost...)
	}
	return values, lost
}

// TestReaderGoesOn: each record once, from positions that the caller keeps, and one of 10 MB
// that no Monitor wrote.
func TestReaderGoesOn(t *testing.T) {
	s := newReaderSite(t)
	huge := strings.Repeat("x", 10<<20)
	s.produce("a", "b", "c", "d", huge, "f")
	r := NewReader(s.o, nil)
	defer r.Close()
	if values, lost := s.read(r, 6); len(values) != 6 || lost != nil {
		t.Errorf("%d records, lost %v", len(values), lost)
	}
	s.produce("g", "h", "i")
	again := NewReader(s.o, map[int32]int64{0: 2, 1: 3})
	defer again.Close()
	values, _ := s.read(again, 4)
	if got := fmt.Sprint(values); strings.Count(got, "g") != 1 || strings.Count(got, "c") != 1 || strings.Count(got, "f") != 1 || strings.Count(got, "i") != 1 || len(values) != 4 {
		t.Errorf("from the positions: %s", got)
	}
}

// TestReaderSaysWhatIsLost: the topic has deleted records that were not read.
func TestReaderSaysWhatIsLost(t *testing.T) {
	s := newReaderSite(t)
	s.produce("a", "b", "c", "d", "e", "f", "g")
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 5000
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = "events"
	partition := kmsg.NewDeleteRecordsRequestTopicPartition()
	partition.Partition, partition.Offset = 0, 2
	topic.Partitions = append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	if _, err := req.RequestWith(t.Context(), s.cl); err != nil {
		t.Fatal(err)
	}
	r := NewReader(s.o, nil)
	defer r.Close()
	values, lost := s.read(r, 5)
	if len(values) != 5 || len(lost) != 1 || lost[0] != (LostRecords{0, 0, 2}) {
		t.Errorf("read %v, lost %v", values, lost)
	}
}
