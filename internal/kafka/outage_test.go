package kafka

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"evcp"
)

// inBubble tells a story in no time at all: broker, network and clock are all in
// memory; only the outbox's disk is real.
func inBubble(t *testing.T, f func(t *testing.T, s *story, g *gate, c *kfake.Cluster)) {
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		c, err := kfake.NewCluster(kfake.ListenFn(network.Listen), kfake.Ports(9092), kfake.NumBrokers(1), kfake.DefaultNumPartitions(3))
		if err != nil {
			t.Fatal(err)
		}
		g := newGate(network.DialContext)
		s := newStory(t, "localhost:9092")
		s.dial = g.Dial
		f(t, s, g, c)
		s.halt()
		c.Close()
		g.cut()
		synctest.Wait()
	})
}

// tick lets checks happen once a second.
func (s *story) tick(seconds int) {
	for range seconds {
		s.happen(1, 3)
		time.Sleep(time.Second)
	}
}

func (s *story) told() (phases []ConnectionPhase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.phases {
		phases = append(phases, p.Phase)
	}
	return phases
}

func (s *story) last() ConnectionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phases[len(s.phases)-1]
}

func samePhases(t *testing.T, got []ConnectionPhase, want ...ConnectionPhase) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("told %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("told %v, want %v", got, want)
		}
	}
}

// Ten minutes without a broker: told once, why; then everything is sent, nothing
// twice, and that is told once.
func TestTenMinutesAway(t *testing.T) {
	inBubble(t, func(t *testing.T, s *story, g *gate, _ *kfake.Cluster) {
		s.start()
		s.tick(10)
		samePhases(t, s.told(), Connected)
		g.cut()
		began := time.Now()
		s.tick(3)
		samePhases(t, s.told(), Connected, Away)
		away := s.last()
		if away.Cause != evcp.Refused || away.Since.Sub(began) > 2500*time.Millisecond || away.ErrorText() == "" {
			t.Errorf("away %+v after %v", away, away.Since.Sub(began))
		}
		s.tick(597)
		samePhases(t, s.told(), Connected, Away)
		g.mend()
		mended := time.Now()
		s.tick(20)
		samePhases(t, s.told(), Connected, Away, CatchingUp, Connected)
		back := s.last()
		if took := back.Since.Sub(mended); took > 8*time.Second {
			t.Errorf("back after %v", took)
		}
		if back.Delivered < 3*598 || back.Delivered > 3*610 || back.Outage < 590*time.Second || back.Outage > 610*time.Second {
			t.Errorf("back %+v", back)
		}
		s.until("delivery", s.delivered)
		seqs := s.seen(3 * 630)
		s.complete(seqs)
		if n := len(seqs["CP_001"]); n != 630 {
			t.Errorf("%d records of CP_001, want 630", n)
		}
	})
}

// A frozen broker is noticed within 6 s. Nothing is missing when it thaws.
func TestFrozen(t *testing.T) {
	inBubble(t, func(t *testing.T, s *story, g *gate, _ *kfake.Cluster) {
		s.start()
		s.tick(5)
		g.freeze(true)
		began := time.Now()
		s.tick(7)
		samePhases(t, s.told(), Connected, Away)
		if away := s.last(); away.Cause != evcp.Timeout || away.Since.Sub(began) > 6*time.Second {
			t.Errorf("away %+v after %v", away, away.Since.Sub(began))
		}
		s.tick(120)
		g.freeze(false)
		s.tick(20)
		if p := s.told(); p[len(p)-1] != Connected || len(p) > 4 {
			t.Errorf("told %v", p)
		}
		s.until("delivery", s.delivered)
		s.complete(s.seen(3 * 152))
	})
}

// A broker that is away or frozen holds up neither Drain nor the end of Run.
func TestStopIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *story, g *gate, _ *kfake.Cluster) {
		s.start()
		s.tick(2)
		g.freeze(true)
		s.happen(1, 3)
		s.flush()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if s.sender.Drain(ctx) || time.Since(began) != 2*time.Second {
			t.Errorf("drained after %v", time.Since(began))
		}
		s.stop()
		if took := time.Since(began); took > 2300*time.Millisecond {
			t.Errorf("stopped after %v", took)
		}
		g.freeze(false)
		s.start()
		s.happen(1, 3)
		s.flush()
		if !s.sender.Drain(t.Context()) {
			t.Error("not drained")
		}
		g.cut()
		s.tick(4)
		began = time.Now()
		if s.sender.Drain(t.Context()) || time.Since(began) != 0 {
			t.Error("Drain waits for a broker that is away")
		}
	})
}

// A topic that is deleted, and made again by somebody or by us, gets everything
// that happens from then on.
func TestTopicIsDeleted(t *testing.T) {
	for name, again := range map[string]bool{"and made again": true, "for us to make": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *story, _ *gate, c *kfake.Cluster) {
				s.start()
				s.tick(5)
				s.until("delivery", s.delivered)
				if err := c.DeleteTopic(s.topic); err != nil {
					t.Fatal(err)
				}
				if again {
					if err := c.CreateTopic(s.topic, 2, nil); err != nil {
						t.Fatal(err)
					}
				}
				s.tick(100)
				s.until("delivery", s.delivered)
				for cp, seqs := range s.seen(300) {
					for i, seq := range seqs[1:] {
						if seq > seqs[i]+1 {
							t.Errorf("%s: %d comes after %d", cp, seq, seqs[i])
						}
					}
					if seqs[0] > 6 || seqs[len(seqs)-1] != 105 {
						t.Errorf("%s: %d to %d", cp, seqs[0], seqs[len(seqs)-1])
					}
				}
			})
		})
	}
}

// A topic that is missing and that we may not make is told once; when somebody
// makes it everything is sent.
func TestTopicIsForbidden(t *testing.T) {
	inBubble(t, func(t *testing.T, s *story, _ *gate, c *kfake.Cluster) {
		forbid(s, c)
		s.start()
		s.tick(60)
		samePhases(t, s.told(), Away)
		if st := s.last(); st.Cause != evcp.SaidKO {
			t.Errorf("%+v", st)
		}
		if err := c.CreateTopic(s.topic, 3, nil); err != nil {
			t.Fatal(err)
		}
		s.tick(20)
		s.until("delivery", s.delivered)
		s.complete(s.seen(3 * 80))
		if p := s.told(); p[len(p)-1] != Connected {
			t.Errorf("told %v", p)
		}
	})
}

// A broker that takes only small batches gets small batches.
func TestSmallBatches(t *testing.T) {
	inBubble(t, func(t *testing.T, s *story, _ *gate, c *kfake.Cluster) {
		if err := c.CreateTopic(s.topic, 1, map[string]string{"max.message.bytes": "20000"}); err != nil {
			t.Fatal(err)
		}
		s.happen(200, 5)
		s.start()
		s.tick(60)
		s.until("delivery", s.delivered)
		s.complete(s.seen(1000 + 180))
	})
}

// A produce request whose answer is lost is written once: the client is
// idempotent. An answer that says no makes whole runs come again.
func TestNoFromTheBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, s *story, _ *gate, c *kfake.Cluster) {
		n := 0
		c.ControlKey(0, func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if n++; n%5 != 3 {
				return nil, nil, false
			}
			return deny(r.(*kmsg.ProduceRequest), kerr.InvalidRecord), nil, true
		})
		s.start()
		s.tick(60)
		s.until("delivery", s.delivered)
		s.complete(s.seen(180))
	})
}

// deny answers every batch of a request with an error, one that no retry mends.
func deny(r *kmsg.ProduceRequest, why *kerr.Error) kmsg.Response {
	resp := r.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range r.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, why.Code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

// A probe asks and changes nothing.
func TestProbe(t *testing.T) {
	inBubble(t, func(t *testing.T, s *story, g *gate, c *kfake.Cluster) {
		o := Options{Brokers: []string{s.broker}, Topic: s.topic, Dial: s.dial}
		r, err := Probe(t.Context(), o)
		if err != nil || r.Exists || r.Broker != "localhost:9092" {
			t.Errorf("%+v, %v", r, err)
		}
		if c.TopicInfo(s.topic) != nil {
			t.Error("the probe made the topic")
		}
		if err := c.CreateTopic(s.topic, 1, nil); err != nil {
			t.Fatal(err)
		}
		if r, err := Probe(t.Context(), o); err != nil || !r.Exists {
			t.Errorf("%+v, %v", r, err)
		}
		g.freeze(true)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := Probe(ctx, o); CauseOf(err) != evcp.Timeout {
			t.Errorf("frozen: %v", err)
		}
		g.freeze(false)
		g.cut()
		if _, err := Probe(t.Context(), o); CauseOf(err) != evcp.Refused {
			t.Errorf("cut: %v", err)
		}
		s.start()
	})
}
