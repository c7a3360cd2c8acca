package kafka

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// realBroker is a story with an Apache Kafka and the script that does things to
// it: EVCP_TEST_KAFKA is its address, EVCP_TEST_KAFKA_SCRIPT the script.
func realBroker(t *testing.T) (s *story, do func(...string)) {
	broker, script := os.Getenv("EVCP_TEST_KAFKA"), os.Getenv("EVCP_TEST_KAFKA_SCRIPT")
	if broker == "" || script == "" {
		t.Skip("EVCP_TEST_KAFKA and EVCP_TEST_KAFKA_SCRIPT name no real broker")
	}
	do = func(args ...string) {
		t.Helper()
		if out, err := exec.Command(script, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v: %s", script, args, err, out)
		}
	}
	return newStory(t, broker), do
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
		t.Logf("%s: away after %v: %v", outage[0], time.Since(began).Round(time.Millisecond), s.sender.State().Err)
		time.Sleep(2 * time.Second)
		do(outage[1])
		began = time.Now()
		s.until("return", s.phase(Connected))
		t.Logf("%s: back after %v: %d events sent", outage[1], time.Since(began).Round(time.Millisecond), s.sender.State().Sent)
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
