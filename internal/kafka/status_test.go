package kafka

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"evcp"
	"evcp/internal/testbed"
	"evcp/internal/wire"
)

// TestIdleConnectionsAreClosed: a broker or a proxy that closes idle connections makes an
// error each time. The client dials again at once, so this is no outage. On real sockets.
func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel() // it waits
	s := newFixture(t, brokerFor(t))
	var mu sync.Mutex
	var open []*net.TCPConn
	s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if tcp, ok := c.(*net.TCPConn); ok {
			mu.Lock()
			open = append(open, tcp)
			mu.Unlock()
		}
		return c, err
	}
	s.start()
	for range 3 {
		s.appendChecks(1, 3)
		s.waitUntil("delivery", s.delivered)
		time.Sleep(errorGrace + 200*time.Millisecond)
		mu.Lock()
		for _, c := range open {
			_ = c.CloseRead() // as if the broker's end had come
		}
		open = nil
		mu.Unlock()
	}
	s.appendChecks(1, 3)
	s.waitUntil("delivery", s.delivered)
	s.dial = nil
	s.checkComplete(s.seqs(12))
	samePhases(t, s.phases(), Connected)
}

// TestCauseOfAnOutageIsTheNewest: a broker that comes back and rejects is reported as one
// that rejects.
func TestCauseOfAnOutageIsTheNewest(t *testing.T) {
	inBubble(t, func(t *testing.T, s *senderHarness, g *brokerLink, c *kfake.Cluster) {
		s.start()
		s.tick(3)
		g.cut()
		s.tick(30)
		c.ControlKey(0, func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			return deny(r.(*kmsg.ProduceRequest), kerr.TopicAuthorizationFailed), nil, true
		})
		if st := s.sender.Status(); st.Phase != Away || st.Cause != evcp.Refused {
			t.Errorf("%+v", st)
		}
		g.restore()
		s.tick(20)
		if st := s.sender.Status(); st.Phase != Away || st.Cause != evcp.SaidKO || !strings.Contains(st.ErrorText(), "TOPIC_AUTHORIZATION_FAILED") {
			t.Errorf("%+v", st)
		}
		samePhases(t, s.phases(), Connected, Away, Away)
		if st := s.last(); st.Cause != evcp.SaidKO {
			t.Errorf("reported last: %+v", st)
		}
	})
}

// TestNotKafka: programs that answer, but not as Kafka, on real sockets.
func TestNotKafka(t *testing.T) {
	for reply, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n":     "HTTP",
		"SSH-2.0-OpenSSH_9.6\r\n":              "SSH-",
		"-ERR unknown command\r\n":             "-ERR",
		"\x15\x03\x03\x00\x02\x02\x46":         wire.AnswersByTLS,
		"\x00\x00\x00\x04\x7f\xff\xff\xff":     "",
		"\x00\x00\x00\x05\x00\x00\x00\x01\x00": "",
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					_, _ = bufio.NewReader(c).ReadByte()
					_, _ = c.Write([]byte(reply))
					time.Sleep(100 * time.Millisecond)
				}()
			}
		}()
		r := Probe(t.Context(), Options{Brokers: []string{ln.Addr().String()}, Topic: "t"})
		ln.Close()
		err = errors.Join(r.Troubles...)
		cause := evcp.Protocol
		if want == wire.AnswersByTLS {
			cause = evcp.TLS
		}
		if CauseOf(err) != cause || !strings.Contains(ErrorText(err), want) || strings.Contains(ErrorText(err), "invalid large") {
			t.Errorf("%q: %s, %q (%v)", reply, CauseOf(err), ErrorText(err), err)
		}
	}
}

// TestAdvertisedAddress: a broker answers, but tells its clients to go to an address that
// can't be reached. The status names both.
func TestAdvertisedAddress(t *testing.T) {
	t.Parallel() // it waits
	addresses, dialer := advertisedTroubles(t)
	for advertised, cause := range addresses {
		t.Run(cause.String(), func(t *testing.T) {
			broker := testbed.AdvertisedBroker(t, advertised, kfake.SeedTopics(3, "t"))
			s := newFixture(t, broker)
			s.topic, s.dial = "t", dialer.DialContext
			s.appendChecks(1, 3)
			s.start()
			s.waitUntil("the address", func() bool { return s.sender.Status().Answering != "" })
			if st := s.sender.Status(); st.Phase != Away || st.Cause != cause || st.Broker != advertised || st.Answering != broker {
				t.Errorf("%+v", st)
			}
			s.waitUntil("the report", func() bool { return s.last().Answering == broker })
			if st := s.last(); st.Cause != cause || st.Broker != advertised {
				t.Errorf("reported: %+v", st)
			}
		})
	}
}

// TestWhichBrokerIsBlamed is the tracker's judgement: a broker is said to be unreachable
// while another answers only if that one answered after the errors began, and has not failed
// since.
func TestWhichBrokerIsBlamed(t *testing.T) {
	a, b := kgo.BrokerMetadata{Host: "a", Port: 1}, kgo.BrokerMetadata{Host: "b", Port: 2}
	down := func(address string) error { return &brokerError{address, syscall.ECONNREFUSED} }
	for name, c := range map[string]struct {
		steps             []any // a broker that responds, or an error
		broker, answering string
	}{
		"another answers":             {[]any{down("b:2"), a}, "b:2", "a:1"},
		"before the errors":           {[]any{a, down("b:2")}, "b:2", ""},
		"it fails too":                {[]any{down("b:2"), a, down("a:1")}, "a:1", ""},
		"it fails, and the other too": {[]any{down("b:2"), a, down("a:1"), down("b:2")}, "b:2", ""},
		"the same answers again":      {[]any{down("a:1"), a}, "a:1", ""},
		"the client repeats it":       {[]any{down("b:2"), a, syscall.ECONNREFUSED}, "b:2", "a:1"},
		"a refusal is of no broker":   {[]any{down("b:2"), a, kerr.TopicAuthorizationFailed}, "", "a:1"},
		"three brokers":               {[]any{down("b:2"), down("c:3"), a}, "c:3", "a:1"},
		"they answer in turn":         {[]any{down("c:3"), a, b, down("b:2")}, "b:2", ""},
	} {
		var s phaseTracker
		now := time.Now()
		for _, step := range c.steps {
			if err, failed := step.(error); failed {
				s.errored(now, err)
			} else {
				s.responded(step.(kgo.BrokerMetadata))
			}
		}
		if changed, _ := s.checkErrors(now.Add(errorGrace), 0); !changed || s.Broker != c.broker || s.Answering != c.answering {
			t.Errorf("%s: %q, while %q answers", name, s.Broker, s.Answering)
		}
	}
}
