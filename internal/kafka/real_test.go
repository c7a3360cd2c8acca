package kafka

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"evcp/internal/testbed"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// realBroker is a senderHarness with an Apache Kafka of its own, and the script that freezes and
// kills it. It needs EVCP_TEST_KAFKA, which names the broker that all packages share: then
// Kafka is installed.
func realBroker(t *testing.T) (s *senderHarness, do func(...string) string) {
	t.Helper()
	if os.Getenv("EVCP_TEST_KAFKA") == "" {
		testbed.SkipMissing(t, "real Kafka (EVCP_TEST_KAFKA)")
	}
	env := append(os.Environ(), "KAFKA_DIR="+t.TempDir(), "KAFKA_PORT="+freePorts(t))
	do = func(args ...string) string {
		t.Helper()
		script := exec.Command("../../scripts/kafka.sh", args...)
		script.Env = env
		var stderr bytes.Buffer
		script.Stderr = &stderr
		out, err := script.Output()
		if err != nil {
			t.Fatalf("kafka.sh %v: %v: %s", args, err, stderr.String())
		}
		return strings.TrimSpace(string(out))
	}
	broker := do("start")
	t.Cleanup(func() { do("kill") })
	return newFixture(t, broker), do
}

// freePorts finds a port whose next one, the controller's, is free too.
func freePorts(t *testing.T) string {
	t.Helper()
	for port := 18092; port < 18992; port += 10 {
		one, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		two, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		one.Close()
		if err == nil {
			two.Close()
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no free pair of ports from 18092 to 18992")
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
	s, do := realBroker(t)
	s.start()
	stop := s.appendSteadily()
	s.waitUntil("Kafka", s.phase(Connected))
	for _, outage := range [][2]string{{"freeze", "thaw"}, {"kill", "start"}} {
		began := time.Now()
		do(outage[0])
		s.waitUntil("absence", s.phase(Away))
		t.Logf("%s: away after %v: %v", outage[0], time.Since(began).Round(time.Millisecond), s.sender.Status().Err)
		time.Sleep(2 * time.Second)
		do(outage[1])
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

// TestRealTopicIsDeleted deletes a topic of Apache Kafka while events are sent.
func TestRealTopicIsDeleted(t *testing.T) {
	s, _ := realBroker(t)
	s.start()
	s.appendChecks(20, 3)
	s.waitUntil("delivery", s.delivered)
	stop := s.appendSteadily()
	deleteTopic(t, s.broker, s.topic)
	time.Sleep(3 * time.Second)
	stop()
	s.waitUntil("delivery", s.delivered)
	for cp, seqs := range s.seqs(30) {
		for i, seq := range seqs[1:] {
			if seq > seqs[i]+1 {
				t.Errorf("%s: %d comes after %d", cp, seq, seqs[i])
			}
		}
	}
}

func deleteTopic(t *testing.T, broker, topic string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = 5000
	req.TopicNames = []string{topic}
	one := kmsg.NewDeleteTopicsRequestTopic()
	one.Topic = &topic
	req.Topics = append(req.Topics, one)
	resp, err := req.RequestWith(context.Background(), cl)
	if err != nil || len(resp.Topics) != 1 || resp.Topics[0].ErrorCode != 0 {
		t.Fatalf("delete %s: %+v, %v", topic, resp, err)
	}
}
