// Package testbed gives tests Central, an Engine and a Kafka-compatible broker on
// loopback sockets. Each is started by one call, stopped when the test ends, and can
// be asked what it received. Ports, TopicReader and ServeBroker also serve programs.
package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/engine"
	"evcp/internal/tcp"
)

// topic is the default of every Monitor.
const topic = "monitor-events"

// Testbed is one Central, one Engine and one broker. None runs until it is started,
// but the addresses of Central and Engine are fixed from the beginning.
type Testbed struct {
	T       testing.TB
	Central *central.Central
	Engine  *engine.Engine

	CentralAddr, EngineAddr, BrokerAddr string
	Topic                               string

	mu        sync.Mutex
	exchanges []engine.ServedRequest
}

// New is a testbed on which nothing runs yet.
func New(tb testing.TB) *Testbed {
	tb.Helper()
	return &Testbed{T: tb, CentralAddr: FreeAddr(tb), EngineAddr: FreeAddr(tb), Topic: topic}
}

// Start is a testbed on which everything runs; the broker is in memory.
func Start(tb testing.TB) *Testbed {
	tb.Helper()
	b := New(tb)
	b.StartCentral(central.Options{})
	b.StartEngine("ok")
	b.StartBroker()
	return b
}

// ForEachBroker runs a test twice: with a broker in memory, and with the Apache Kafka
// whose address is in EVCP_TEST_KAFKA. Without that variable the second is skipped, or
// fails where CI=true.
func ForEachBroker(t *testing.T, test func(t *testing.T, b *Testbed)) {
	t.Helper()
	t.Run("kfake", func(t *testing.T) { test(t, Start(t)) })
	t.Run("apache", func(t *testing.T) {
		address := os.Getenv("EVCP_TEST_KAFKA")
		if address == "" {
			SkipMissing(t, "real Kafka (EVCP_TEST_KAFKA)")
		}
		b := New(t)
		b.StartCentral(central.Options{})
		b.StartEngine("ok")
		b.BrokerAddr, b.Topic = address, fmt.Sprintf("%s-%d", topic, time.Now().UnixNano())
		test(t, b)
	})
}

// SkipMissing skips a test that needs what, or fails it where CI=true.
func SkipMissing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("missing: %s", what)
	}
	Skip(tb, fmt.Sprintf("there is no %s on this machine", what))
}

// Skip skips a test. It appends the reason to the file that EVCP_TEST_SKIPPED names:
// go test prints no reasons, and scripts/test.sh lists them at its end.
func Skip(tb testing.TB, reason string) {
	tb.Helper()
	if list := os.Getenv("EVCP_TEST_SKIPPED"); list != "" {
		f, err := os.OpenFile(list, os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = fmt.Fprintf(f, "%s: %s\n", tb.Name(), reason)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			tb.Errorf("list a skipped test: %v", err)
		}
	}
	tb.Skip("SKIPPED: " + reason)
}

var ports = NewPorts()

// FreeAddr is a loopback address on which nobody listens now; no test gets it again.
func FreeAddr(tb testing.TB) string {
	tb.Helper()
	free, err := ports.Take(1)
	if err != nil {
		tb.Fatal(err)
	}
	return free[0]
}

// StartCentral starts Central on its address. stop waits for its end.
func (b *Testbed) StartCentral(o central.Options) (stop func()) {
	b.T.Helper()
	c, err := central.New(o)
	if err != nil {
		b.T.Fatal(err)
	}
	l, err := tcp.Listen(b.T.Context(), "tcp", b.CentralAddr)
	if err != nil {
		b.T.Fatal(err)
	}
	b.Central = c
	return b.whileTesting(func(ctx context.Context) {
		if err := c.Serve(ctx, l); err != nil {
			b.T.Error(err)
		}
		if err := c.Close(); err != nil {
			b.T.Error(err)
		}
	})
}

// StartEngine starts a simulated Engine on its address.
func (b *Testbed) StartEngine(behaviour string) (stop func()) {
	b.T.Helper()
	port, err := engine.Bind(b.T.Context(), b.EngineAddr)
	if err != nil {
		b.T.Fatal(err)
	}
	e := engine.New(engine.Options{Listen: port.Listen, Behaviour: engine.MustBehaviour(behaviour), Observe: b.observe})
	b.Engine = e
	return b.whileTesting(func(ctx context.Context) {
		if err := e.Serve(ctx); err != nil {
			b.T.Error(err)
		}
	})
}

// SetBehaviour changes what the Engine does.
func (b *Testbed) SetBehaviour(behaviour string) {
	b.Engine.SetBehaviour(engine.MustBehaviour(behaviour))
}

func (b *Testbed) observe(x engine.ServedRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exchanges = append(b.exchanges, x)
}

// Exchanges are the Engine's exchanges that are over, in the order of their ends.
func (b *Testbed) Exchanges() []engine.ServedRequest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.exchanges)
}

// StartBroker starts a broker in memory with the topic on it.
func (b *Testbed) StartBroker() (stop func()) {
	b.T.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, b.Topic))
	if err != nil {
		b.T.Fatal(err)
	}
	b.BrokerAddr = c.ListenAddrs()[0]
	stop = sync.OnceFunc(c.Close)
	b.T.Cleanup(stop)
	return stop
}

// whileTesting runs f until the test ends or stop is called, and waits for it.
func (b *Testbed) whileTesting(f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	b.T.Cleanup(stop)
	return stop
}

// Until polls until ok, and fails the test after Patience; what names it in the error.
func (b *Testbed) Until(what string, ok func() bool) {
	b.T.Helper()
	Until(b.T, what, ok)
}

// CentralState is the state and reason of a charge point at Central; both are "" for
// one that Central does not know.
func (b *Testbed) CentralState(cp evcp.CPID) (state, reason string) {
	v, ok := b.Central.CP(cp)
	if !ok {
		return "", ""
	}
	return v.State.String(), v.Reason.String()
}

// UntilCentralState waits until Central has a charge point in the state want.
func (b *Testbed) UntilCentralState(cp evcp.CPID, want string) {
	b.T.Helper()
	b.Until(string(cp)+" "+want+" at Central", func() bool {
		state, _ := b.CentralState(cp)
		return state == want
	})
}

// Port is the port of an address, for flags and variables.
func Port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// SilentServer is the address of a server that accepts and never answers.
func SilentServer(tb testing.TB) string {
	tb.Helper()
	return NewTextPeer(tb, "127.0.0.1:0", false, func(string) string { return "" }).Address
}
