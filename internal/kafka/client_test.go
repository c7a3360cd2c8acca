package kafka

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"evcp"
	"evcp/internal/bubble"
)

// forbidCreate forbids to create the topic, and counts the attempts.
func forbidCreate(s *senderHarness, c *kfake.Cluster) *atomic.Int64 {
	var tries atomic.Int64
	c.ControlKey(19, func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		tries.Add(1)
		resp := r.ResponseKind().(*kmsg.CreateTopicsResponse)
		t := kmsg.NewCreateTopicsResponseTopic()
		t.Topic, t.ErrorCode = s.topic, kerr.TopicAuthorizationFailed.Code
		resp.Topics = append(resp.Topics, t)
		return resp, nil, true
	})
	return &tries
}

// TestOneClientForManyAttempts: attempts that fail before a record is in flight share one
// client, and so the same few connections.
func TestOneClientForManyAttempts(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, g *brokerLink, c *kfake.Cluster) {
		tries := forbidCreate(s, c)
		s.start()
		s.tick(120)
		if n := tries.Load(); n < 20 || g.dialCount() > 3 {
			t.Errorf("%d connections for %d attempts", g.dialCount(), n)
		}
		if err := c.CreateTopic(s.topic, 3, nil); err != nil {
			t.Fatal(err)
		}
		s.tick(20)
		s.waitUntil("delivery", s.delivered)
		s.checkComplete(s.seqs(3 * 140))
	})
}

// TestAttemptsAreCheap: while no broker listens, an attempt costs a dial, some 2 KiB. With
// a client for each it is 80 KiB.
func TestAttemptsAreCheap(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, g *brokerLink, _ *kfake.Cluster) {
		g.cut()
		s.start()
		time.Sleep(time.Minute)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		dialled := g.dialCount()
		time.Sleep(time.Hour)
		runtime.ReadMemStats(&after)
		dials := g.dialCount() - dialled
		each := (after.TotalAlloc - before.TotalAlloc) / uint64(max(dials, 1))
		t.Logf("%d dials in an hour, %d bytes each", dials, each)
		if dials < 600 || each > 10<<10 {
			t.Errorf("%d dials in an hour, %d bytes each", dials, each)
		}
	})
}

// TestWritingIsDenied: a broker that answers and rejects all records is away, which is
// one change of phase.
func TestWritingIsDenied(t *testing.T) {
	for _, why := range []*kerr.Error{kerr.TopicAuthorizationFailed, kerr.MessageTooLarge} {
		t.Run(why.Message, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *senderHarness, _ *brokerLink, c *kfake.Cluster) {
				var allowed atomic.Bool
				c.ControlKey(0, func(r kmsg.Request) (kmsg.Response, error, bool) {
					c.KeepControl()
					if allowed.Load() {
						return nil, nil, false
					}
					return deny(r.(*kmsg.ProduceRequest), why), nil, true
				})
				s.start()
				s.tick(60)
				samePhases(t, s.phases(), Connected, Away)
				if st := s.last(); st.Cause != evcp.SaidKO {
					t.Errorf("%+v", st)
				}
				allowed.Store(true)
				s.tick(20)
				s.waitUntil("delivery", s.delivered)
				// What came while the first batch was on its way makes it a return in two steps.
				direct := slices.DeleteFunc(s.phases(), func(p ConnectionPhase) bool { return p == CatchingUp })
				samePhases(t, direct, Connected, Away, Connected)
				s.checkComplete(s.seqs(3 * 80))
			})
		})
	}
}

// TestNothingIsAcknowledged: the client keeps to itself why a broker acknowledges nothing.
// One that answers otherwise, and has every replica in sync, is told from one that hangs.
func TestNothingIsAcknowledged(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, _ *brokerLink, c *kfake.Cluster) {
		var allowed atomic.Bool
		c.ControlKey(0, func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if allowed.Load() {
				return nil, nil, false
			}
			return deny(r.(*kmsg.ProduceRequest), kerr.NotEnoughReplicas), nil, true
		})
		s.start()
		s.tick(30)
		samePhases(t, s.phases(), Connected, Away)
		if st := s.last(); st.Cause != evcp.SaidKO || !errors.Is(st.Err, errOnlyAnswers) {
			t.Errorf("%+v", st)
		}
		allowed.Store(true)
		s.tick(20)
		s.waitUntil("delivery", s.delivered)
		s.checkComplete(s.seqs(3 * 50))
	})
}

// diskBroker is a broker that keeps its records and may be killed and started again.
type diskBroker struct {
	t       *testing.T
	network kfake.VirtualNetwork
	dir     string
	*kfake.Cluster
}

func (d *diskBroker) up() {
	c, err := kfake.NewCluster(kfake.ListenFn(d.network.Listen), kfake.Ports(9092), kfake.NumBrokers(1),
		kfake.DefaultNumPartitions(3), kfake.DataDir(d.dir), kfake.SyncWrites())
	if err != nil {
		d.t.Fatal(err)
	}
	d.Cluster = c
}

// TestManyOutages cuts off, freezes and restarts a broker in random order, with three
// checks a second: all arrive, in order.
func TestManyOutages(t *testing.T) {
	for seed := range uint64(4) {
		bubble.Run(t, func(t *testing.T) {
			d := &diskBroker{t: t, dir: t.TempDir()}
			d.up()
			g := newBrokerLink(d.network.DialContext)
			s := newFixture(t, "localhost:9092")
			s.dial = g.Dial
			s.start()
			s.tick(3)
			random := rand.New(rand.NewPCG(seed, 0))
			rounds := 3
			for range 12 {
				rounds += s.outage(random, g, d)
			}
			s.tick(30)
			s.waitUntil("delivery", s.delivered)
			t.Logf("seed %d: %d rounds, phases %v", seed, rounds, s.phases())
			s.checkComplete(s.seqs(3 * (rounds + 30)))
			s.close()
			d.Close()
			g.cut()
			synctest.Wait()
		})
	}
}

// outage is one outage and the time after it. It returns how many seconds it took.
func (s *senderHarness) outage(random *rand.Rand, g *brokerLink, d *diskBroker) (seconds int) {
	away, up := 1+random.IntN(20), random.IntN(10)
	switch random.IntN(3) {
	case 0:
		g.cut()
		s.tick(away)
		g.restore()
	case 1:
		g.freeze(true)
		s.tick(away)
		g.freeze(false)
	default:
		d.Close()
		s.tick(away)
		d.up()
	}
	s.tick(up)
	return away + up
}
