package testbed

import (
	"cmp"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"evcp/internal/tcp"
)

// StartAdvertisedBroker starts a broker in memory that tells its clients to go to another
// address, as one whose advertised.listeners is wrong.
func (b *Testbed) StartAdvertisedBroker(advertised string) {
	b.T.Helper()
	b.BrokerAddr = AdvertisedBroker(b.T, advertised, kfake.SeedTopics(1, b.Topic))
}

// AdvertisedBroker is StartAdvertisedBroker for a test without a Testbed. The address is the
// one at which it listens; it advertises that too if advertised is "".
func AdvertisedBroker(tb testing.TB, advertised string, options ...kfake.Opt) (address string) {
	tb.Helper()
	return AdvertisedBrokers(tb, []string{advertised}, options...)
}

// AdvertisedBrokers is AdvertisedBroker for a cluster of several. The address is the first
// one's.
func AdvertisedBrokers(tb testing.TB, advertised []string, options ...kfake.Opt) (address string) {
	tb.Helper()
	left := advertised
	listen := func(network, at string) (net.Listener, error) {
		l, err := tcp.Listen(tb.Context(), network, at)
		if err != nil {
			return nil, err
		}
		if address == "" {
			address = l.Addr().String()
		}
		as := cmp.Or(left[0], l.Addr().String())
		left = left[1:]
		return advertisedListener{l, as}, nil
	}
	c, err := kfake.NewCluster(append(options, kfake.NumBrokers(len(advertised)), kfake.ListenFn(listen))...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return address
}

// advertisedListener has the address that its broker advertises.
type advertisedListener struct {
	net.Listener
	advertised string
}

func (l advertisedListener) Addr() net.Addr { return advertisedAddr(l.advertised) }

type advertisedAddr string

func (advertisedAddr) Network() string { return "tcp" }

func (a advertisedAddr) String() string { return string(a) }
