package probe

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"evcp"
	"evcp/internal/exchange"
	"evcp/internal/link"
)

// raw is the Prober on sockets of Linux. It has no goroutine, timer, lock or allocation
// for a check: its owner wakes it every 10 ms while checks are in flight, and each
// time it does what has become due, for all targets together. One goroutine waits for Engines
// that are slower than that, and for replies when few are awaited. The kernel says when they
// arrived, so noticing them later changes no outcome.
//
// Two things it leaves to package net. Targets with a Dialer that is no TCPDialer, such as
// TLS, go to a portable Prober. Names are dialled by link.TCPDialer, in a goroutine for each dial,
// since it has the rules for name servers and for several addresses; the connection is raw
// from then on. A connection that is kept needs no dial.
type raw struct {
	other *portable // of the targets with another Dialer
	tcp   *link.TCPDialer
	clock clock
	epoll int
	// receiveTimes is a socket that asks for receive times and gets none: the kernel
	// switches them off with the last socket that asks.
	receiveTimes int
	routes       link.RouteChecker
	openFiles    int // that the process may have; 0: not known
	open         int // sockets in epoll
	connecting   int // dials in flight
	blocks       []*[block]rawTarget
	shared       map[exchange.Settings]*exchange.Settings
	inFlight     []deadline
	unused       []*flight     // for the next exchanges
	next         time.Duration // see Next
	active       bool          // something happened since the last Take
	replies      socketWatch

	asking  []int         // see connectedFirst
	written []int32       // slots with a message sent, of which the exchange does not know yet
	before  time.Duration // those messages
	results []exchange.Result
	found   []Finding
	events  [256]unix.EpollEvent
	io      ioBuffers

	named   sync.WaitGroup
	mu      sync.Mutex // guards dialled
	dialled []namedDial
}

// block targets are allocated together, and never moved: so many take whole pages, and those
// that are not used are not touched.
const block = 1024

// rawTarget is one target. There may be many thousands: what only an exchange in flight needs
// is in its flight. A test holds the size.
type rawTarget struct {
	flight   *flight // nil: no exchange is in flight
	sleep    exchange.SleepHistory
	settings *exchange.Settings
	cp       evcp.CPID
	address  netip.AddrPort // of the last connection, if the target has a name
	name     *targetName    // nil: an address
	fd       int32          // noSocket: none
	// generation changes with each socket, and tells an event of an earlier one.
	generation uint32
	greeting   exchange.Greeting
	adopted    bool
	foreign    bool // a target of raw.other
	connecting bool
	keepAlive  bool // its socket has TCP keepalive
	arrived    bool // there may be something to read
	peerEnded  bool // the Engine has ended the connection, and no reset has come
	reusable   bool // the connection is over, and its socket waits for the next dial
}

// connected reports whether the target has a connection, as long as no exchange is in flight.
func (t *rawTarget) connected() bool { return t.fd != noSocket && !t.reusable }

// listening reports whether a reply is awaited.
func (t *rawTarget) listening() bool { return t.flight != nil && t.flight.Listening() }

// targetName is what a target with a name needs besides.
type targetName struct {
	hostPort string
	tcp      *link.TCPDialer
	cancel   func() // of the dial in flight; nil: none
}

const noSocket = -1

// pollInterval is how often the owner looks while things happen.
const pollInterval = 10 * time.Millisecond

// fewInFlight replies are not waited for in intervals, but for each as it comes.
const fewInFlight = 4

// batch messages are sent between two readings of the clock.
const batch = 16

func newRaw(o Options) (Prober, error) {
	r := &raw{
		other: newPortable(o), tcp: o.TCP, clock: newClock(), openFiles: link.OpenFiles(), shared: map[exchange.Settings]*exchange.Settings{},
	}
	r.io.prepare()
	var err error
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if err = r.replies.open(r.epoll, r.other.ready); err != nil {
		return nil, errors.Join(err, unix.Close(r.epoll))
	}
	if r.receiveTimes, err = switchOnReceiveTimes(); err != nil {
		return nil, errors.Join(err, r.replies.close(), unix.Close(r.epoll))
	}
	return r, nil
}

// switchOnReceiveTimes opens raw.receiveTimes.
func switchOnReceiveTimes() (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func (r *raw) target(slot int) *rawTarget { return &r.blocks[slot/block][slot%block] }

func (r *raw) Adopt(slot int, t Target, slept time.Duration) {
	for slot >= len(r.blocks)*block {
		r.blocks = append(r.blocks, new([block]rawTarget))
	}
	c := r.target(slot)
	if !c.adopted {
		c.fd = noSocket
	}
	tcp, plain := t.Dialer.(*link.TCPDialer)
	if t.Dialer != nil && !plain {
		if c.adopted && !c.foreign {
			r.Release(slot)
		}
		c.adopted, c.foreign = true, true
		r.other.Adopt(slot, t, slept)
		return
	}
	address, name := parseAddress(t.Address, cmp.Or(tcp, r.tcp))
	same := c.adopted && !c.foreign && c.cp == t.CP && c.settings.Framing == t.Framing && c.sameAddress(address, name)
	if same && c.flight == nil {
		c.settings = r.share(t.settings())
		return
	}
	history := exchange.NewSleepHistory(slept)
	if same {
		history = c.sleep
	}
	if c.adopted {
		r.Release(slot)
	}
	c.adopted, c.cp, c.address, c.name, c.sleep, c.settings = true, t.CP, address, name, history, r.share(t.settings())
}

// parseAddress returns a literal address, or a name.
func parseAddress(hostPort string, tcp *link.TCPDialer) (netip.AddrPort, *targetName) {
	host, text, _ := net.SplitHostPort(hostPort)
	ip, err := netip.ParseAddr(host)
	port, portErr := strconv.ParseUint(text, 10, 16)
	if errors.Join(err, portErr) != nil {
		return netip.AddrPort{}, &targetName{hostPort: hostPort, tcp: tcp}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), nil
}

func (t *rawTarget) sameAddress(address netip.AddrPort, name *targetName) bool {
	if t.name != nil && name != nil {
		return t.name.hostPort == name.hostPort && t.name.tcp == name.tcp
	}
	return t.name == nil && name == nil && t.address == address
}

// maxShared bounds the settings that targets share. What is forgotten goes on being used.
const maxShared = 1024

func (r *raw) share(s exchange.Settings) *exchange.Settings {
	if p := r.shared[s]; p != nil {
		return p
	}
	if len(r.shared) == maxShared {
		clear(r.shared)
	}
	p := &s
	r.shared[s] = p
	return p
}

func (r *raw) Release(slot int) {
	t := r.target(slot)
	if t.foreign {
		r.other.Release(slot)
	} else {
		r.close(t)
		r.endFlight(t)
		r.found = slices.DeleteFunc(r.found, func(f Finding) bool { return f.Target == slot })
	}
	*t = rawTarget{fd: noSocket, generation: t.generation + 1}
}

func (r *raw) Ask(slept time.Duration, slots ...int) {
	r.endNamed()
	for chunk := range slices.Chunk(r.connectedFirst(slots), batch) {
		r.poll() // what has arrived before a question is no reply to it
		for _, slot := range chunk {
			t := r.target(slot)
			if t.foreign {
				r.other.Ask(slept, slot)
				continue
			}
			t.sleep.Asked(slept)
			r.beginFlight(t, slot)
			r.step(t, slot, exchange.Input{Kind: exchange.Asked, Now: r.clock.now})
		}
		r.flush()
	}
	if r.connecting > 0 { // on loopback they have succeeded by now
		r.poll()
	}
	r.active = len(r.inFlight) > fewInFlight || len(r.found) > 0 // what was found waits for Take
	r.plan(r.clock.now)
}

// connectedFirst are the slots to ask, those with a connection before those that must dial: a
// dial takes several times as long as a message, and would make the others late.
func (r *raw) connectedFirst(slots []int) []int {
	r.asking = r.asking[:0]
	for _, connected := range []bool{true, false} {
		for _, slot := range slots {
			if r.target(slot).connected() == connected {
				r.asking = append(r.asking, slot)
			}
		}
	}
	return r.asking
}

// Ready receives what portable exchanges have found, and when a named dial has ended.
func (r *raw) Ready() <-chan struct{} { return r.other.ready }

func (r *raw) Next() time.Time {
	if len(r.inFlight) == 0 && len(r.found) == 0 {
		return time.Time{}
	}
	return r.clock.base.Add(r.next)
}

func (r *raw) Take(into []Finding) []Finding {
	into = r.other.Take(into)
	r.endNamed()
	if len(r.inFlight) > 0 {
		r.clock.read()
		began := r.clock.now
		r.poll()
		r.expire(began)
		r.plan(began)
	}
	if len(into) == 0 {
		into = emptied(into, len(r.found))
	}
	into = append(into, r.found...)
	r.found = emptied(r.found, len(r.found))
	return into
}

// usualFindings is room for what is found in one wake-up while nothing fails.
const usualFindings = 512

// emptied is a buffer for its next use, when n findings were in it. One that many failures at
// once have made large is given back.
func emptied(buffer []Finding, n int) []Finding {
	if cap(buffer) > max(usualFindings, 4*n) {
		return nil
	}
	return buffer[:0]
}

// plan plans the next wake-up. While things happen the owner looks every 10 ms, for all that
// has become due. Then it sleeps until a deadline, or until a slow Engine does something. With
// more than maxWatched sockets it always looks every 10 ms: there is mostly a tick in that time.
func (r *raw) plan(now time.Duration) {
	soonest := now + pollInterval
	if !r.active && len(r.inFlight) > 0 && r.open <= maxWatched && r.replies.wait() {
		soonest = r.inFlight[0].until
		for i := range r.inFlight {
			soonest = min(soonest, r.inFlight[i].until)
		}
	}
	r.active = false
	r.next = max(soonest, now+pollInterval)
}

func (r *raw) Judge(f Finding, slept time.Duration) (evcp.Outcome, time.Duration) {
	t := r.target(f.Target)
	if t.foreign {
		return r.other.Judge(f, slept)
	}
	return t.sleep.Judge(f.Evidence, slept, t.settings.Rules)
}

func (r *raw) Close() {
	for slot := range len(r.blocks) * block {
		if r.target(slot).adopted {
			r.Release(slot)
		}
	}
	r.other.Close()
	r.named.Wait()
	r.endNamed()
	r.routes.Close()
	_ = errors.Join(r.replies.close(), unix.Close(r.epoll), unix.Close(r.receiveTimes)) // nothing is lost with them
}

// failure is the input of an error, noticed now.
func (r *raw) failure(err error) exchange.Input {
	r.clock.read()
	return failed(err, r.clock.now)
}
