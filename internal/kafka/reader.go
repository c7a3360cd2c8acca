package kafka

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TopicRecord is one record of the topic.
type TopicRecord struct {
	Partition int32
	Offset    int64
	Value     []byte // valid until the next Read
}

// LostRecords are offsets that the topic does not have any more.
type LostRecords struct {
	Partition int32
	From, To  int64 // without To
}

// ReadPosition is how far a topic was read.
type ReadPosition struct {
	TopicID string          // which topic of that name it was, as the brokers say; "": not known
	Next    map[int32]int64 // for each partition the next offset
}

// ReadBatch is what a Read has got, each partition in order.
type ReadBatch struct {
	// Anew: the topic was deleted and made anew, or cut, so that its offsets begin again below
	// the positions. All partitions are read from their beginning from here on.
	Anew    bool
	TopicID string // as in ReadPosition
	Records []TopicRecord
	Lost    []LostRecords
	End     map[int32]int64 // where the partitions end that were looked at: what is before it is still to come
}

// Reader reads all partitions of the topic from positions that its caller keeps, without a
// consumer group. One goroutine owns it.
type Reader struct {
	o       Options
	topicID string          // "": not known
	next    map[int32]int64 // of every partition that is read
	cl      *kgo.Client
	reading map[int32]bool // the partitions that the client reads
	asked   time.Time      // when the partitions were last asked for
}

// findPartitions is how often new partitions are looked for.
const findPartitions = time.Minute

// How much the client fetches at once and holds, in bytes. A larger record is fetched alone.
const (
	fetchBytes          = 4 << 20
	fetchPartitionBytes = 1 << 20
	maxFetchBytes       = 128 << 20
)

// NewReader makes a Reader that goes on at a position. A partition that is missing in it is
// read from its beginning. It dials nothing yet.
func NewReader(o Options, p ReadPosition) *Reader {
	r := &Reader{o: o, topicID: p.TopicID, next: map[int32]int64{}, reading: map[int32]bool{}}
	maps.Copy(r.next, p.Next)
	return r
}

// Close ends the connections.
func (r *Reader) Close() {
	if r.cl != nil {
		closeClient(r.cl)
	}
	r.cl = nil
	clear(r.reading)
}

// Read waits for records until ctx ends, and returns at most so many. The positions move;
// after an error they are what they were, and the next Read connects anew. One that is Anew
// has no records.
func (r *Reader) Read(ctx context.Context, most int) (ReadBatch, error) {
	if err := r.connect(ctx); errors.Is(err, errAnew) {
		return r.startAgain(), nil
	} else if err != nil && ctx.Err() == nil {
		r.Close()
		return ReadBatch{}, err
	} else if r.cl == nil {
		clear(r.reading)
		return ReadBatch{}, nil
	}
	fetches := r.cl.PollRecords(ctx, most)
	if err := fetches.Err0(); err != nil && errors.Is(err, ctx.Err()) {
		return ReadBatch{}, nil
	}
	b := ReadBatch{TopicID: r.topicID, End: map[int32]int64{}}
	var failed error
	anew := false
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if p.Err != nil {
			failed = fmt.Errorf("read partition %d of %s: %w", p.Partition, r.o.Topic, p.Err)
			return
		}
		b.End[p.Partition] = p.HighWatermark
		for _, rec := range p.Records {
			anew = anew || rec.Offset < r.next[rec.Partition]
			r.take(&b, rec, p.LogStartOffset)
		}
	})
	if anew {
		return r.startAgain(), nil
	}
	if failed != nil && len(b.Records) == 0 {
		r.Close()
		return ReadBatch{}, failed
	}
	return b, nil
}

// errAnew is a topic that is another one than it was.
var errAnew = errors.New("the topic was made anew")

// startAgain goes back to the beginning of all partitions.
func (r *Reader) startAgain() ReadBatch {
	r.Close()
	clear(r.next)
	return ReadBatch{Anew: true, TopicID: r.topicID}
}

// take adds a record. One beyond the position may be missing for good, if the topic begins
// after it.
func (r *Reader) take(b *ReadBatch, rec *kgo.Record, start int64) {
	next := r.next[rec.Partition]
	if start > next {
		b.Lost = append(b.Lost, LostRecords{rec.Partition, next, min(start, rec.Offset)})
	}
	r.next[rec.Partition] = rec.Offset + 1
	b.Records = append(b.Records, TopicRecord{rec.Partition, rec.Offset, rec.Value})
}

// connect makes a client that reads every partition, and looks for new ones from time to
// time.
func (r *Reader) connect(ctx context.Context) error {
	if r.cl != nil && time.Since(r.asked) < findPartitions {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	if r.cl == nil {
		asking, err := r.o.newClient()
		if err != nil {
			return err
		}
		defer closeClient(asking)
		found, err := r.partitions(ctx, asking)
		if err != nil {
			return err
		}
		r.cl, err = r.o.newClient(
			kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.o.Topic: found}),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepRetryableFetchErrors(), kgo.FetchMaxWait(500*time.Millisecond),
			kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(fetchPartitionBytes), kgo.BrokerMaxReadBytes(maxFetchBytes),
			kgo.MaxConcurrentFetches(1),
		)
		return err
	}
	found, err := r.partitions(ctx, r.cl)
	if err != nil {
		return err
	}
	r.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{r.o.Topic: found})
	return nil
}

// partitions asks for the partitions, and returns those that are not read yet, with where to
// begin.
func (r *Reader) partitions(ctx context.Context, cl *kgo.Client) (map[int32]kgo.Offset, error) {
	resp, err := metadataOf(ctx, cl, r.o.Topic, false)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for topic %s: %w", r.o.Topic, err)
	}
	r.asked = time.Now()
	if id := resp.Topics[0].TopicID; id != [16]byte{} {
		was := r.topicID
		if r.topicID = hex.EncodeToString(id[:]); was != "" && was != r.topicID {
			return nil, errAnew
		}
	}
	found := map[int32]kgo.Offset{}
	for _, p := range resp.Topics[0].Partitions {
		if !r.reading[p.Partition] {
			r.reading[p.Partition] = true
			found[p.Partition] = kgo.NewOffset().At(r.next[p.Partition])
		}
	}
	return found, nil
}
