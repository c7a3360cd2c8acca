package kafka

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/testbed"
	"evcp/internal/wait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// senderHarness is one outbox that sends to one topic.
type senderHarness struct {
	t          *testing.T
	dir        string
	topic      string
	broker     string
	dial       func(ctx context.Context, network, address string) (net.Conn, error)
	codec      uint8 // of the records
	compressed int   // records that have it
	box        *outbox.Outbox
	sender     *Sender
	stop       func()
	ahead      time.Duration // of the Monitor's clock
	clock      func() time.Time
	batchBytes int32                         // 0 is the Sender's own
	dated      func(*kgo.Record, evcp.Event) // checks a record's time; nil wants the event's

	mu       sync.Mutex
	states   map[evcp.CPID]evcp.State
	statuses []ConnectionStatus
	troubles []error
	dropped  []evcp.Observation
}

var topics atomic.Int64

func newFixture(t *testing.T, broker string) *senderHarness {
	s := &senderHarness{t: t, dir: t.TempDir(), broker: broker, states: map[evcp.CPID]evcp.State{}}
	s.topic = fmt.Sprintf("evcp-%d-%d", time.Now().UnixNano(), topics.Add(1))
	s.open()
	t.Cleanup(func() {
		if s.stop != nil {
			s.close()
		}
	})
	return s
}

func (s *senderHarness) open() {
	box, err := outbox.Open(s.dir, outbox.Options{SyncEvery: 5 * time.Millisecond, Readers: []string{outbox.Kafka}, Observe: s.observe})
	if err != nil {
		s.t.Fatal(err)
	}
	s.box = box
	for cp := range s.states {
		s.states[cp] = box.State(cp)
	}
}

// start runs a sender; options may be changed first.
func (s *senderHarness) start(change ...func(*Options)) {
	o := Options{Brokers: []string{s.broker}, Topic: s.topic, OnStatus: s.changed, OnTrouble: s.troubled, Dial: s.dial}
	for _, c := range change {
		c(&o)
	}
	sender, err := New(o, s.box.Cursor(outbox.Kafka))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.clock != nil {
		sender.now = s.clock
	}
	if s.batchBytes > 0 {
		sender.batchBytes = s.batchBytes
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { sender.Run(ctx) })
	s.sender = sender
	s.stop = func() {
		cancel()
		running.Wait()
	}
}

func (s *senderHarness) changed(state ConnectionStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses = append(s.statuses, state)
}

func (s *senderHarness) troubled(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles = append(s.troubles, err)
}

func (s *senderHarness) close() {
	s.stop()
	s.stop = nil
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.box.Close(ctx); err != nil {
		s.t.Error(err)
	}
}

// appendChecks appends n checks for each of some charge points.
func (s *senderHarness) appendChecks(n, cps int) {
	for range n {
		for i := range cps {
			s.appendReply(fmt.Sprintf("CP_%03d", i+1), "OK")
		}
	}
}

// appendReply appends a check with a reply that begins with OK.
func (s *senderHarness) appendReply(cp, reply string) {
	s.judge(evcp.Observation{
		CP: evcp.CPID(cp), Kind: evcp.Checked, At: evcp.StampOf(time.Now().Add(s.ahead)),
		Outcome: evcp.Outcome{Status: evcp.OK, Response: reply, Latency: time.Millisecond},
	})
}

// observe takes what the outbox has dropped.
func (s *senderHarness) observe(o evcp.Observation) bool {
	o.At = evcp.StampOf(time.Now().Add(s.ahead))
	s.judge(o)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = append(s.dropped, o)
	return true
}

func (s *senderHarness) judge(o evcp.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := evcp.Policy{Fall: 3, Rise: 1, Instance: "test"}
	state, events := p.Next(s.states[o.CP], o, nil)
	s.states[o.CP] = state
	s.box.Append(outbox.Batch{Generation: s.box.Generation(), Events: events, Judged: []outbox.Judged{{Handle: s.box.Handle(o.CP), Events: len(events), State: state}}})
}

func (s *senderHarness) flush() {
	s.t.Helper()
	if err := s.box.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// waitUntil waits for a condition of the sender or of the broker.
func (s *senderHarness) waitUntil(what string, ok func() bool) {
	s.t.Helper()
	limit, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if wait.Until(limit, 5*time.Millisecond, ok) {
		return
	}
	if s.sender == nil {
		s.t.Fatalf("no %s", what)
	}
	s.t.Fatalf("no %s; status %+v", what, s.sender.Status())
}

func (s *senderHarness) delivered() bool {
	n, _ := s.box.Cursor(outbox.Kafka).Pending()
	return n == 0 && s.box.Stats().Waiting == 0
}

func (s *senderHarness) phase(p ConnectionPhase) func() bool {
	return func() bool { return s.sender.Status().Phase == p }
}

// seqs reads the topic and returns, for each charge point, the seqs in order.
func (s *senderHarness) seqs(want int) map[string][]uint64 {
	s.t.Helper()
	return s.read(want, nil)
}

// read is seqs, and calls look for each record.
func (s *senderHarness) read(want int, look func(*kgo.Record, evcp.Event)) map[string][]uint64 {
	s.t.Helper()
	opts := []kgo.Opt{kgo.SeedBrokers(s.broker), kgo.ConsumeTopics(s.topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100 * time.Millisecond)}
	if s.dial != nil {
		opts = append(opts, kgo.Dialer(s.dial))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		s.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	seqs := map[string][]uint64{}
	for n := 0; n < want; {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			s.t.Fatalf("%d of %d records read", n, want)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			e, err := evcp.ParseEvent(r.Value)
			if err != nil {
				s.t.Fatal(err)
			}
			if string(r.Key) != string(e.CP) {
				s.t.Errorf("key %q of an event of %s", r.Key, e.CP)
			}
			if s.dated != nil {
				s.dated(r, e)
			} else if want := e.At.Time().UnixMilli(); r.Timestamp.UnixMilli() != want {
				s.t.Errorf("dated %d, happened %d", r.Timestamp.UnixMilli(), want)
			}
			switch r.Attrs.CompressionType() {
			case s.codec:
				s.compressed++
			case 0: // a batch that compression would not make smaller
			default:
				s.t.Errorf("compressed with %d", r.Attrs.CompressionType())
			}
			if look != nil {
				look(r, e)
			}
			seqs[string(r.Key)] = append(seqs[string(r.Key)], e.Seq)
		})
	}
	return seqs
}

// checkComplete wants all events in order, none missing; after a repeat all that follows
// it stands there again.
func (s *senderHarness) checkComplete(seqs map[string][]uint64) {
	s.t.Helper()
	for cp, state := range s.states {
		next := uint64(1)
		for _, seq := range seqs[string(cp)] {
			if seq > next {
				s.t.Fatalf("%s: seq %d came after %d", cp, seq, next-1)
			}
			next = seq + 1
		}
		if next != state.Seq+1 {
			s.t.Errorf("%s: the topic ends with seq %d, the outbox with %d", cp, next-1, state.Seq)
		}
	}
}

// brokerFor is a real broker when there is one, else a fake one.
func brokerFor(t *testing.T) string {
	if address := os.Getenv("EVCP_TEST_KAFKA"); address != "" {
		return address
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DefaultNumPartitions(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0]
}

// TestDelivery: all events arrive, in order, keyed and dated, uncompressed.
func TestDelivery(t *testing.T) {
	s := newFixture(t, brokerFor(t))
	s.start()
	s.appendChecks(50, 20)
	s.waitUntil("delivery", s.delivered)
	s.checkComplete(s.seqs(1000))
	if st := s.statuses[0]; st.Phase != Connected || len(s.statuses) != 1 {
		t.Errorf("phases %+v", s.statuses)
	}
}

// TestBrokerStartsLater: a broker that starts later gets all earlier events.
func TestBrokerStartsLater(t *testing.T) {
	t.Parallel() // it waits
	address := testbed.FreeAddr(t)
	port, err := strconv.Atoi(testbed.Port(address))
	if err != nil {
		t.Fatal(err)
	}
	s := newFixture(t, address)
	s.start()
	s.appendChecks(10, 2)
	if err := s.box.Flush(t.Context()); err != nil { // events kept later do not count for the outage
		t.Fatal(err)
	}
	s.waitUntil("absence", s.phase(Away))
	if st := s.sender.Status(); st.Cause != evcp.Refused || st.EverConnected {
		t.Errorf("away with %+v", st)
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s.waitUntil("arrival", s.phase(Connected))
	s.waitUntil("delivery", s.delivered)
	s.checkComplete(s.seqs(20))
	last := s.statuses[len(s.statuses)-1]
	if last.Phase != Connected || last.Delivered != 20 || last.Outage <= 0 || !last.EverConnected {
		t.Errorf("phases %+v", last)
	}
}

// TestCursorSurvivesRestart: the next process delivers what was not delivered, and nothing
// else.
func TestCursorSurvivesRestart(t *testing.T) {
	s := newFixture(t, brokerFor(t))
	s.start()
	s.appendChecks(10, 2)
	s.waitUntil("delivery", s.delivered)
	s.stop()
	s.appendChecks(10, 2)
	s.stop = func() {}
	s.close()
	s.open()
	s.start()
	s.appendChecks(10, 2)
	s.waitUntil("delivery", s.delivered)
	seqs := s.seqs(60)
	s.checkComplete(seqs)
	if n := len(seqs["CP_001"]); n != 30 {
		t.Errorf("%d records, want 30", n)
	}
}

// TestCompression uses each codec. Not in a synctest bubble: codecs are pooled and outlive
// it.
func TestCompression(t *testing.T) {
	for name, attr := range map[string]uint8{"": 0, "none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t, brokerFor(t))
			s.codec = attr
			s.start(func(o *Options) { o.Compression = name })
			s.appendChecks(50, 1)
			s.waitUntil("delivery", s.delivered)
			s.checkComplete(s.seqs(50))
			if s.compressed < 25 {
				t.Errorf("%d of 50 records have codec %d", s.compressed, attr)
			}
		})
	}
	if _, err := New(Options{Brokers: []string{"x"}, Topic: "t", Compression: "rar"}, nil); err == nil {
		t.Error("rar is accepted")
	}
}
