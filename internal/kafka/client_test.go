package kafka

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"evcp"
)

// forbid keeps everybody from making the topic. It counts the tries.
func forbid(s *story, c *kfake.Cluster) *atomic.Int64 {
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

// Tries that fail before a record is under way share one client: a broker that is
// there and says no is asked again and again over the same few connections.
func TestOneClientForManyTries(t *testing.T) {
	inBubble(t, func(t *testing.T, s *story, g *gate, c *kfake.Cluster) {
		tries := forbid(s, c)
		s.start()
		s.tick(120)
		if n := tries.Load(); n < 20 || g.dialled() > 3 {
			t.Errorf("%d connections for %d tries", g.dialled(), n)
		}
		if err := c.CreateTopic(s.topic, 3, nil); err != nil {
			t.Fatal(err)
		}
		s.tick(20)
		s.until("delivery", s.delivered)
		s.complete(s.seen(3 * 140))
	})
}

// While nobody listens a try costs a dial, some 2 KiB. With a client for each it
// is 80.
func TestAnAbsentBrokerCostsLittle(t *testing.T) {
	inBubble(t, func(t *testing.T, s *story, g *gate, _ *kfake.Cluster) {
		g.cut()
		s.start()
		time.Sleep(time.Minute)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		dialled := g.dialled()
		time.Sleep(time.Hour)
		runtime.ReadMemStats(&after)
		dials := g.dialled() - dialled
		each := (after.TotalAlloc - before.TotalAlloc) / uint64(max(dials, 1))
		t.Logf("%d dials in an hour, %d bytes each", dials, each)
		if dials < 600 || each > 10<<10 {
			t.Errorf("%d dials in an hour, %d bytes each", dials, each)
		}
	})
}

// A broker that answers and takes no record is away, and that is told once. The
// small batches that it was offered at last catch up in several shipments.
func TestWritingIsDenied(t *testing.T) {
	for why, back := range map[*kerr.Error][]ConnectionPhase{
		kerr.TopicAuthorizationFailed: {Connected, Away, Connected},
		kerr.MessageTooLarge:          {Connected, Away, CatchingUp, Connected},
	} {
		t.Run(why.Message, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *story, _ *gate, c *kfake.Cluster) {
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
				samePhases(t, s.told(), Connected, Away)
				if st := s.last(); st.Cause != evcp.SaidKO {
					t.Errorf("%+v", st)
				}
				allowed.Store(true)
				s.tick(20)
				s.until("delivery", s.delivered)
				samePhases(t, s.told(), back...)
				s.complete(s.seen(3 * 80))
			})
		})
	}
}

// onDisk is a broker that keeps its records and may be killed and started again.
type onDisk struct {
	t       *testing.T
	network kfake.VirtualNetwork
	dir     string
	*kfake.Cluster
}

func (d *onDisk) up() {
	c, err := kfake.NewCluster(kfake.ListenFn(d.network.Listen), kfake.Ports(9092), kfake.NumBrokers(1),
		kfake.DefaultNumPartitions(3), kfake.DataDir(d.dir), kfake.SyncWrites())
	if err != nil {
		d.t.Fatal(err)
	}
	d.Cluster = c
}

// A broker is cut off, frozen and started again, one after the other in any order
// and for any time, while three checks a second happen: all are there, in order.
func TestManyOutages(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			d := &onDisk{t: t, dir: t.TempDir()}
			d.up()
			g := newGate(d.network.DialContext)
			s := newStory(t, "localhost:9092")
			s.dial = g.Dial
			s.start()
			s.tick(3)
			random := rand.New(rand.NewPCG(seed, 0))
			rounds := 3
			for range 12 {
				rounds += s.suffer(random, g, d)
			}
			s.tick(30)
			s.until("delivery", s.delivered)
			t.Logf("seed %d: %d rounds, told %v", seed, rounds, s.told())
			s.complete(s.seen(3 * (rounds + 30)))
			s.halt()
			d.Close()
			g.cut()
			synctest.Wait()
		})
	}
}

// suffer is one outage and what follows. It answers how many seconds it took.
func (s *story) suffer(random *rand.Rand, g *gate, d *onDisk) (seconds int) {
	away, well := 1+random.IntN(20), random.IntN(10)
	switch random.IntN(3) {
	case 0:
		g.cut()
		s.tick(away)
		g.mend()
	case 1:
		g.freeze(true)
		s.tick(away)
		g.freeze(false)
	default:
		d.Close()
		s.tick(away)
		d.up()
	}
	s.tick(well)
	return away + well
}
