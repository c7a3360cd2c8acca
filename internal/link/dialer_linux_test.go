package link_test

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"evcp"
	"evcp/internal/faultproxy"
	"evcp/internal/link"
	"evcp/internal/testbed"
)

// dialFor is the time that these tests give a dial: half of it to the name server.
const dialFor = time.Second

// named is a name server, and a peer that listens at some addresses of loopback.
type named struct {
	*testing.T
	*testbed.NameServer
	dialer *link.TCPDialer
	port   string
	stalls *testbed.Stalls
}

func newNamed(t *testing.T, first testbed.NameAnswer, listens ...string) *named {
	t.Helper()
	n := &named{T: t, NameServer: testbed.NewNameServer(t, first), stalls: testbed.MeasureStalls(t)}
	n.dialer = &link.TCPDialer{Resolver: n.Resolver}
	_, n.port, _ = net.SplitHostPort(testbed.FreeAddr(t))
	for _, ip := range listens {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, n.port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	return n
}

// dial returns the address that was connected, or the cause of the failure.
func (n *named) dial() string {
	n.Helper()
	ctx, cancel := context.WithTimeout(n.Context(), dialFor)
	defer cancel()
	c, err := n.dialer.DialContext(ctx, "tcp", net.JoinHostPort("engine.test.", n.port))
	if err != nil {
		cause := link.CauseOf(err)
		return cause.String() + " " + cause.Detail()
	}
	defer c.Close()
	to, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	return to
}

// want dials once more where this process stood still meanwhile: then the time was over before
// anybody could answer. It returns how long the dial took, without such stalls.
func (n *named) want(want string) (took time.Duration) {
	n.Helper()
	for {
		stalled, got := n.stalls.Total(), ""
		took = n.stalls.Time(func() { got = n.dial() })
		if got == want {
			break
		}
		if n.stalls.Total() == stalled {
			n.Errorf("%q, want %q", got, want)
			break
		}
	}
	if took > dialFor+dialFor/2 {
		n.Errorf("%q took %s", want, took)
	}
	return took
}

// swallow makes an address drop SYNs, until revive is called.
func swallow(t *testing.T, ip, port string) (revive func()) {
	t.Helper()
	p, err := faultproxy.Open(net.JoinHostPort(ip, port), testbed.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.Set(faultproxy.Impairment{Kind: faultproxy.Hang}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := p.Set(faultproxy.Impairment{}); err != nil {
			t.Error(err)
		}
	}
}

// TestANameServersTroubleIsOurs: only an answer that there is no such name is the peer's
// side. Without an answer the last known addresses are dialled.
func TestANameServersTroubleIsOurs(t *testing.T) {
	const (
		here       = "127.0.0.1"
		nameServer = "local name_server"
	)
	for name, trouble := range map[string]testbed.NameAnswer{
		"silent":           {Silent: true},
		"SERVFAIL":         {Code: testbed.ServFail},
		"too slow":         {Delay: dialFor, A: testbed.Addresses(here).A},
		"no A, AAAA fails": {AAAA: testbed.ServFail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNamed(t, trouble, here)
			n.want(nameServer)
			n.Set(testbed.Addresses(here))
			n.want(here)
			n.Set(trouble)
			for range 3 {
				n.want(here)
			}
			n.Set(testbed.NameAnswer{Code: testbed.NXDomain})
		})
	}
	t.Run("NXDOMAIN", func(t *testing.T) {
		n := newNamed(t, testbed.NameAnswer{Code: testbed.NXDomain}, here)
		n.want("dns ")
		n.Set(testbed.Addresses(here))
		n.want(here)
		n.Set(testbed.NameAnswer{Code: testbed.NXDomain})
		n.want("dns ")
		n.Set(testbed.NameAnswer{Code: testbed.ServFail}) // the addresses from before the answer are void
		n.want(nameServer)
	})
	t.Run("no address", func(t *testing.T) { newNamed(t, testbed.NameAnswer{}).want("dns ") })
	t.Run("slow", func(t *testing.T) {
		newNamed(t, testbed.NameAnswer{Delay: dialFor / 4, A: testbed.Addresses(here).A}, here).want(here)
	})
	t.Run("another address", func(t *testing.T) {
		n := newNamed(t, testbed.Addresses(here), here, "127.0.0.2")
		n.want(here)
		n.Set(testbed.Addresses("127.0.0.2"))
		n.want("127.0.0.2")
	})
}

// TestASilentNameServerIsNotAskedEachTime: its silence would delay every check.
func TestASilentNameServerIsNotAskedEachTime(t *testing.T) {
	n := newNamed(t, testbed.Addresses("127.0.0.1"), "127.0.0.1")
	n.want("127.0.0.1")
	n.Set(testbed.NameAnswer{Silent: true})
	n.want("127.0.0.1")
	for asked := -1; asked != n.Asked(); { // a stall may outlast the time for which it is not asked
		stalled, took := n.stalls.Total(), time.Duration(0)
		asked = n.Asked()
		for range 20 {
			took += n.want("127.0.0.1")
		}
		if n.stalls.Total() == stalled && (n.Asked() != asked || took > dialFor) {
			t.Fatalf("%d more questions, %s", n.Asked()-asked, took)
		}
	}
}

// TestSeveralAddresses: the first that answers is used, and is the first to be tried next.
func TestSeveralAddresses(t *testing.T) {
	const dead, refuses, here, other = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"
	n := newNamed(t, testbed.Addresses(dead, refuses, here, other), here, other)
	swallow(t, dead, n.port)
	n.want(here)
	fastest := dialFor
	for range 5 { // each would take as long if the dead address came first
		fastest = min(fastest, n.want(here))
	}
	if fastest > dialFor/10 {
		t.Errorf("the address that answered last time was found after %s", fastest)
	}
	n.Set(testbed.Addresses(other, refuses))
	n.want(other)
	n.Set(testbed.Addresses(dead, refuses))
	n.want("refused ")
	n.Set(testbed.Addresses(dead))
	n.want("timeout ")
}

// TestLimitsDoNotEndADial: a caller that waits longer than the limits gets the connection.
func TestLimitsDoNotEndADial(t *testing.T) {
	n := newNamed(t, testbed.Addresses("127.0.0.2", "127.0.0.3"))
	swallow(t, "127.0.0.2", n.port)
	revive := swallow(t, "127.0.0.3", n.port)
	connecting := make(chan bool, 1)
	limits := link.Limits{Lookup: dialFor, Connect: 20 * time.Millisecond, Connecting: func() { connecting <- true }}
	time.AfterFunc(200*time.Millisecond, revive)
	c, err := n.dialer.DialContext(limits.With(t.Context()), "tcp", net.JoinHostPort("engine.test.", n.port))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	<-connecting
}

// TestLinkLocalWithoutAnInterface: nothing can leave for a link-local address whose interface
// is gone, as that of a modem that was pulled out, or was never named.
func TestLinkLocalWithoutAnInterface(t *testing.T) {
	for _, address := range []string{"[fe80::1%gone0]:1", "[fe80::1]:1"} {
		ctx, cancel := context.WithTimeout(t.Context(), dialFor)
		c, err := new(link.TCPDialer).DialContext(ctx, "tcp", address)
		cancel()
		if err == nil {
			c.Close()
		}
		if cause := link.CauseOf(err); cause != evcp.NoNetwork {
			t.Errorf("%s: %s %s, %v", address, cause, cause.Detail(), err)
		}
	}
}

// TestAddressesThatAreNone: an error, and no panic.
func TestAddressesThatAreNone(t *testing.T) {
	for _, address := range []string{"", "localhost", "localhost:http", "localhost:" + strconv.Itoa(1<<16), "[::1:80", "::1:80"} {
		if c, err := new(link.TCPDialer).DialContext(t.Context(), "tcp", address); err == nil {
			c.Close()
			t.Errorf("%q was dialled", address)
		} else if link.CauseOf(err) != evcp.Other {
			t.Errorf("%q is %s", address, link.CauseOf(err))
		}
	}
}

// TestDialerLimitsWhatIsUnacknowledged reads the socket option back.
func TestDialerLimitsWhatIsUnacknowledged(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := link.NewDialer().DialContext(context.Background(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("a %T", c)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var limit int
	if gone := raw.Control(func(fd uintptr) { limit, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) }); gone != nil || err != nil {
		t.Fatal(gone, err)
	}
	if limit != 5000 {
		t.Errorf("TCP_USER_TIMEOUT is %d ms", limit)
	}
}
