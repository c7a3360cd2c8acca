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

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// realBroker is a story with an Apache Kafka of its own, which may be frozen and
// killed, and the script that does so. There is one to be had where
// EVCP_TEST_KAFKA names the one that all packages share.
func realBroker(t *testing.T) (s *story, do func(...string) string) {
	t.Helper()
	if os.Getenv("EVCP_TEST_KAFKA") == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("missing: real Kafka (EVCP_TEST_KAFKA)")
		}
		t.Skip("SKIPPED: there is no real Kafka (EVCP_TEST_KAFKA) on this machine")
	}
	env := append(os.Environ(), "KAFKA_DIR="+t.TempDir(), "KAFKA_PORT="+freePorts(t))
	do = func(args ...string) string {
		t.Helper()
		script := exec.Command("../../scripts/kafka.sh", args...)
		script.Env = env
		var said bytes.Buffer
		script.Stderr = &said
		out, err := script.Output()
		if err != nil {
			t.Fatalf("kafka.sh %v: %v: %s", args, err, said.String())
		}
		return strings.TrimSpace(string(out))
	}
	broker := do("start")
	t.Cleanup(func() { do("kill") })
	return newStory(t, broker), do
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

// steadily makes things happen until stop is called. It answers how many rounds.
func (s *story) steadily() (stop func() (rounds int)) {
	quit, done := make(chan struct{}), make(chan int)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
				s.happen(1, 3)
			case <-quit:
				done <- n
				return
			}
		}
	}()
	return func() int { close(quit); return <-done }
}

// Apache Kafka is frozen, thawed, killed with -9 and started again while events
// come: all are there, in order, and each outage is told.
func TestRealOutages(t *testing.T) {
	s, do := realBroker(t)
	s.start()
	stop := s.steadily()
	s.until("Kafka", s.phase(Connected))
	for _, outage := range [][2]string{{"freeze", "thaw"}, {"kill", "start"}} {
		began := time.Now()
		do(outage[0])
		s.until("absence", s.phase(Away))
		t.Logf("%s: away after %v: %v", outage[0], time.Since(began).Round(time.Millisecond), s.sender.Status().Err)
		time.Sleep(2 * time.Second)
		do(outage[1])
		began = time.Now()
		s.until("return", s.phase(Connected))
		t.Logf("%s: back after %v: %d events sent", outage[1], time.Since(began).Round(time.Millisecond), s.sender.Status().Delivered)
	}
	rounds := stop()
	s.until("delivery", s.delivered)
	seqs := s.seen(3 * rounds)
	s.complete(seqs)
	t.Logf("%d events, told %v", 3*rounds, s.told())
}

// A topic of Apache Kafka is deleted under way.
func TestRealTopicIsDeleted(t *testing.T) {
	s, _ := realBroker(t)
	s.start()
	s.happen(20, 3)
	s.until("delivery", s.delivered)
	stop := s.steadily()
	deleteTopic(t, s.broker, s.topic)
	time.Sleep(3 * time.Second)
	stop()
	s.until("delivery", s.delivered)
	for cp, seqs := range s.seen(30) {
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
