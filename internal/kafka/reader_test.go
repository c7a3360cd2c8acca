package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// readerSite is a broker with a topic of three partitions, and a producer.
type readerSite struct {
	*testing.T
	cluster *kfake.Cluster
	cl      *kgo.Client
	o       Options
}

func newReaderSite(t *testing.T, more ...kfake.Opt) readerSite {
	t.Helper()
	c, err := kfake.NewCluster(append(more, kfake.NumBrokers(1), kfake.SeedTopics(3, "events"), kfake.BrokerConfigs(map[string]string{"message.max.bytes": "30000000"}))...)
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
	r := NewReader(s.o, ReadPosition{})
	defer r.Close()
	if values, lost := s.read(r, 6); len(values) != 6 || lost != nil {
		t.Errorf("%d records, lost %v", len(values), lost)
	}
	s.produce("g", "h", "i")
	again := NewReader(s.o, ReadPosition{Next: map[int32]int64{0: 2, 1: 3}})
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
	r := NewReader(s.o, ReadPosition{})
	defer r.Close()
	values, lost := s.read(r, 5)
	if len(values) != 5 || len(lost) != 1 || lost[0] != (LostRecords{0, 0, 2}) {
		t.Errorf("read %v, lost %v", values, lost)
	}
}

// remake deletes the topic, and creates it again with the same name.
func (s readerSite) remake() {
	s.Helper()
	if err := errors.Join(s.cluster.DeleteTopic("events"), s.cluster.CreateTopic("events", 3, nil)); err != nil {
		s.Fatal(err)
	}
	s.cl.PurgeTopicsFromClient("events")
}

// withoutTopicIDs makes brokers that do not tell topics of one name apart, as those before 2.8.
func withoutTopicIDs() kfake.Opt {
	v := kversion.V2_7_0()
	return kfake.MaxVersions(v)
}

// TestReaderOfATopicMadeAnew: it is noticed while a Reader reads and by the next one, and what
// is in it is read from its beginning. Where brokers tell topics of one name apart, also when
// it has more records by then than the one before.
func TestReaderOfATopicMadeAnew(t *testing.T) {
	for name, tt := range map[string]struct {
		options []kfake.Opt
		then    []string
	}{
		"with fewer records":             {nil, []string{"x"}},
		"with more records":              {nil, []string{"p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z"}},
		"of brokers that name no topics": {[]kfake.Opt{withoutTopicIDs()}, []string{"x"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newReaderSite(t, tt.options...)
			s.produce("a", "b", "c", "d")
			r := NewReader(s.o, ReadPosition{})
			defer r.Close()
			s.read(r, 4)
			position := ReadPosition{TopicID: r.topicID, Next: maps.Clone(r.next)}
			s.remake()
			s.produce(tt.then...)
			next := NewReader(s.o, position)
			defer next.Close()
			for _, reader := range []*Reader{r, next} {
				if anew := s.readAnew(reader); anew != 1 {
					t.Errorf("made anew %d times", anew)
				}
				values, lost := s.read(reader, len(tt.then))
				if slices.Sort(values); !slices.Equal(values, tt.then) || lost != nil {
					t.Errorf("read %v, lost %v", values, lost)
				}
			}
		})
	}
}

// readAnew reads until the topic is known to be another one. Meanwhile the brokers may refuse.
func (s readerSite) readAnew(r *Reader) (anew int) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 30*time.Second)
	defer cancel()
	for anew == 0 && ctx.Err() == nil {
		b, _ := r.Read(ctx, 2)
		if b.Anew {
			anew++
		}
		if len(b.Records) > 0 {
			s.Errorf("read %s before", b.Records[0].Value)
		}
	}
	return anew
}
