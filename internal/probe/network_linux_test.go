package probe_test

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/probe"
	"evcp/internal/testbed"
	"evcp/internal/wait"
)

// realEngine listens, and answers OK. It closes each connection after that while closes
// is set.
func realEngine(t *testing.T, l net.Listener) (port string, closes *atomic.Bool) {
	t.Helper()
	t.Cleanup(func() { l.Close() })
	closes = new(atomic.Bool)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					if _, ok := read(c); !ok {
						return
					}
					last := closes.Load()
					if last { // reply and end leave in one segment, so that no check begins between them
						cork(t, c)
					}
					c.Write([]byte("OK"))
					if last {
						return
					}
				}
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, closes
}

// cork holds back what is written to c until it is closed or uncorked.
func cork(t *testing.T, c net.Conn) { setCork(t, c, 1) }

func uncork(t *testing.T, c net.Conn) { setCork(t, c, 0) }

func setCork(t *testing.T, c net.Conn, on int) {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, on) })
	}
	if err != nil {
		t.Error(err)
	}
}

// arrive waits until what was written to c has arrived.
func arrive(t *testing.T, c *net.TCPConn) {
	raw, err := c.SyscallConn()
	for left := 1; err == nil && left > 0; { // bytes that the other end has not acknowledged
		gone := raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		err = errors.Join(gone, err)
		runtime.Gosched()
	}
	if err != nil {
		t.Error(err)
	}
}

// drivers are those of this system.
var drivers = map[string]probe.Driver{"portable": probe.Portable, "raw": probe.Raw}

// withDrivers runs a test with each.
func withDrivers(t *testing.T, test func(t *testing.T, d probe.Driver)) {
	for name, d := range drivers {
		t.Run(name, func(t *testing.T) { test(t, d) })
	}
}

// realChecks checks one Engine by real sockets.
func realChecks(t *testing.T, d probe.Driver, by link.Dialer, address string) *fixture {
	t.Helper()
	return realChecksWithin(t, d, by, address, tau)
}

func realChecksWithin(t *testing.T, d probe.Driver, by link.Dialer, address string, timeout time.Duration) *fixture {
	t.Helper()
	fx := &fixture{t: t, stalls: testbed.MeasureStalls(t)}
	fx.adoptBy(d, probe.Target{CP: "CP_001", Address: address, Dialer: by, Rules: evcp.EvidenceRules{Timeout: timeout, Grace: grace}})
	t.Cleanup(fx.probe.Close)
	return fx
}

// TestANameServerThatFails: the Engine closes after each reply, so each check asks the
// name server. Without an answer the checks go on at the last known address.
func TestANameServerThatFails(t *testing.T) { withDrivers(t, testANameServerThatFails) }

func testANameServerThatFails(t *testing.T, d probe.Driver) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port, closes := realEngine(t, l)
	closes.Store(true)
	here := testbed.Addresses("127.0.0.1")
	for name, trouble := range map[string]testbed.NameAnswer{
		"silent": {Silent: true}, "SERVFAIL": {Code: testbed.ServFail}, "too slow": {Delay: tau, A: here.A},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testbed.NewNameServer(t, trouble)
			fx := realChecks(t, d, &link.TCPDialer{Resolver: server.Resolver}, "engine.test.:"+port)
			fx.want(evcp.Unknown, evcp.NameServer, "")
			server.Set(here)
			fx.want(evcp.OK, evcp.NoCause, "OK")
			server.Set(trouble)
			for range 5 {
				fx.want(evcp.OK, evcp.NoCause, "OK")
			}
			server.Set(here)
		})
	}
	t.Run("NXDOMAIN", func(t *testing.T) {
		server := testbed.NewNameServer(t, here)
		fx := realChecks(t, d, &link.TCPDialer{Resolver: server.Resolver}, "engine.test.:"+port)
		fx.want(evcp.OK, evcp.NoCause, "OK")
		server.Set(testbed.NameAnswer{Code: testbed.NXDomain})
		fx.want(evcp.ConnectionError, evcp.DNS, "")
	})
}

// TestASlowNameServerLeavesTheEngineItsTime: the time to connect counts from its answer.
func TestASlowNameServerLeavesTheEngineItsTime(t *testing.T) {
	withDrivers(t, testASlowNameServerLeavesTheEngineItsTime)
}

func testASlowNameServerLeavesTheEngineItsTime(t *testing.T, d probe.Driver) {
	if !testbed.InNamespace(t) {
		return
	}
	neighbour(t)
	server := testbed.NewNameServer(t, testbed.NameAnswer{Delay: tau / 3, A: testbed.Addresses("192.0.2.1").A})
	fx := realChecks(t, d, &link.TCPDialer{Resolver: server.Resolver}, "engine.test.:5001")
	for {
		stalled, began := fx.stalled(), time.Now()
		fx.want(evcp.ConnectionError, evcp.Timeout, "")
		took := time.Since(began)
		if took < tau+tau/3 || took > tau+tau/2+10*grace && fx.stalled() == stalled {
			t.Errorf("the check took %s", took)
		}
		if fx.stalled() == stalled {
			return
		}
	}
}

// neighbour is testbed.NewNeighbour with an Engine.
func neighbour(t *testing.T) (other *testbed.Namespace, port string, closes *atomic.Bool) {
	t.Helper()
	other = testbed.NewNeighbour(t)
	var l net.Listener
	if err := other.Enter(func() (err error) {
		l, err = net.Listen("tcp", "10.9.0.2:0")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	port, closes = realEngine(t, l)
	return other, port, closes
}

// TestNoNetworkIsNoFailure sets the Monitor's interface down and up, takes its default
// route away, and uses up its ports.
func TestNoNetworkIsNoFailure(t *testing.T) { withDrivers(t, testNoNetworkIsNoFailure) }

func testNoNetworkIsNoFailure(t *testing.T, d probe.Driver) {
	if !testbed.InNamespace(t) {
		return
	}
	_, port, closes := neighbour(t)
	for _, how := range []bool{false, true} {
		closes.Store(how)
		fx := realChecks(t, d, link.NewDialer(), "10.9.0.2:"+port)
		fx.want(evcp.OK, evcp.NoCause, "OK")
		testbed.IP(t, "link set veth0 down") // takes the default route away, too
		for range 3 {
			fx.want(evcp.Unknown, evcp.NoNetwork, "")
		}
		testbed.IP(t, "link set veth0 up")
		wait.Until(t.Context(), time.Millisecond, func() bool { return fx.check().outcome.Status == evcp.OK })
	}

	far := realChecks(t, d, link.NewDialer(), "192.0.2.1:"+port)
	far.want(evcp.Unknown, evcp.NoNetwork, "")
	testbed.IP(t, "route add default via 10.9.0.2")
	far.want(evcp.ConnectionError, evcp.Timeout, "")
	patient := realChecksWithin(t, d, link.NewDialer(), "192.0.2.1:"+port, 4*tau) // the route goes slowly on a busy machine
	time.AfterFunc(tau/2, func() { testbed.IP(t, "route del default") })          // while the SYN is under way
	patient.want(evcp.Unknown, evcp.NoNetwork, "")
	for _, kind := range []string{"unreachable", "blackhole"} {
		testbed.IP(t, "route add "+kind+" default")
		far.want(evcp.Unknown, evcp.NoNetwork, "")
		testbed.IP(t, "route del "+kind+" default")
	}

	c, err := net.Dial("tcp", "10.9.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, used, _ := net.SplitHostPort(c.LocalAddr().String())
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte(used+" "+used), 0); err != nil {
		t.Fatal(err)
	}
	realChecks(t, d, link.NewDialer(), "10.9.0.2:"+port).want(evcp.Unknown, evcp.NoSocket, "")
}

// TestARouterThatLostItsUplinkCounts: the errno is the same as that of the Monitor's own
// kernel, but a packet left it, and a router sent the ICMP message.
func TestARouterThatLostItsUplinkCounts(t *testing.T) {
	withDrivers(t, testARouterThatLostItsUplinkCounts)
}

func testARouterThatLostItsUplinkCounts(t *testing.T, d probe.Driver) {
	if !testbed.InNamespace(t) {
		return
	}
	router, _, _ := neighbour(t)
	router.Run(t, "echo 1 > /proc/sys/net/ipv4/ip_forward")
	fx := realChecks(t, d, link.NewDialer(), "192.0.2.1:5001")
	causes := map[evcp.Cause]int{}
	for range 10 { // the kernel drops an ICMP message that arrives while connect(2) still runs
		r, fits := fx.undisturbed(func(o evcp.Outcome) bool { return o.Status == evcp.ConnectionError })
		o := r.outcome
		causes[o.Cause]++
		if !fits {
			t.Errorf("%s %s %s", o.Status, o.Cause, o.Cause.Detail())
		}
	}
	if causes[evcp.Unreachable] == 0 {
		t.Errorf("causes: %v", causes)
	}
	realChecks(t, d, link.NewDialer(), "10.9.0.77:5001").want(evcp.ConnectionError, evcp.Timeout, "") // nobody answers ARP
}
