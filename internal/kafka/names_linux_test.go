package kafka

import (
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"evcp"
	"evcp/internal/faultproxy"
	"evcp/internal/link"
	"evcp/internal/testbed"
)

// TestNamesOfABroker: the second address of a name is tried when the first drops SYNs, and
// a name server that does not answer is this machine's trouble.
func TestNamesOfABroker(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	port := testbed.Port(c.ListenAddrs()[0])
	dead, err := faultproxy.Open(net.JoinHostPort("127.0.0.2", port), testbed.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dead.Close)
	if err := dead.Set(faultproxy.Impairment{Kind: faultproxy.Hang}); err != nil {
		t.Fatal(err)
	}
	names := testbed.NewNameServer(t, testbed.NameAnswer{Code: testbed.ServFail})
	o := Options{Brokers: []string{"broker.test.:" + port}, Topic: "monitor-events", Dial: (&link.TCPDialer{Resolver: names.Resolver}).DialContext}
	if r := Probe(t.Context(), o); len(r.Troubles) != 1 || CauseOf(r.Troubles[0]) != evcp.NameServer {
		t.Errorf("SERVFAIL: %+v", r)
	}
	names.Set(testbed.Addresses("127.0.0.2", "127.0.0.1"))
	if r := Probe(t.Context(), o); r.Troubles != nil {
		t.Errorf("a dead first address: %+v", r)
	}
	names.Set(testbed.NameAnswer{Code: testbed.ServFail})
	if r := Probe(t.Context(), o); r.Troubles != nil {
		t.Errorf("a failing name server, with a known address: %+v", r)
	}
}
