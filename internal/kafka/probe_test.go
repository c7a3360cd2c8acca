package kafka

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/testbed"
)

// advertisedTroubles are addresses of a broker that lead nowhere, and why.
func advertisedTroubles(t *testing.T) (addresses map[string]evcp.Cause, dialer *link.TCPDialer) {
	names := testbed.NewNameServer(t, testbed.NameAnswer{Code: testbed.NXDomain})
	return map[string]evcp.Cause{
		"broker.test.:9092":     evcp.DNS,
		testbed.FreeAddr(t):     evcp.Refused,
		testbed.SilentServer(t): evcp.Timeout,
	}, &link.TCPDialer{Resolver: names.Resolver}
}

// TestProbeGoesToTheLeaders: a broker that answers, but advertises an address that can't be
// reached. Nothing could be delivered.
func TestProbeGoesToTheLeaders(t *testing.T) {
	addresses, dialer := advertisedTroubles(t)
	for advertised, cause := range addresses {
		for _, seed := range [][]kfake.Opt{{kfake.SeedTopics(3, "t")}, nil} { // with the topic, and without it
			t.Run(cause.String(), func(t *testing.T) {
				t.Parallel()
				broker := testbed.AdvertisedBroker(t, advertised, seed...)
				r := Probe(t.Context(), Options{Brokers: []string{broker}, Topic: "t", Dial: dialer.DialContext})
				if r.Exists != (seed != nil) || r.Answering != broker || len(r.Troubles) != 1 {
					t.Fatalf("%+v", r)
				}
				if err := r.Troubles[0]; CauseOf(err) != cause || BrokerOf(err) != advertised {
					t.Errorf("%s at %s: %v", CauseOf(err), BrokerOf(err), err)
				}
			})
		}
	}
}

// TestProbeNamesEachBroker: of three brokers, only the first can be reached.
func TestProbeNamesEachBroker(t *testing.T) {
	gone := []string{testbed.FreeAddr(t), testbed.FreeAddr(t)}
	broker := testbed.AdvertisedBrokers(t, append([]string{""}, gone...), kfake.SeedTopics(60, "t"))
	r := Probe(t.Context(), Options{Brokers: []string{broker}, Topic: "t"})
	var named []string
	for _, err := range r.Troubles {
		named = append(named, BrokerOf(err))
		if CauseOf(err) != evcp.Refused {
			t.Error(err)
		}
	}
	if !slices.Equal(named, gone) || !r.Exists {
		t.Errorf("%v, want %v", named, gone)
	}
}

// TestProbeTriesEveryBroker: the Sender goes on to the next broker of the settings when one
// does not answer, and so does Probe. When none answers, each has its trouble.
func TestProbeTriesEveryBroker(t *testing.T) {
	t.Parallel() // it waits
	refused, silent := testbed.FreeAddr(t), testbed.SilentServer(t)
	broker := testbed.AdvertisedBroker(t, "", kfake.SeedTopics(1, "t"))
	if r := Probe(t.Context(), Options{Brokers: []string{silent, refused, broker}, Topic: "t"}); !r.Exists || r.Answering != broker || r.Troubles != nil {
		t.Errorf("%+v", r)
	}
	r := Probe(t.Context(), Options{Brokers: []string{silent, refused}, Topic: "t"})
	if len(r.Troubles) != 2 || r.Exists || r.Answering != "" {
		t.Fatalf("%+v", r)
	}
	for i, want := range []evcp.Cause{evcp.Timeout, evcp.Refused} {
		if err := r.Troubles[i]; CauseOf(err) != want || BrokerOf(err) != []string{silent, refused}[i] {
			t.Error(err)
		}
	}
}

// TestProbeOfAnotherCluster: the advertised address leads to a Kafka, but not to this one. A
// broker of version 4 does not notice that itself.
func TestProbeOfAnotherCluster(t *testing.T) {
	other := testbed.AdvertisedBroker(t, "", kfake.SeedTopics(1, "t"), kfake.ClusterID("other"), kfake.MaxVersions(kversion.V4_0_0()))
	broker := testbed.AdvertisedBroker(t, other, kfake.SeedTopics(1, "t"))
	r := Probe(t.Context(), Options{Brokers: []string{broker}, Topic: "t"})
	if len(r.Troubles) != 1 || !errors.Is(r.Troubles[0], errOtherCluster) || CauseOf(r.Troubles[0]) != evcp.Protocol || BrokerOf(r.Troubles[0]) != other {
		t.Errorf("%+v", r)
	}
}

// TestProbeAsksBeforeItCreates: whether the brokers would create the topic, without doing it.
func TestProbeAsksBeforeItCreates(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	o := Options{Brokers: c.ListenAddrs(), Topic: "t"}
	for range 2 {
		if r := Probe(t.Context(), o); r.Exists || r.Troubles != nil {
			t.Errorf("%+v", r)
		}
	}
	forbidCreate(&senderHarness{topic: "t"}, c)
	r := Probe(t.Context(), o)
	if len(r.Troubles) != 1 || !errors.Is(r.Troubles[0], errNoTopic) || !errors.Is(r.Troubles[0], kerr.TopicAuthorizationFailed) || CauseOf(r.Troubles[0]) != evcp.SaidKO {
		t.Errorf("%+v", r)
	}
}

// TestWhatMetadataShows: rights, and partitions without a leader.
func TestWhatMetadataShows(t *testing.T) {
	const describe, write = 1 << kmsg.ACLOperationDescribe, 1 << kmsg.ACLOperationWrite
	for name, c := range map[string]struct {
		rights int32
		leader int32
		code   int16
		want   []error
	}{
		"well":           {describe | write, 1, 0, nil},
		"rights unknown": {-1 << 31, 1, 0, nil},
		"only describe":  {describe, 1, 0, []error{errNoRight}},
		"no leader":      {describe | write, -1, kerr.LeaderNotAvailable.Code, []error{kerr.LeaderNotAvailable}},
		"both":           {describe, -1, kerr.LeaderNotAvailable.Code, []error{errNoRight, kerr.LeaderNotAvailable}},
		"a replica gone": {describe | write, 1, kerr.ReplicaNotAvailable.Code, nil},
	} {
		of := kmsg.NewMetadataResponseTopic()
		of.AuthorizedOperations = c.rights
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Leader, p.ErrorCode = c.leader, c.code
		of.Partitions = append(of.Partitions, p, p)
		if got := topicTroubles(of); !slices.EqualFunc(got, c.want, errors.Is) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
