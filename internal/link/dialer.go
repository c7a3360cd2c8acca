package link

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"evcp"
)

// unacknowledgedLimit is how long sent bytes may stay unacknowledged by the other machine
// before the connection fails: behind a firewall that drops everything, or a pulled
// cable. It is longer than the wait for any reply.
const unacknowledgedLimit = 5 * time.Second

// keepAlive asks the other machine for a sign of life when nothing is sent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 2}

// TCPDialer is the Dialer of the operating system. Its connections fail when the other machine
// is gone. It looks names up itself, remembers their addresses, and tries all addresses of a
// name within the time of one dial. Its zero value is ready.
//
// A name server that does not answer proves nothing about the peer. Then the last known
// addresses are dialled, and without any the error's cause is evcp.NameServer. A name server
// that answers that there is no such name makes it evcp.DNS.
type TCPDialer struct {
	Resolver *net.Resolver // nil is the system's

	mu     sync.Mutex // guards what follows
	names  map[string]knownName
	asking map[string]*sharedLookup // lookups under way
}

// knownName is what is known of the addresses of a name.
type knownName struct {
	addresses []netip.Addr // of the last answer of a name server
	connected netip.Addr   // the one to which the last connection was made
	lookAgain time.Time    // no lookup before: the name server did not answer
}

const (
	// maxNames bounds the names whose addresses are remembered: a broker may name any
	// number of others.
	maxNames = 1 << 16
	// lookupPause is how long known addresses are dialled without a lookup, after a name
	// server that did not answer: each lookup would delay a check. When they can't be connected
	// to, one goes on beside the checks.
	lookupPause = 5 * time.Second
	// unlimitedShare is the share of each address, and of the lookup, in a dial that
	// nobody limits.
	unlimitedShare = time.Second
)

// NewDialer makes a TCPDialer with the system's name servers.
func NewDialer() *TCPDialer { return &TCPDialer{} }

// Limits tell a Dialer how long its caller will wait, without ending the dial: the caller
// cancels the context for that, and may wait a little longer. A context with a deadline and
// without Limits gives half of its time to the lookup.
type Limits struct {
	Lookup     time.Duration // of the addresses of a name
	Connect    time.Duration // to the first of them that answers, after the lookup
	Connecting func()        // called after the lookup
}

type limitsKey struct{}

// With returns a context for DialContext.
func (l Limits) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, limitsKey{}, l)
}

// DialContext connects to HOST:PORT; network is "tcp".
func (d *TCPDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.AddrError{Err: "invalid port", Addr: address}}
	}
	limits, limited := ctx.Value(limitsKey{}).(Limits)
	deadline, bounded := ctx.Deadline()
	switch {
	case bounded && !limited:
		limits.Lookup = time.Until(deadline) / 2
	case !limited:
		limits.Lookup = unlimitedShare
	}
	addresses, err := d.addresses(ctx, host, limits.Lookup)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	switch {
	case limited:
		limits.Connecting()
	case bounded:
		limits.Connect = time.Until(deadline)
	default:
		limits.Connect = unlimitedShare * time.Duration(len(addresses))
	}
	conn, to, err := dialAny(ctx, addresses, uint16(port), limits.Connect)
	switch {
	case err != nil:
		d.lookUpInBackground(ctx, host, limits.Lookup)
	case len(addresses) > 1:
		d.update(host, func(n *knownName) { n.connected = to })
	}
	return conn, err
}

// addresses are the addresses of a host, the one first that was connected last.
func (d *TCPDialer) addresses(ctx context.Context, host string, limit time.Duration) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	d.mu.Lock()
	known := d.names[host]
	d.mu.Unlock()
	if time.Now().Before(known.lookAgain) {
		return known.ordered(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found, err := d.lookup(ctx, host, limit)
	switch {
	case d.learn(host, found, err):
		known.addresses = found
		return known.ordered(), err
	case len(known.addresses) == 0:
		return nil, err
	default:
		d.update(host, func(n *knownName) { n.lookAgain = time.Now().Add(lookupPause) })
	}
	return known.ordered(), nil
}

// learn remembers what a name server answered, addresses or that there is no such name, and
// reports whether it answered.
func (d *TCPDialer) learn(host string, found []netip.Addr, err error) bool {
	switch {
	case err == nil:
		d.update(host, func(n *knownName) { n.addresses, n.lookAgain = found, time.Time{} })
	case CauseOf(err) == evcp.DNS:
		d.update(host, func(n *knownName) { *n = knownName{} })
	default:
		return false
	}
	return true
}

func (n knownName) ordered() []netip.Addr {
	list := slices.Clone(n.addresses)
	if i := slices.Index(list, n.connected); i > 0 {
		list = slices.Insert(slices.Delete(list, i, i+1), 0, n.connected)
	}
	return list
}

func (d *TCPDialer) update(host string, change func(*knownName)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, known := d.names[host]
	if !known && len(d.names) >= maxNames {
		return
	}
	change(&n)
	if d.names == nil {
		d.names = map[string]knownName{}
	}
	d.names[host] = n
}

// lookUpInBackground looks a name up whose known addresses could not be connected to, if this
// dial did not: the peer may have another address by now. Nobody waits for the answer.
func (d *TCPDialer) lookUpInBackground(ctx context.Context, host string, limit time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Now().After(d.names[host].lookAgain) {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		found, err := d.lookup(ctx, host, limit)
		d.learn(host, found, err)
	}()
}

// attempt is how the dial of one address ended.
type attempt struct {
	conn net.Conn
	to   netip.Addr
	err  error
}

// dialAny returns the first connection that any of the addresses gives. The next one is
// tried when an attempt fails, or when the last one has had its share of the time; earlier
// attempts go on meanwhile.
func dialAny(ctx context.Context, addresses []netip.Addr, port uint16, limit time.Duration) (net.Conn, netip.Addr, error) {
	if len(addresses) == 1 {
		conn, err := dialOne(ctx, netip.AddrPortFrom(addresses[0], port))
		return conn, addresses[0], err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan attempt, len(addresses))
	running, end := 0, time.Now().Add(limit)
	share := time.NewTimer(0) // the first is tried at once
	defer share.Stop()
	var errs []error
	for waiting := addresses; running > 0 || len(waiting) > 0; {
		select {
		case a := <-ended:
			running--
			if a.conn != nil {
				cancel()
				closeLate(ended, running)
				return a.conn, a.to, nil
			}
			errs = append(errs, a.err)
			share.Reset(0)
		case <-share.C:
			if len(waiting) == 0 {
				continue
			}
			to := waiting[0]
			share.Reset(time.Until(end) / time.Duration(len(waiting)))
			waiting = waiting[1:]
			running++
			go func() {
				conn, err := dialOne(ctx, netip.AddrPortFrom(to, port))
				ended <- attempt{conn, to, err}
			}()
		}
	}
	return nil, netip.Addr{}, decisive(errs)
}

// closeLate closes what the remaining attempts give.
func closeLate(ended <-chan attempt, running int) {
	for range running {
		if a := <-ended; a.conn != nil {
			a.conn.Close()
		}
	}
}

// decisive is the error that proves most about the peer. A refusal comes first, then
// anything that is not the Monitor's own.
func decisive(errs []error) error {
	if len(errs) == 0 {
		return &net.DNSError{Err: "the answer has no address", IsNotFound: true}
	}
	best := func(err error) int {
		switch cause := CauseOf(err); {
		case cause == evcp.Refused:
			return 0
		case cause.IsLocal():
			return 2
		default:
			return 1
		}
	}
	return slices.MinFunc(errs, func(a, b error) int { return best(a) - best(b) })
}

// dialOne connects to one address. When that fails without an answer, and the kernel has no
// route to it by then, the network of this machine was the reason.
func dialOne(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{
		ControlContext:  control(to),
		KeepAliveConfig: keepAlive,
	}
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil && (ctx.Err() != nil || CauseOf(err) == evcp.Timeout) {
		if refused := routeError(to); refused != nil {
			return nil, refused
		}
	}
	return conn, err
}
