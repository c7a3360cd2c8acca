package kafka

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"evcp/internal/testbed"
)

// ownBroker is an Apache Kafka that a test has for itself.
type ownBroker struct {
	t       *testing.T
	env     []string
	dir     string
	address string
}

// realBroker starts one. It needs EVCP_TEST_KAFKA, which names the broker that all packages
// share: then Kafka is installed.
func realBroker(t *testing.T) *ownBroker {
	t.Helper()
	if os.Getenv("EVCP_TEST_KAFKA") == "" {
		testbed.SkipMissing(t, "real Kafka (EVCP_TEST_KAFKA)")
	}
	return startBroker(t)
}

func startBroker(t *testing.T, env ...string) *ownBroker {
	t.Helper()
	b := &ownBroker{t: t, dir: t.TempDir()}
	b.env = append(append(os.Environ(), "KAFKA_DIR="+b.dir, "KAFKA_PORT="+freePorts(t)), env...)
	b.address = b.do("start")
	t.Cleanup(func() { b.do("kill") })
	return b
}

// second starts another broker of the same cluster.
func (b *ownBroker) second() *ownBroker { return startBroker(b.t, "KAFKA_JOIN="+b.dir) }

// do calls the script that starts, freezes and kills the broker.
func (b *ownBroker) do(args ...string) string {
	b.t.Helper()
	script := exec.Command("../../scripts/kafka.sh", args...)
	script.Env = b.env
	var stderr bytes.Buffer
	script.Stderr = &stderr
	out, err := script.Output()
	if err != nil {
		b.t.Fatalf("kafka.sh %v: %v: %s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// brokerPorts is how many ports scripts/kafka.sh takes at most, one after the other.
const brokerPorts = 6

// nextPort is where freePorts looks first: brokers start at the same time.
var nextPort atomic.Int64

// freePorts finds the first of brokerPorts ports that are free.
func freePorts(t *testing.T) string {
	t.Helper()
	free := func(port int) bool {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
		}
		return err == nil
	}
	for port := 18082 + int(nextPort.Add(10)); port < 18992; port = 18082 + int(nextPort.Add(10)) {
		n := 0
		for n < brokerPorts && free(port+n) {
			n++
		}
		if n == brokerPorts {
			return strconv.Itoa(port)
		}
	}
	t.Fatalf("no %d free ports from 18092 to 18992", brokerPorts)
	return ""
}

// appendSteadily appends checks until stop is called, which returns the rounds.
func (s *senderHarness) appendSteadily() (stop func() (rounds int)) {
	quit, done := make(chan struct{}), make(chan int)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
				s.appendChecks(1, 3)
			case <-quit:
				done <- n
				return
			}
		}
	}()
	return func() int { close(quit); return <-done }
}

// TestRealOutages freezes, thaws, kills and restarts Apache Kafka while events are
// appended: all arrive, in order, and each outage is a change of phase.
func TestRealOutages(t *testing.T) {
	t.Parallel() // it waits
	b := realBroker(t)
	s := newFixture(t, b.address)
	s.start()
	stop := s.appendSteadily()
	s.waitUntil("Kafka", s.phase(Connected))
	for _, outage := range [][2]string{{"freeze", "thaw"}, {"kill", "start"}} {
		began := time.Now()
		b.do(outage[0])
		s.waitUntil("absence", s.phase(Away))
		t.Logf("%s: away after %v: %v", outage[0], time.Since(began).Round(time.Millisecond), s.sender.Status().Err)
		time.Sleep(2 * time.Second)
		b.do(outage[1])
		began = time.Now()
		s.waitUntil("return", s.phase(Connected))
		t.Logf("%s: back after %v: %d events sent", outage[1], time.Since(began).Round(time.Millisecond), s.sender.Status().Delivered)
	}
	rounds := stop()
	s.waitUntil("delivery", s.delivered)
	seqs := s.seqs(3 * rounds)
	s.checkComplete(seqs)
	t.Logf("%d events, phases %v", 3*rounds, s.phases())
}
