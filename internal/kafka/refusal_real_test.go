package kafka

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/language"
	"evcp/internal/testbed"
)

// realTopic is a senderHarness with a topic of its own on the real broker.
func realTopic(t *testing.T, configs ...string) *senderHarness {
	t.Helper()
	broker := os.Getenv("EVCP_TEST_KAFKA")
	if broker == "" {
		testbed.SkipMissing(t, "real Kafka (EVCP_TEST_KAFKA)")
	}
	s := newFixture(t, broker)
	topic := newTopic(s.topic, configs)
	topic.NumPartitions, topic.ReplicationFactor = 2, 1
	s.createTopic(topic)
	return s
}

// newTopic is a topic with settings, each as name=value.
func newTopic(name string, configs []string) kmsg.CreateTopicsRequestTopic {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic = name
	for _, c := range configs {
		name, value, _ := strings.Cut(c, "=")
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = name, &value
		topic.Configs = append(topic.Configs, config)
	}
	return topic
}

// createTopic creates a topic, and waits until the broker knows it and each partition has a
// leader.
func (s *senderHarness) createTopic(topic kmsg.CreateTopicsRequestTopic) {
	s.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics = append(req.Topics, topic)
	s.administer(req)
	cl := s.client()
	defer cl.Close()
	s.waitUntil("topic", func() bool {
		answer, err := metadataOf(s.t.Context(), cl, topic.Topic, false)
		if err != nil || answer.Topics[0].ErrorCode != 0 {
			return false
		}
		without := func(p kmsg.MetadataResponseTopicPartition) bool { return p.ErrorCode != 0 || p.Leader < 0 }
		return len(answer.Topics[0].Partitions) > 0 && !slices.ContainsFunc(answer.Topics[0].Partitions, without)
	})
}

// client asks the broker, without a login. The test closes it.
func (s *senderHarness) client() *kgo.Client {
	s.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.broker))
	if err != nil {
		s.t.Fatal(err)
	}
	return cl
}

// administer sends a request to the broker and checks its answer. The controller gives it, a
// moment before the broker knows of the change.
func (s *senderHarness) administer(req kmsg.Request) {
	s.t.Helper()
	cl := s.client()
	defer cl.Close()
	resp, err := cl.Request(context.Background(), req)
	if err != nil {
		s.t.Fatal(err)
	}
	var code int16
	switch r := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		code = r.Topics[0].ErrorCode
	case *kmsg.DeleteTopicsResponse:
		code = r.Topics[0].ErrorCode
	case *kmsg.IncrementalAlterConfigsResponse:
		code = r.Resources[0].ErrorCode
	case *kmsg.CreateACLsResponse:
		code = r.Results[0].ErrorCode
	case *kmsg.DeleteACLsResponse:
		code = r.Results[0].ErrorCode
	case *kmsg.AlterUserSCRAMCredentialsResponse:
		code = r.Results[0].ErrorCode
	case *kmsg.AlterClientQuotasResponse:
		code = r.Entries[0].ErrorCode
	}
	if err := kerr.ErrorForCode(code); err != nil {
		s.t.Fatalf("%T: %v", req, err)
	}
}

// configure changes one setting of the topic.
func (s *senderHarness) configure(name, value string) {
	s.t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, s.topic
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = name, &value
	r.Configs = append(r.Configs, c)
	req.Resources = append(req.Resources, r)
	s.administer(req)
}

// checkCovered wants every number of every charge point on the topic, or covered by an
// events_dropped that is there. It returns how many are covered.
func (s *senderHarness) checkCovered(want int) (covered int) {
	s.t.Helper()
	dropped := map[string][]evcp.Event{}
	seqs := s.read(want, func(r *kgo.Record, e evcp.Event) {
		if e.Action == evcp.EventsDropped {
			dropped[string(r.Key)] = append(dropped[string(r.Key)], e)
		}
	})
	for cp, state := range s.states {
		there := map[uint64]bool{}
		for _, seq := range seqs[string(cp)] {
			there[seq] = true
		}
		for seq := uint64(1); seq <= state.Seq; seq++ {
			if there[seq] {
				continue
			}
			covered++
			ok := false
			for _, e := range dropped[string(cp)] {
				ok = ok || e.From <= seq && seq <= e.To && strings.HasPrefix(e.Reason, evcp.ReasonRefused)
			}
			if !ok {
				s.t.Errorf("%s: %d is missing, and nothing covers it", cp, seq)
			}
		}
	}
	return covered
}

// refusedWith is a condition: an outage with that error, for which there is advice of its own.
func (s *senderHarness) refusedWith(err error) func() bool {
	return func() bool {
		st := s.sender.Status()
		told := advice.ForKafka(language.English, st.Cause, advice.Details{Reply: st.ErrorText()})
		return st.Phase == Away && st.Cause == evcp.SaidKO && errors.Is(st.Err, err) && told.Do != advice.ForKafka(language.English, st.Cause, advice.Details{}).Do
	}
}

// TestRealTimeTooOld: events that waited for longer than the topic allows are dated with
// the moment of sending. Those that are young enough keep their time.
func TestRealTimeTooOld(t *testing.T) {
	s := realTopic(t, "message.timestamp.before.max.ms=3600000")
	for _, s.ahead = range []time.Duration{-26 * time.Hour, -3 * time.Hour, -10 * time.Minute, 0} {
		s.appendChecks(20, 3)
	}
	s.start()
	s.waitUntil("delivery", s.delivered)
	s.dated = func(r *kgo.Record, e evcp.Event) {
		age := time.Since(e.At.Time())
		if own := r.Timestamp.UnixMilli() == e.At.Time().UnixMilli(); own != (age < time.Hour) || time.Since(r.Timestamp) > time.Hour {
			t.Errorf("an event %v old is dated %v ago", age, time.Since(r.Timestamp))
		}
	}
	s.checkComplete(s.seqs(240))
	if len(s.troubles) != 1 || !errors.Is(s.troubles[0], kerr.InvalidTimestamp) {
		t.Errorf("reported: %v", s.troubles)
	}
}

// TestRealTimeTooNew: while this machine's clock is two hours ahead of the broker's, even
// now is too new. The events arrive without a time of their records.
func TestRealTimeTooNew(t *testing.T) {
	s := realTopic(t, "message.timestamp.after.max.ms=3600000")
	s.ahead = 2 * time.Hour
	s.clock = func() time.Time { return time.Now().Add(s.ahead) }
	s.appendChecks(20, 3)
	s.start()
	s.waitUntil("delivery", s.delivered)
	s.appendChecks(20, 3)
	s.waitUntil("delivery", s.delivered)
	s.dated = func(r *kgo.Record, e evcp.Event) {
		if r.Timestamp.UnixMilli() != -1 || time.Until(e.At.Time()) < time.Hour {
			t.Errorf("dated %v, happened %v", r.Timestamp, e.At.Time())
		}
	}
	s.checkComplete(s.seqs(120))
	samePhases(t, s.phases(), Connected)
}

// TestRealRecordTooLarge: an event that the topic never takes is set aside, and covered by
// an events_dropped; all others arrive.
func TestRealRecordTooLarge(t *testing.T) {
	s := realTopic(t, "max.message.bytes=600")
	for range 5 {
		s.appendChecks(10, 3)
		s.appendReply("CP_002", "OK "+strings.Repeat("x", 500))
	}
	s.start()
	s.checkSetAside(5)
	if n := s.box.Stats().Dropped["health_check"]; n != 5 {
		t.Errorf("%d counted", n)
	}
}

func (s *senderHarness) drops() []evcp.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]evcp.Observation(nil), s.dropped...)
}

// TestRealNothingFits: a topic that takes no event at all is an outage. Nothing is given
// up; when the topic is mended, everything arrives.
func TestRealNothingFits(t *testing.T) {
	s := realTopic(t, "max.message.bytes=100")
	s.appendChecks(40, 3)
	s.start()
	s.waitUntil("refusal", s.refusedWith(kerr.MessageTooLarge))
	s.configure("max.message.bytes", "1048588")
	s.waitUntil("delivery", s.delivered)
	s.checkComplete(s.seqs(120))
	if d := s.drops(); len(d) > 0 {
		t.Errorf("given up: %+v", d)
	}
}

// TestRealNoRight: a Monitor that may not write waits, and says so.
func TestRealNoRight(t *testing.T) {
	s := realTopic(t)
	forbidden := access(kmsg.ACLResourceTypeTopic, s.topic, kmsg.ACLOperationWrite, kmsg.ACLPermissionTypeDeny)
	s.addRules(forbidden)
	s.appendChecks(10, 3)
	s.start()
	s.waitUntil("refusal", s.refusedWith(kerr.TopicAuthorizationFailed))
	s.dropRules(forbidden)
	s.waitUntil("delivery", s.delivered)
	s.checkComplete(s.seqs(30))
}

// hasQuota reports whether the broker knows of a quota for a client.
func (s *senderHarness) hasQuota(client string) bool {
	cl := s.client()
	defer cl.Close()
	req := kmsg.NewPtrDescribeClientQuotasRequest()
	of := kmsg.NewDescribeClientQuotasRequestComponent()
	of.EntityType, of.Match = "client-id", &client
	req.Components = append(req.Components, of)
	resp, err := req.RequestWith(s.t.Context(), cl)
	return err == nil && resp.ErrorCode == 0 && len(resp.Entries) > 0
}

// TestRealQuota: a broker that slows the Monitor down is no outage; it is reported once.
func TestRealQuota(t *testing.T) {
	t.Parallel() // it waits
	s := realTopic(t)
	client := s.topic
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	entity := kmsg.NewAlterClientQuotasRequestEntryEntity()
	entity.Type, entity.Name = "client-id", &client
	op := kmsg.NewAlterClientQuotasRequestEntryOp()
	op.Key, op.Value = "producer_byte_rate", 2000
	entry.Entity, entry.Ops = append(entry.Entity, entity), append(entry.Ops, op)
	req := kmsg.NewPtrAlterClientQuotasRequest()
	req.Entries = append(req.Entries, entry)
	s.administer(req)
	s.waitUntil("quota", func() bool { return s.hasQuota(client) })
	s.start(func(o *Options) { o.clientID = client })
	for range 4 {
		s.appendChecks(40, 3)
		s.flush()
		time.Sleep(500 * time.Millisecond)
	}
	s.waitUntil("delivery", s.delivered)
	s.checkComplete(s.seqs(480))
	samePhases(t, s.phases(), Connected)
	if len(s.troubles) != 1 || !errors.Is(s.troubles[0], errThrottled) {
		t.Errorf("reported: %v", s.troubles)
	}
}
