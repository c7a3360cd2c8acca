package kafka

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"evcp"
	"evcp/internal/testbed"
)

// TestRealAdvertisedAddress: Apache Kafka whose advertised.listeners leads nowhere. Probe and
// the Sender say the same.
func TestRealAdvertisedAddress(t *testing.T) {
	advertised := testbed.FreeAddr(t)
	t.Setenv("KAFKA_ADVERTISED", advertised)
	s := newFixture(t, realBroker(t).address)
	r := Probe(t.Context(), Options{Brokers: []string{s.broker}, Topic: s.topic})
	if r.Exists || r.Answering != s.broker || len(r.Troubles) != 1 || CauseOf(r.Troubles[0]) != evcp.Refused || BrokerOf(r.Troubles[0]) != advertised {
		t.Errorf("%+v", r)
	}
	s.appendChecks(1, 3)
	s.start()
	s.waitUntil("the address", func() bool { return s.sender.Status().Answering != "" })
	if st := s.sender.Status(); st.Phase != Away || st.Cause != evcp.Refused || st.Broker != advertised || st.Answering != s.broker {
		t.Errorf("%+v", st)
	}
}

// TestRealProbe: of a real broker, with the right to write, without it, and without the
// topic, which the test does not create.
func TestRealProbe(t *testing.T) {
	s := realTopic(t)
	s.start() // it has nothing to send
	o := Options{Brokers: []string{s.broker}, Topic: s.topic}
	if r := Probe(t.Context(), o); !r.Exists || r.Troubles != nil {
		t.Errorf("%+v", r)
	}
	// As soon as a rule exists, what no rule allows is forbidden.
	s.addRules(access(kmsg.ACLResourceTypeTopic, s.topic, kmsg.ACLOperationDescribe, kmsg.ACLPermissionTypeAllow))
	if r := Probe(t.Context(), o); !r.Exists || len(r.Troubles) != 1 || !errors.Is(r.Troubles[0], errNoRight) || CauseOf(r.Troubles[0]) != evcp.SaidKO {
		t.Errorf("%+v", r)
	}
	o.Topic += "-absent"
	for range 2 {
		if r := Probe(t.Context(), o); r.Exists || r.Troubles != nil {
			t.Errorf("%+v", r)
		}
	}
}
