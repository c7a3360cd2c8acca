package demo

import (
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topic = "monitor-events"
	// The topic keeps the last hour, some ten megabytes, however long the demo runs.
	retentionMS       = "3600000"
	cleanerIntervalMS = "60000"
)

// freezableBroker is a Kafka-compatible broker of one node. It keeps its records in
// a folder, without replicas: good enough for a demo only.
type freezableBroker struct {
	freezer
	address string
	cluster *kfake.Cluster
}

// openBroker starts the broker with a topic of one partition: who consumes it reads
// the events of all charge points in the order in which they arrived.
func (e *env) openBroker() error {
	b := &freezableBroker{address: e.kafka.Addr().String()}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.DataDir(filepath.Join(e.dir, "broker")),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return b.listener(e.kafka), nil }),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": cleanerIntervalMS}),
	)
	if err != nil {
		return fmt.Errorf("start the broker: %w", err)
	}
	b.cluster, e.broker = cluster, b
	e.onClose(func() error {
		b.thaw() // a frozen connection would never end
		cluster.Close()
		return nil
	})
	if err := cluster.CreateTopic(topic, 1, map[string]string{"retention.ms": retentionMS}); err != nil {
		return fmt.Errorf("make topic %s: %w", topic, err)
	}
	return nil
}

// readTopic passes every record of the topic on, from its beginning, as any
// consumer would get them.
func (e *env) readTopic() error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(e.broker.address), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// A request is not given up while the broker is frozen.
		kgo.RequestTimeoutOverhead(time.Minute), kgo.DisableClientMetrics(),
	)
	if err != nil {
		return fmt.Errorf("read the topic: %w", err)
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

// wait returns when the server is not frozen, or when closed is closed.
func (f *freezer) wait(closed <-chan struct{}) {
	f.mu.Lock()
	thawed := f.thawed
	f.mu.Unlock()
	if thawed == nil {
		return
	}
	select {
	case <-thawed:
	case <-closed:
	}
}

// listener freezes the connections that l accepts.
func (f *freezer) listener(l net.Listener) net.Listener { return freezeListener{l, f} }

type freezeListener struct {
	net.Listener
	freezer *freezer
}

// Accept does not wait while frozen: a connection that is accepted and never read
// looks the same to the peer.
func (l freezeListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &freezeConn{Conn: conn, freezer: l.freezer, closed: make(chan struct{})}, nil
}

type freezeConn struct {
	net.Conn
	freezer *freezer
	once    sync.Once
	closed  chan struct{}
}

// Read waits once more afterwards: the freeze may have begun while it was reading.
func (c *freezeConn) Read(b []byte) (int, error) {
	c.freezer.wait(c.closed)
	n, err := c.Conn.Read(b)
	c.freezer.wait(c.closed)
	return n, err
}

func (c *freezeConn) Write(b []byte) (int, error) {
	c.freezer.wait(c.closed)
	return c.Conn.Write(b)
}

func (c *freezeConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
