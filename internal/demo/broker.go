package demo

import (
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"
)

const (
	topic = "monitor-events"
	// A demo that runs for days keeps the last hour: some ten megabytes.
	retention    = "3600000"
	cleanerEvery = "60000"
)

// broker is one node that speaks Kafka's protocol and keeps its records in a
// folder. There is no second copy: for a demo, and not for more.
type broker struct {
	frost
	address string
	cluster *kfake.Cluster
}

// openBroker serves on l with one partition, so that who reads the topic reads
// the events of all charge points in the order in which they came.
func openBroker(l net.Listener, dir string) (*broker, error) {
	b := &broker{address: l.Addr().String()}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.DataDir(dir),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return b.listen(l), nil }),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": cleanerEvery}),
	)
	if err != nil {
		return nil, fmt.Errorf("start the broker: %w", err)
	}
	b.cluster = cluster
	if err := cluster.CreateTopic(topic, 1, map[string]string{"retention.ms": retention}); err != nil {
		b.close()
		return nil, fmt.Errorf("make topic %s: %w", topic, err)
	}
	return b, nil
}

// close ends it; the frost would keep what it holds from ending.
func (b *broker) close() {
	b.thaw()
	b.cluster.Close()
}
