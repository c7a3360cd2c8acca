package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

const (
	probeLimit = dialTimeout + overhead // of each of the two steps of Probe
	maxLeaders = 100                    // that Probe asks: each costs a connection at the same time
)

// errNoRight: the access rules of the brokers let this Monitor see the topic only.
var errNoRight = errors.New("no right to write to the topic (TOPIC_AUTHORIZATION_FAILED)")

// errOtherCluster: the address that a broker advertises leads to another cluster.
var errOtherCluster = errors.New("another Kafka cluster answers")

// TrialResult is what Probe found.
type TrialResult struct {
	Exists    bool   // the topic
	Answering string // the broker of the settings that answered, as HOST:PORT; "" if none
	// Troubles are the reasons why events would not be delivered, at most one for each broker
	// and one for the topic. CauseOf and BrokerOf explain them.
	Troubles []error
}

// Probe goes the way of the events without sending one: it asks a broker of the settings for
// the topic, and then each leader of its partitions, at the address that it advertises. Of a
// topic that is missing it asks the broker whether it would create it. It writes nothing and
// creates no topic.
func Probe(ctx context.Context, o Options) TrialResult {
	cl, answer, answering, errs := o.firstAnswer(ctx)
	if cl == nil {
		return TrialResult{Troubles: errs}
	}
	defer closeClient(cl)
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	r := TrialResult{Answering: answering}
	topic := answer.Topics[0]
	switch err := kerr.ErrorForCode(topic.ErrorCode); {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		r.Troubles = wouldCreate(ctx, cl, o.Topic, answer)
		return r
	case err != nil && !errors.Is(err, kerr.LeaderNotAvailable):
		r.Troubles = []error{err}
		return r
	}
	r.Exists = true
	r.Troubles = append(topicTroubles(topic), askLeaders(ctx, cl, o.Topic, answer)...)
	return r
}

// probedBroker is what one broker of the settings said of the topic.
type probedBroker struct {
	client  *kgo.Client
	address string
	answer  *kmsg.MetadataResponse
	err     error
}

// firstAnswer asks all brokers of the settings at once, since the Sender too tries one after
// the other until one answers. The client is that of the first answer. Without any there is
// no client, and the errors are those of each broker.
func (o Options) firstAnswer(ctx context.Context) (cl *kgo.Client, answer *kmsg.MetadataResponse, answering string, errs []error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	probed := make([]probedBroker, len(o.Brokers))
	asked := make(chan int, len(o.Brokers))
	for i, address := range o.Brokers {
		go func() {
			probed[i] = o.askForTopic(ctx, address)
			asked <- i
		}()
	}
	first := -1
	for range o.Brokers {
		if i := <-asked; first < 0 && probed[i].err == nil {
			first = i
			cancel() // the others are not needed
		}
	}

	for i, b := range probed {
		if i != first && b.client != nil {
			closeClient(b.client)
		}
		errs = append(errs, b.err)
	}
	if first < 0 {
		return nil, nil, "", errs
	}
	b := probed[first]
	return b.client, b.answer, b.address, nil
}

// askForTopic asks one broker of the settings. The error is the most telling one of its
// connection, since the client's last one is about its own retries.
func (o Options) askForTopic(ctx context.Context, address string) (b probedBroker) {
	var mu sync.Mutex // guards errs
	var errs []error
	failed := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}
	o.Brokers = []string{address}
	versions := new(kversion.Versions)
	versions.SetMaxKeyVersion(int16(kmsg.CreateTopics), 1) // an older broker does not know what ValidateOnly is, and creates
	b.address = address
	b.client, b.err = o.newClient(kgo.WithHooks(connectHook(failed), requestHook(failed)),
		kgo.RequestRetries(0), kgo.MinVersions(versions))
	if b.err != nil {
		return b
	}
	if b.answer, b.err = metadataOf(ctx, b.client, o.Topic, false); b.err != nil {
		failed(&brokerError{address, b.err})
		mu.Lock()
		defer mu.Unlock()
		if b.err = tellingOf(errs); lacksMechanism(b.err) {
			b.err = o.withMechanisms(ctx, b.err)
		}
	}
	return b
}

// wouldCreate asks whether the brokers would create the topic, as ensureTopic does.
func wouldCreate(ctx context.Context, cl *kgo.Client, topic string, from *kmsg.MetadataResponse) []error {
	err := createTopic(ctx, cl, topic, true)
	switch {
	case err == nil, errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case errors.As(err, new(*kerr.Error)):
		return []error{fmt.Errorf("%w: %w", errNoTopic, err)}
	}
	return []error{&brokerError{addressOf(from, from.ControllerID), err}}
}

// topicTroubles are those that the metadata of the topic show: no right to write, and the
// first partition without a leader.
func topicTroubles(t kmsg.MetadataResponseTopic) (troubles []error) {
	const notKnown, write = -1 << 31, 1 << kmsg.ACLOperationWrite
	if t.AuthorizedOperations != notKnown && t.AuthorizedOperations&write == 0 {
		troubles = append(troubles, errNoRight)
	}
	for _, p := range t.Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil && p.Leader < 0 {
			return append(troubles, fmt.Errorf("partition %d: %w", p.Partition, err))
		}
	}
	return troubles
}

// askLeaders asks each leader of a partition, all at once.
func askLeaders(ctx context.Context, cl *kgo.Client, topic string, from *kmsg.MetadataResponse) (troubles []error) {
	unique := map[int32]bool{}
	for _, p := range from.Topics[0].Partitions {
		if p.Leader >= 0 {
			unique[p.Leader] = true
		}
	}
	leaders := slices.Sorted(maps.Keys(unique))
	leaders = leaders[:min(len(leaders), maxLeaders)]
	errs := make([]error, len(leaders))
	var asking sync.WaitGroup
	for i, id := range leaders {
		asking.Go(func() {
			answer, err := metadataOf(ctx, cl.Broker(int(id)), topic, false)
			if err == nil && !sameCluster(answer, from) {
				err = errOtherCluster
			}
			if err != nil {
				errs[i] = &brokerError{addressOf(from, id), err}
			}
		})
	}
	asking.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// sameCluster reports whether two brokers belong to one cluster, as far as they say so.
func sameCluster(a, b *kmsg.MetadataResponse) bool {
	return a.ClusterID == nil || b.ClusterID == nil || *a.ClusterID == *b.ClusterID
}

// addressOf is the address that a broker advertises.
func addressOf(m *kmsg.MetadataResponse, id int32) string {
	for _, b := range m.Brokers {
		if b.NodeID == id {
			return brokerAddress(b.Host, b.Port)
		}
	}
	return fmt.Sprintf("broker %d", id)
}
