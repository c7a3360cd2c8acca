// Package proving is a proving ground for tests: Central, an Engine and a
// Kafka-compatible broker on real loopback sockets, each started in one line,
// stopped when the test ends, and asked what it truly saw.
package testbed

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/engine"
)

// topic is the one that every Monitor writes to, unless it must be told apart.
const topic = "monitor-events"

// Testbed is one Central, one Engine and one broker. Each is absent until started.
type Testbed struct {
	T       testing.TB
	Central *central.Central
	Engine  *engine.Engine

	CentralAddr, EngineAddr, BrokerAddr string
	Topic                               string

	mu        sync.Mutex
	exchanges []engine.ServedRequest
}

// New is an empty ground.
func New(tb testing.TB) *Testbed {
	tb.Helper()
	return &Testbed{T: tb, CentralAddr: FreeAddr(tb), EngineAddr: FreeAddr(tb), Topic: topic}
}

// Start is a ground with everything on it, and a broker in memory.
func Start(tb testing.TB) *Testbed {
	tb.Helper()
	g := New(tb)
	g.StartCentral(central.Options{})
	g.StartEngine("ok")
	g.StartBroker()
	return g
}

// ForEachBroker plays a story twice: with a broker in memory, and with the real
// Apache Kafka that EVCP_TEST_KAFKA names. Without one the second is skipped, or
// fails where nothing may be skipped (CI=true).
func ForEachBroker(t *testing.T, play func(t *testing.T, g *Testbed)) {
	t.Helper()
	t.Run("kfake", func(t *testing.T) { play(t, Start(t)) })
	t.Run("apache", func(t *testing.T) {
		address := os.Getenv("EVCP_TEST_KAFKA")
		if address == "" {
			SkipMissing(t, "real Kafka (EVCP_TEST_KAFKA)")
		}
		g := New(t)
		g.StartCentral(central.Options{})
		g.StartEngine("ok")
		g.BrokerAddr, g.Topic = address, fmt.Sprintf("%s-%d", topic, time.Now().UnixNano())
		play(t, g)
	})
}

// SkipMissing skips a test for want of what, loudly, or fails it where CI=true.
func SkipMissing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("missing: %s", what)
	}
	tb.Skipf("SKIPPED: there is no %s on this machine", what)
}

var ports = NewPorts()

// FreeAddr is a loopback address that nobody listens on at the moment.
func FreeAddr(tb testing.TB) string {
	tb.Helper()
	free, err := ports.Take(1)
	if err != nil {
		tb.Fatal(err)
	}
	return free[0]
}

// StartCentral starts Central on its address; the answer stops it again.
func (g *Testbed) StartCentral(o central.Options) (stop func()) {
	g.T.Helper()
	c, err := central.New(o)
	if err != nil {
		g.T.Fatal(err)
	}
	l, err := net.Listen("tcp", g.CentralAddr)
	if err != nil {
		g.T.Fatal(err)
	}
	g.Central = c
	return g.whileTesting(func(ctx context.Context) {
		if err := c.Serve(ctx, l); err != nil {
			g.T.Error(err)
		}
		if err := c.Close(); err != nil {
			g.T.Error(err)
		}
	})
}

// StartEngine starts a simulated Engine on its address.
func (g *Testbed) StartEngine(behaviour string) (stop func()) {
	g.T.Helper()
	port, err := engine.Bind(g.T.Context(), g.EngineAddr)
	if err != nil {
		g.T.Fatal(err)
	}
	b, err := engine.ParseBehaviour(behaviour)
	if err != nil {
		g.T.Fatal(err)
	}
	e := engine.New(engine.Options{Listen: port.Listen, Behaviour: b, Observe: g.observe})
	g.Engine = e
	return g.whileTesting(func(ctx context.Context) {
		if err := e.Serve(ctx); err != nil {
			g.T.Error(err)
		}
	})
}

// SetBehaviour changes what the Engine does.
func (g *Testbed) SetBehaviour(behaviour string) {
	g.T.Helper()
	b, err := engine.ParseBehaviour(behaviour)
	if err != nil {
		g.T.Fatal(err)
	}
	g.Engine.SetBehaviour(b)
}

func (g *Testbed) observe(x engine.ServedRequest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.exchanges = append(g.exchanges, x)
}

// Exchanges are all exchanges of the Engine that are over.
func (g *Testbed) Exchanges() []engine.ServedRequest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]engine.ServedRequest(nil), g.exchanges...)
}

// StartBroker starts a broker in memory with the topic on it.
func (g *Testbed) StartBroker() (stop func()) {
	g.T.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, g.Topic))
	if err != nil {
		g.T.Fatal(err)
	}
	g.BrokerAddr = c.ListenAddrs()[0]
	stop = sync.OnceFunc(c.Close)
	g.T.Cleanup(stop)
	return stop
}

// whileTesting runs f until the test ends or stop is called, and waits for it.
func (g *Testbed) whileTesting(f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	g.T.Cleanup(stop)
	return stop
}

// Until waits until ok, or fails the test: it is for what must come, however slow
// the machine.
func (g *Testbed) Until(what string, ok func() bool) {
	g.T.Helper()
	const patience = 60 * time.Second
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			g.T.Fatalf("%s did not happen in %s", what, patience)
		}
	}
}

// CentralState is how Central shows a charge point: its state and reason, "" for neither.
func (g *Testbed) CentralState(cp evcp.CPID) (state, reason string) {
	v, ok := g.Central.CP(cp)
	if !ok {
		return "", ""
	}
	return v.State.String(), v.Reason.String()
}

// UntilCentralState waits until Central shows a charge point so.
func (g *Testbed) UntilCentralState(cp evcp.CPID, want string) {
	g.T.Helper()
	g.Until(string(cp)+" "+want+" at Central", func() bool {
		state, _ := g.CentralState(cp)
		return state == want
	})
}

// Port is the port of an address, for flags and variables.
func Port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// SilentServer is the address of somebody who listens and never says a word.
func SilentServer(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var listening sync.WaitGroup
	listening.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tb.Cleanup(func() { c.Close() })
		}
	})
	tb.Cleanup(func() {
		l.Close()
		listening.Wait()
	})
	return l.Addr().String()
}
