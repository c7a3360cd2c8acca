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
	"evcp/internal/bubble"
)

// inBubble runs f with broker, network and clock in memory; only the outbox's disk is
// real.
func inBubble(t *testing.T, f func(t *testing.T, s *senderHarness, g *brokerLink, c *kfake.Cluster)) {
	bubble.Run(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		c, err := kfake.NewCluster(kfake.ListenFn(network.Listen), kfake.Ports(9092), kfake.NumBrokers(1), kfake.DefaultNumPartitions(3))
		if err != nil {
			t.Fatal(err)
		}
		g := newBrokerLink(network.DialContext)
		s := newFixture(t, "localhost:9092")
		s.dial = g.Dial
		defer func() { // also of a test that fails: a bubble waits for its goroutines
			s.close()
			c.Close()
			g.cut()
			synctest.Wait()
		}()
		f(t, s, g, c)
	})
}

// tick appends checks once a second.
func (s *senderHarness) tick(seconds int) {
	for range seconds {
		s.appendChecks(1, 3)
		time.Sleep(time.Second)
	}
}

func (s *senderHarness) phases() (phases []ConnectionPhase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.statuses {
		phases = append(phases, p.Phase)
	}
	return phases
}

func (s *senderHarness) last() ConnectionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statuses[len(s.statuses)-1]
}

func samePhases(t *testing.T, got []ConnectionPhase, want ...ConnectionPhase) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("phases %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("phases %v, want %v", got, want)
		}
	}
}

// TestTenMinutesAway: an outage is one change of phase, with its cause; after it everything
// is sent once, and the return is one change to CatchingUp and one to Connected.
func TestTenMinutesAway(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, g *brokerLink, _ *kfake.Cluster) {
		s.start()
		s.tick(10)
		samePhases(t, s.phases(), Connected)
		g.cut()
		began := time.Now()
		s.tick(3)
		samePhases(t, s.phases(), Connected, Away)
		away := s.last()
		if away.Cause != evcp.Refused || away.Since.Sub(began) > 2500*time.Millisecond || away.ErrorText() == "" {
			t.Errorf("away %+v after %v", away, away.Since.Sub(began))
		}
		s.tick(597)
		samePhases(t, s.phases(), Connected, Away)
		g.restore()
		restored := time.Now()
		s.tick(20)
		samePhases(t, s.phases(), Connected, Away, CatchingUp, Connected)
		back := s.last()
		if took := back.Since.Sub(restored); took > 8*time.Second {
			t.Errorf("back after %v", took)
		}
		if back.Delivered < 3*598 || back.Delivered > 3*610 || back.Outage < 590*time.Second || back.Outage > 610*time.Second {
			t.Errorf("back %+v", back)
		}
		s.waitUntil("delivery", s.delivered)
		seqs := s.seqs(3 * 630)
		s.checkComplete(seqs)
		if n := len(seqs["CP_001"]); n != 630 {
			t.Errorf("%d records of CP_001, want 630", n)
		}
	})
}

// TestFrozen: a broker that does not answer is noticed within 6 s. Nothing is missing when
// it goes on.
func TestFrozen(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, g *brokerLink, _ *kfake.Cluster) {
		s.start()
		s.tick(5)
		g.freeze(true)
		began := time.Now()
		s.tick(7)
		samePhases(t, s.phases(), Connected, Away)
		if away := s.last(); away.Cause != evcp.Timeout || away.Since.Sub(began) > 6*time.Second {
			t.Errorf("away %+v after %v", away, away.Since.Sub(began))
		}
		s.tick(120)
		g.freeze(false)
		s.tick(20)
		if p := s.phases(); p[len(p)-1] != Connected || len(p) > 4 {
			t.Errorf("phases %v", p)
		}
		s.waitUntil("delivery", s.delivered)
		s.checkComplete(s.seqs(3 * 152))
	})
}

// TestStopIsBounded: a broker that is away or frozen delays neither Drain nor Run.
func TestStopIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, g *brokerLink, _ *kfake.Cluster) {
		s.start()
		s.tick(2)
		g.freeze(true)
		s.appendChecks(1, 3)
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
		s.appendChecks(1, 3)
		s.flush()
		if !s.sender.Drain(t.Context()) {
			t.Error("not drained")
		}
		g.cut()
		s.tick(4)
		began = time.Now()
		if s.sender.Drain(t.Context()) || time.Since(began) != 0 {
			t.Error("Drain waited while Kafka was away")
		}
	})
}

// TestTopicIsDeleted: a topic that is created again, by somebody else or by us, gets all
// later events.
func TestTopicIsDeleted(t *testing.T) {
	for name, again := range map[string]bool{"and created again": true, "for us to create": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *senderHarness, _ *brokerLink, c *kfake.Cluster) {
				s.start()
				s.tick(5)
				s.waitUntil("delivery", s.delivered)
				if err := c.DeleteTopic(s.topic); err != nil {
					t.Fatal(err)
				}
				if again {
					if err := c.CreateTopic(s.topic, 2, nil); err != nil {
						t.Fatal(err)
					}
				}
				s.tick(100)
				s.waitUntil("delivery", s.delivered)
				for cp, seqs := range s.seqs(300) {
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

// TestTopicIsForbidden: a missing topic that we may not create is an outage; when somebody
// creates it, everything is sent.
func TestTopicIsForbidden(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, _ *brokerLink, c *kfake.Cluster) {
		forbidCreate(s, c)
		s.start()
		s.tick(60)
		samePhases(t, s.phases(), Away)
		if st := s.last(); st.Cause != evcp.SaidKO {
			t.Errorf("%+v", st)
		}
		if err := c.CreateTopic(s.topic, 3, nil); err != nil {
			t.Fatal(err)
		}
		s.tick(20)
		s.waitUntil("delivery", s.delivered)
		s.checkComplete(s.seqs(3 * 80))
		if p := s.phases(); p[len(p)-1] != Connected {
			t.Errorf("phases %v", p)
		}
	})
}

// TestSmallBatches: a broker that accepts only small batches gets small batches.
func TestSmallBatches(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, _ *brokerLink, c *kfake.Cluster) {
		if err := c.CreateTopic(s.topic, 1, map[string]string{"max.message.bytes": "20000"}); err != nil {
			t.Fatal(err)
		}
		s.appendChecks(200, 5)
		s.start()
		s.tick(60)
		s.waitUntil("delivery", s.delivered)
		s.checkComplete(s.seqs(1000 + 180))
	})
}

// TestRejectedBatches: after a rejected batch whole runs are sent again.
func TestRejectedBatches(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, _ *brokerLink, c *kfake.Cluster) {
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
		s.waitUntil("delivery", s.delivered)
		s.checkComplete(s.seqs(180))
	})
}

// deny answers every batch of a request with an error that the client does not retry.
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

// TestProbe: a probe changes nothing.
func TestProbe(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, g *brokerLink, c *kfake.Cluster) {
		o := Options{Brokers: []string{s.broker}, Topic: s.topic, Dial: s.dial}
		if r := Probe(t.Context(), o); r.Troubles != nil || r.Exists {
			t.Errorf("%+v", r)
		}
		if c.TopicInfo(s.topic) != nil {
			t.Error("the probe created the topic")
		}
		if err := c.CreateTopic(s.topic, 1, nil); err != nil {
			t.Fatal(err)
		}
		if r := Probe(t.Context(), o); r.Troubles != nil || !r.Exists {
			t.Errorf("%+v", r)
		}
		g.freeze(true)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if r := Probe(ctx, o); len(r.Troubles) != 1 || CauseOf(r.Troubles[0]) != evcp.Timeout {
			t.Errorf("frozen: %+v", r)
		}
		g.freeze(false)
		g.cut()
		if r := Probe(t.Context(), o); len(r.Troubles) != 1 || CauseOf(r.Troubles[0]) != evcp.Refused {
			t.Errorf("cut: %+v", r)
		}
		s.start()
	})
}
