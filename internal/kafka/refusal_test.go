package kafka

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// onePartition makes the topic, so that a request has one batch, and refuses those batches
// of which refused says so.
func (s *senderHarness) onePartition(c *kfake.Cluster, refused func(batch []byte) bool) {
	if err := c.CreateTopic(s.topic, 1, nil); err != nil {
		s.t.Fatal(err)
	}
	c.ControlKey(0, func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := r.(*kmsg.ProduceRequest)
		if !refused(req.Topics[0].Partitions[0].Records) {
			return nil, nil, false
		}
		return deny(req, kerr.MessageTooLarge), nil, true
	})
}

// TestTopicIsCorrectedAtAnyMoment: a topic refuses n batches, whatever is in them, and then
// takes all. Nothing is given up, and nothing comes before an earlier event.
func TestTopicIsCorrectedAtAnyMoment(t *testing.T) {
	for name, earlier := range map[string]int{"after a delivery": 1, "from the first event on": 0} {
		for n := range int64(20) {
			t.Run(fmt.Sprintf("%s %d", name, n), func(t *testing.T) {
				inBubble(t, func(t *testing.T, s *senderHarness, _ *brokerLink, c *kfake.Cluster) {
					var left atomic.Int64
					s.onePartition(c, func([]byte) bool { return left.Add(-1) >= 0 })
					s.start()
					s.appendChecks(earlier, 3)
					s.waitUntil("delivery", s.delivered)
					left.Store(n)
					s.appendChecks(10, 3)
					s.waitUntil("delivery", s.delivered)
					s.appendChecks(1, 3)
					s.waitUntil("delivery", s.delivered)
					s.checkComplete(s.seqs(3 * (earlier + 11)))
					if d := s.drops(); len(d) > 0 {
						t.Errorf("given up: %+v", d)
					}
				})
			})
		}
	}
}

// appendBad appends checks that refuseBad refuses.
func (s *senderHarness) appendBad(n int) {
	for range n {
		s.appendReply("CP_001", "OK bad")
	}
}

func refuseBad(batch []byte) bool { return bytes.Contains(batch, []byte("OK bad")) }

// written is how many events there are.
func (s *senderHarness) written() (n int) {
	for _, state := range s.states {
		n += int(state.Seq)
	}
	return n
}

// checkSetAside waits until everything is delivered or set aside, and wants n set aside.
// The report of that comes with the next event.
func (s *senderHarness) checkSetAside(n int) {
	s.t.Helper()
	s.waitUntil("delivery", s.delivered)
	s.appendChecks(1, 3)
	s.waitUntil("report", func() bool {
		count := 0
		for _, d := range s.drops() {
			if count += int(d.Count); d.Reason != "refused by Kafka: MESSAGE_TOO_LARGE" {
				s.t.Errorf("%+v", d)
			}
		}
		return count == n
	})
	s.waitUntil("delivery", s.delivered)
	if covered := s.checkCovered(s.written() - n); covered != n {
		s.t.Errorf("%d are covered, want %d", covered, n)
	}
}

// TestEventsAreRefused: what a topic never takes is set aside at once, however much of it
// follows one another and also when nothing comes after it.
func TestEventsAreRefused(t *testing.T) {
	for _, n := range []int{1, 2, 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *senderHarness, _ *brokerLink, c *kfake.Cluster) {
				s.onePartition(c, refuseBad)
				s.start()
				s.appendChecks(10, 3)
				s.appendBad(n)
				began := time.Now()
				s.checkSetAside(n)
				if took := time.Since(began); took > time.Second {
					t.Errorf("set aside after %v", took)
				}
				samePhases(t, s.phases(), Connected)
			})
		})
	}
}

// TestFirstEventIsRefused: without an event that the topic took, a refusal may be the
// topic's fault. After a minute what comes later is tried. What is set aside was not sent.
func TestFirstEventIsRefused(t *testing.T) {
	for _, n := range []int{1, maxRefused} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *senderHarness, _ *brokerLink, c *kfake.Cluster) {
				s.onePartition(c, refuseBad)
				s.appendBad(n)
				s.appendChecks(10, 3)
				s.start()
				time.Sleep(trialPeriod - time.Second)
				if s.delivered() {
					t.Error("set aside before the trial")
				}
				s.checkSetAside(n)
				samePhases(t, s.phases(), Connected, Away, Connected)
				if back := s.last(); back.Delivered != 30 || back.GivenUp != int64(n) {
					t.Errorf("%d delivered, %d given up, want 30 and %d", back.Delivered, back.GivenUp, n)
				}
			})
		})
	}
}

// TestLastAcceptedEventIsRefused: a topic that takes less than before may refuse the event
// that it took last. Then that proves nothing.
func TestLastAcceptedEventIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, _ *brokerLink, c *kfake.Cluster) {
		var narrow atomic.Bool
		s.onePartition(c, func(batch []byte) bool { return narrow.Load() && bytes.Contains(batch, []byte("long")) })
		s.start()
		s.appendReply("CP_001", "OK long")
		s.waitUntil("delivery", s.delivered)
		narrow.Store(true)
		s.appendReply("CP_001", "OK longer")
		s.appendChecks(10, 3)
		time.Sleep(trialPeriod)
		s.checkSetAside(1)
	})
}

// TestRefusedEventOfALargeRun: a run that has no room in one batch is sent in several. What
// was refused in the first is set aside with the last.
func TestRefusedEventOfALargeRun(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, _ *brokerLink, c *kfake.Cluster) {
		s.onePartition(c, refuseBad)
		s.appendChecks(1, 3)
		s.appendBad(1)
		s.appendChecks(50, 3)
		s.flush()
		s.stop = func() {}
		s.close()
		s.open() // what is read from the disk is one run
		s.batchBytes = minBatchBytes
		s.start()
		s.checkSetAside(1)
	})
}
