package kafka

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"evcp"
)

// TestRealCluster does what a broker that others use can't bear: brokers of its own, of
// which one goes, and rights that are taken away.
func TestRealCluster(t *testing.T) {
	t.Parallel() // it waits
	first := realBroker(t)
	t.Run("topic is deleted", func(t *testing.T) { topicIsDeleted(t, first) })
	t.Run("topic is deleted and may not be made", func(t *testing.T) { topicMayNotBeMade(t, first) })
	second := first.second()
	t.Run("leader is away", func(t *testing.T) { leaderIsAway(t, first, second) })
}

// topicIsDeleted: a topic that is deleted while events are sent is made again, and gets
// what was not delivered.
func topicIsDeleted(t *testing.T, b *ownBroker) {
	s := newFixture(t, b.address)
	s.start()
	s.appendChecks(20, 3)
	s.waitUntil("delivery", s.delivered)
	stop := s.appendSteadily()
	s.deleteTopic()
	time.Sleep(3 * time.Second)
	stop()
	s.waitUntil("delivery", s.delivered)
	s.checkNoGap(s.seqs(30))
}

// checkNoGap wants no number left out between the first and the last on the topic.
func (s *senderHarness) checkNoGap(seqs map[string][]uint64) {
	s.t.Helper()
	for cp, seqs := range seqs {
		for i, seq := range seqs[1:] {
			if seq > seqs[i]+1 {
				s.t.Errorf("%s: %d comes after %d", cp, seq, seqs[i])
			}
		}
		if last, want := seqs[len(seqs)-1], s.states[evcp.CPID(cp)].Seq; last != want {
			s.t.Errorf("%s: the topic ends with seq %d, the outbox with %d", cp, last, want)
		}
	}
}

// deleteTopic deletes the topic, and waits until the broker no longer knows it, or knows
// another one of its name.
func (s *senderHarness) deleteTopic() {
	s.t.Helper()
	cl := s.client()
	defer cl.Close()
	before, err := metadataOf(s.t.Context(), cl, s.topic, false)
	if err != nil {
		s.t.Fatal(err)
	}
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = 5000
	req.TopicNames = []string{s.topic}
	one := kmsg.NewDeleteTopicsRequestTopic()
	one.Topic = &s.topic
	req.Topics = append(req.Topics, one)
	s.administer(req)
	s.waitUntil("end of the topic", func() bool {
		now, err := metadataOf(s.t.Context(), cl, s.topic, false)
		return err == nil && now.Topics[0].TopicID != before.Topics[0].TopicID
	})
}

// access is a rule for those who have no name.
func access(of kmsg.ACLResourceType, name string, what kmsg.ACLOperation, is kmsg.ACLPermissionType) kmsg.CreateACLsRequestCreation {
	acl := kmsg.NewCreateACLsRequestCreation()
	acl.ResourceType, acl.ResourceName, acl.ResourcePatternType = of, name, kmsg.ACLResourcePatternTypeLiteral
	acl.Principal, acl.Host, acl.Operation, acl.PermissionType = "User:ANONYMOUS", "*", what, is
	return acl
}

// addRules adds rules, and waits until the broker knows them: the controller has them first.
func (s *senderHarness) addRules(rules ...kmsg.CreateACLsRequestCreation) {
	s.t.Helper()
	req := kmsg.NewPtrCreateACLsRequest()
	req.Creations = rules
	s.administer(req)
	cl := s.client()
	defer cl.Close()
	for _, r := range rules {
		s.waitUntil("rule", func() bool { return knowsRule(cl, r) })
	}
}

func knowsRule(cl *kgo.Client, r kmsg.CreateACLsRequestCreation) bool {
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType, req.ResourceName, req.ResourcePatternType = r.ResourceType, &r.ResourceName, r.ResourcePatternType
	req.Principal, req.Host, req.Operation, req.PermissionType = &r.Principal, &r.Host, r.Operation, r.PermissionType
	resp, err := req.RequestWith(context.Background(), cl)
	return err == nil && resp.ErrorCode == 0 && len(resp.Resources) > 0
}

// dropRules removes all rules for what and permission of a resource.
func (s *senderHarness) dropRules(like kmsg.CreateACLsRequestCreation) {
	s.t.Helper()
	filter := kmsg.NewDeleteACLsRequestFilter()
	filter.ResourceType, filter.ResourceName, filter.ResourcePatternType = like.ResourceType, &like.ResourceName, like.ResourcePatternType
	filter.Operation, filter.PermissionType = like.Operation, like.PermissionType
	req := kmsg.NewPtrDeleteACLsRequest()
	req.Filters = append(req.Filters, filter)
	s.administer(req)
}

// topicMayNotBeMade: the topic is deleted, and the Monitor may write but not make it. Once
// it may, everything that was not delivered is.
func topicMayNotBeMade(t *testing.T, b *ownBroker) {
	s := newFixture(t, b.address)
	const cluster = "kafka-cluster"
	forbidden := access(kmsg.ACLResourceTypeCluster, cluster, kmsg.ACLOperationCreate, kmsg.ACLPermissionTypeDeny)
	allowed := access(kmsg.ACLResourceTypeCluster, cluster, kmsg.ACLOperationAll, kmsg.ACLPermissionTypeAllow)
	s.start()
	s.appendChecks(10, 3)
	s.waitUntil("delivery", s.delivered)
	s.addRules(allowed,
		access(kmsg.ACLResourceTypeTopic, s.topic, kmsg.ACLOperationAll, kmsg.ACLPermissionTypeAllow),
		access(kmsg.ACLResourceTypeTopic, s.topic, kmsg.ACLOperationCreate, kmsg.ACLPermissionTypeDeny))
	s.addRules(forbidden)
	s.deleteTopic()
	s.appendChecks(10, 3)
	s.waitUntil("refusal", s.refusedWith(errNoTopic))
	s.dropRules(forbidden)
	s.waitUntil("delivery", s.delivered)
	s.dropRules(allowed)
	s.checkNoGap(s.seqs(30))
}

// leaderIsAway: the broker that alone has one topic, and half of the replicas of another,
// ends and comes back.
func leaderIsAway(t *testing.T, first, second *ownBroker) {
	alone, both := newFixture(t, first.address), newFixture(t, first.address)
	alone.createOn([]int32{2})
	both.createOn([]int32{1, 2}, "min.insync.replicas=2")
	for _, s := range []*senderHarness{alone, both} {
		s.start()
		s.appendChecks(10, 3)
		s.waitUntil("delivery", s.delivered)
	}
	second.do("stop")
	alone.appendChecks(10, 3)
	both.appendChecks(10, 3)
	alone.waitUntil("absence", alone.refusedWith(kerr.LeaderNotAvailable))
	both.waitUntil("absence", both.refusedWith(kerr.NotEnoughReplicas))
	second.do("start")
	for _, s := range []*senderHarness{alone, both} {
		s.waitUntil("delivery", s.delivered)
		s.checkComplete(s.seqs(60))
		if d := s.drops(); len(d) > 0 {
			t.Errorf("given up: %+v", d)
		}
	}
}

// createOn makes the topic with one partition, on these brokers.
func (s *senderHarness) createOn(brokers []int32, configs ...string) {
	s.t.Helper()
	topic := newTopic(s.topic, configs)
	topic.NumPartitions, topic.ReplicationFactor = -1, -1
	assigned := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
	assigned.Replicas = brokers
	topic.ReplicaAssignment = append(topic.ReplicaAssignment, assigned)
	s.createTopic(topic)
}
