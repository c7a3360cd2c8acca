package kafka

import (
	"bytes"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp/internal/outbox"
)

// shipment is what is under way: at most one batch for each partition. The next
// one waits for its acknowledgements, so nothing overtakes a batch that a broker
// turns down.
type shipment struct {
	most    int // bytes
	bytes   int
	records []kgo.Record
	last    int64 // the last run that ends in this shipment; 0 when none does
	events  int64 // of the runs that end in it
	rest    []byte
	run     outbox.Run // that rest belongs to
	news    chan struct{}

	mu   sync.Mutex
	left int // records not acknowledged
	err  error
}

// around is what a record takes in a batch beside its key and its value, at most.
const around = 48

func newShipment(most int) *shipment {
	return &shipment{most: most - 256, news: make(chan struct{}, 1)}
}

// clear begins the next shipment. What is left of a run is carried over.
func (s *shipment) clear() {
	s.bytes, s.last, s.events = 0, 0, 0
	s.records = s.records[:0]
}

// begin takes the next run; the one before must be used up.
func (s *shipment) begin(run outbox.Run) { s.run, s.rest = run, run.Lines }

// load moves lines in until the run is used up, or there is no more room. One
// line always has room.
func (s *shipment) load() (more bool) {
	for len(s.rest) > 0 {
		end := bytes.IndexByte(s.rest, '\n') + 1
		if end == 0 {
			end = len(s.rest)
		}
		line := outbox.Line(bytes.TrimSuffix(s.rest[:end], []byte("\n")))
		key := line.CP()
		size := len(line) + len(key) + around
		if len(s.records) > 0 && s.bytes+size > s.most {
			return false
		}
		s.bytes += size
		s.records = append(s.records, kgo.Record{Key: key, Value: line, Timestamp: line.At().Time()})
		s.rest = s.rest[end:]
	}
	s.last = s.run.ID
	s.events += int64(s.run.Count)
	return true
}

// depart notes that all records are on their way.
func (s *shipment) depart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.err = len(s.records), nil
}

// landed is told by the client of each record. It never blocks: all records wait
// behind it.
func (s *shipment) landed(_ *kgo.Record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left--
	if err != nil && s.err == nil {
		s.err = err
	}
	if s.left == 0 || err != nil {
		poke(s.news)
	}
}

// arrived reports whether everything is acknowledged.
func (s *shipment) arrived() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left == 0 && s.err == nil, s.err
}

// poke wakes whoever waits on a channel of capacity 1, or will soon.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
