package demo

import (
	"context"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"evcp/internal/language"
)

const (
	topic = "monitor-events"
	// The topic keeps the past and what comes, as much as fits in 64 MiB: six charge points
	// write 8 MB an hour, ten thousand 3 MB a second.
	retentionMS       = "-1"
	retentionBytes    = "67108864"
	segmentBytes      = "8388608" // records are removed with their file
	cleanerIntervalMS = "5000"
)

// openBroker starts a Kafka-compatible broker of one node. It keeps its records in a
// folder, without replicas: good enough for a demo only. As Apache Kafka does, it makes a
// topic that somebody writes to. Its own topic has one partition:
// who consumes it reads the events of all charge points in the order in which they
// arrived.
func (e *env) openBroker() error {
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1), kfake.DataDir(filepath.Join(e.dir, "broker")),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return freezeListener{e.kafka, &e.broker}, nil }),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": cleanerIntervalMS}),
	)
	if err != nil {
		return language.Errorf("start the broker: %w", err)
	}
	e.onClose(func() error {
		e.broker.thaw() // a frozen connection would never end
		cluster.Close()
		return nil
	})
	if err := cluster.CreateTopic(topic, 1, map[string]string{"retention.ms": retentionMS, "retention.bytes": retentionBytes, "segment.bytes": segmentBytes}); err != nil {
		return language.Errorf("make topic %s: %w", topic, err)
	}
	return nil
}

// readTopic passes every record of the topic on that comes after the past, as any
// consumer would get them.
func (e *env) readTopic() error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(e.kafka.Addr().String()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(e.topicEnd)}}),
		// A request is not given up while the broker is frozen.
		kgo.RequestTimeoutOverhead(time.Minute), kgo.DisableClientMetrics(),
	)
	if err != nil {
		return language.Errorf("read the topic: %w", err)
	}
	e.onClose(func() error { client.Close(); return nil })
	ctx, reading := e.background()
	reading.Go(func() {
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { e.aggregator.record(r.Value) })
		}
	})
	return nil
}

// freezer freezes a server as SIGSTOP does: the kernel goes on accepting
// connections and receiving bytes for it, but it reads and writes nothing.
type freezer struct {
	mu     sync.Mutex
	thawed chan struct{} // closed by thaw; nil when not frozen
}

func (f *freezer) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.thawed == nil {
		f.thawed = make(chan struct{})
	}
}

func (f *freezer) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.thawed != nil {
		close(f.thawed)
		f.thawed = nil
	}
}

// wait returns when the server is not frozen, or when ctx has ended.
func (f *freezer) wait(ctx context.Context) {
	f.mu.Lock()
	thawed := f.thawed
	f.mu.Unlock()
	if thawed != nil {
		select {
		case <-thawed:
		case <-ctx.Done():
		}
	}
}

// freezeListener freezes the connections that it accepts.
type freezeListener struct {
	net.Listener
	*freezer
}

// Accept does not wait while frozen: a connection that is accepted and never read
// looks the same to the peer.
func (l freezeListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	open, end := context.WithCancel(context.Background())
	return freezeConn{conn, l.freezer, open, end}, nil
}

type freezeConn struct {
	net.Conn
	freezer *freezer
	open    context.Context // until Close, which calls end
	end     func()
}

// Read waits once more afterwards: the freeze may have begun while it was reading.
func (c freezeConn) Read(b []byte) (int, error) {
	c.freezer.wait(c.open)
	n, err := c.Conn.Read(b)
	c.freezer.wait(c.open)
	return n, err
}

func (c freezeConn) Write(b []byte) (int, error) {
	c.freezer.wait(c.open)
	return c.Conn.Write(b)
}

func (c freezeConn) Close() error {
	c.end()
	return c.Conn.Close()
}
