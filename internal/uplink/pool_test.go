package uplink_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/faultproxy"
	"evcp/internal/outbox"
	"evcp/internal/simnet"
	"evcp/internal/testbed"
	"evcp/internal/uplink"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// fleetHarness is an Uplink of many charge points that is observed only.
type fleetHarness struct {
	t   *testing.T
	up  *uplink.Uplink
	box *outbox.Outbox

	mu          sync.Mutex // guards what follows
	observed    map[evcp.ObservationKind]int
	diagnostics []uplink.Diagnostic
}

func newFleet(t *testing.T, d interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}, central string, many int, change func(*uplink.Options)) *fleetHarness {
	t.Helper()
	box, err := outbox.Open(t.TempDir(), outbox.Options{Readers: []string{outbox.Central}, Instance: "test"})
	if err != nil {
		t.Fatal(err)
	}
	h := &fleetHarness{t: t, box: box, observed: map[evcp.ObservationKind]int{}}
	o := uplink.Options{
		Central: central, Codec: uplink.TextCodec(wire.Raw), Heartbeat: 5 * time.Second, Dialer: d, Box: box,
		Observe: func(o evcp.Observation) bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.observed[o.Kind]++
			return true
		},
		OnDiagnostic: func(d uplink.Diagnostic) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.diagnostics = append(h.diagnostics, d)
		},
	}
	if change != nil {
		change(&o)
	}
	h.up = uplink.New(o)
	for _, cp := range manyCPs(many) {
		h.up.Adopt(cp, time.Second)
	}
	return h
}

// run runs the Uplink during play, and returns how many were told of the stop in 700 ms.
func (h *fleetHarness) run(play func()) (told int) {
	ctx, stop := context.WithCancel(h.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.up.Run(ctx); err != nil {
			h.t.Error(err)
		}
	})
	play()
	stop()
	running.Wait()
	limit, cancel := context.WithTimeout(h.t.Context(), 700*time.Millisecond)
	defer cancel()
	told = h.up.Disconnect(limit)
	if err := h.box.Close(context.Background()); err != nil {
		h.t.Error(err)
	}
	return told
}

func (h *fleetHarness) registered() int { return h.up.Figures().Sessions[uplink.Registered] }

// fail makes the fact that a charge point's Engine has failed.
func (h *fleetHarness) fail(cp evcp.CPID) {
	o := evcp.Observation{CP: cp, Kind: evcp.Checked, At: evcp.StampOf(time.Now()), Outcome: evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO}}
	state, events := evcp.Policy{Fall: 1, Rise: 1, Instance: "test"}.Next(h.box.State(cp), o, nil)
	h.box.Append(outbox.Batch{
		Generation: h.box.Generation(), Events: events, Judged: []outbox.Judged{{Handle: h.box.Handle(cp), Events: len(events), State: state}},
	})
}

// TestAReportOvertakes what waits for the same connection, of which there is one: every answer
// takes 100 ms, and 50 registrations are waiting.
func TestAReportOvertakes(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		n := &simnet.Net{}
		var mu sync.Mutex
		var reported time.Time
		defer serveCentral(t, n, func() {}, func(message string) string {
			if strings.HasSuffix(message, "ENGINE_FAILURE") {
				mu.Lock()
				reported = time.Now()
				mu.Unlock()
			}
			time.Sleep(100 * time.Millisecond)
			return accepted
		})()
		h := newFleet(t, n, "central", 50, func(o *uplink.Options) { o.Connections, o.MaxConnections = 1, 1 })
		h.run(func() {
			time.Sleep(time.Second)
			failed := time.Now()
			h.fail("CP_049") // is not registered yet
			time.Sleep(2 * time.Second)
			mu.Lock()
			defer mu.Unlock()
			if took := reported.Sub(failed); reported.IsZero() || took > 500*time.Millisecond {
				t.Errorf("reported after %s", took)
			}
		})
	})
}

// TestAHungExchangeDelaysNobody has a Central that never answers one charge point: the others,
// which share four connections with it, get their heartbeats all the same.
func TestAHungExchangeDelaysNobody(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		n := &simnet.Net{}
		var mu sync.Mutex
		last, longest := map[string]time.Time{}, time.Duration(0)
		defer serveCentral(t, n, func() {}, func(message string) string {
			mu.Lock()
			defer mu.Unlock()
			cp, rest, _ := strings.Cut(strings.TrimPrefix(message, "EV_CP_M "), " ")
			if strings.HasPrefix(rest, "heartbeat") {
				if before, ok := last[cp]; ok && cp != "CP_007" {
					longest = max(longest, time.Since(before))
				}
				last[cp] = time.Now()
			}
			if cp == "CP_007" && strings.HasPrefix(rest, "heartbeat") {
				return ""
			}
			return accepted
		})()
		h := newFleet(t, n, "central", 40, func(o *uplink.Options) { o.Connections, o.MaxConnections = 4, 4 })
		h.run(func() { time.Sleep(time.Minute) })
		if longest > 5*time.Second+500*time.Millisecond || len(last) != 40 {
			t.Errorf("%s between two heartbeats of %d charge points", longest, len(last))
		}
	})
}

// TestOneRefusedDisturbsNobody: the refused one is asked for every minute, on a connection that it
// shares.
func TestOneRefusedDisturbsNobody(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		n := &simnet.Net{}
		defer serveCentral(t, n, func() {}, func(message string) string {
			if message == "EV_CP_M CP_003 registration request" {
				return "Authentication denied: unknown charging point\n"
			}
			return accepted
		})()
		h := newFleet(t, n, "central", 20, func(o *uplink.Options) { o.Connections = 2 })
		told := h.run(func() {
			time.Sleep(150 * time.Second)
			if s := h.up.Figures().Sessions; s[uplink.Registered] != 19 || s[uplink.Refused] != 1 {
				t.Errorf("%v", s)
			}
		})
		if h.observed[evcp.RegistrationRefused] != 3 || h.observed[evcp.Registered] != 19 || len(h.diagnostics) > 0 || told != 19 {
			t.Errorf("observed %v, diagnosed %+v, told %d", h.observed, h.diagnostics, told)
		}
	})
}

// TestAnOutageIsToldOnce for a fleet, and so is its end. Everybody is back within the longest
// backoff and what the registrations take, and nobody dials meanwhile in a tight loop.
func TestAnOutageIsToldOnce(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		n := &simnet.Net{}
		stop := serveCentral(t, n, func() {}, func(string) string { return accepted })
		d := &countingDialer{inner: n}
		h := newFleet(t, d, "central", 300, nil)
		h.run(func() {
			time.Sleep(20 * time.Second)
			if h.registered() != 300 || d.dials() != 16 {
				t.Errorf("%d registered on %d connections", h.registered(), d.dials())
			}
			cut := d.cut() // as a Central that is killed
			stop()
			time.Sleep(30 * time.Second)
			if dials := d.dials() - 16; dials < 100 || dials > 340 || cut != 16 {
				t.Errorf("%d dials in 30 s, %d were cut", dials, cut)
			}
			stop = serveCentral(t, n, func() {}, func(string) string { return accepted })
			time.Sleep(7 * time.Second)
			if h.registered() != 300 {
				t.Errorf("%d are back", h.registered())
			}
		})
		stop()
		if len(h.diagnostics) != 2 || h.diagnostics[0].Kind != uplink.OutageBegan || h.diagnostics[0].Count != 300 || h.diagnostics[1].Kind != uplink.OutageEnded {
			t.Errorf("told %+v", h.diagnostics)
		}
	})
}

// countingDialer counts the dials, and resets all connections at once.
type countingDialer struct {
	inner *simnet.Net
	mu    sync.Mutex // guards what follows
	count int
	conns []*simnet.Conn
}

func (d *countingDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.inner.DialContext(ctx, network, address)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	if err == nil {
		d.conns = append(d.conns, c.(*simnet.Conn))
	}
	return c, err
}

func (d *countingDialer) dials() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// cut ends all connections at Central's side, and returns how many there were.
func (d *countingDialer) cut() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		c.Reset()
	}
	return len(d.conns)
}

// TestAdoptAndRelease at run time: who is adopted registers, with what was not reported before
// it was released; who is released says goodbye, or does not.
func TestAdoptAndRelease(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		n := &simnet.Net{}
		var mu sync.Mutex
		received := map[string][]string{}
		defer serveCentral(t, n, func() {}, func(message string) string {
			mu.Lock()
			defer mu.Unlock()
			cp, rest, _ := strings.Cut(strings.TrimPrefix(message, "EV_CP_M "), " ")
			if !strings.HasPrefix(rest, "heartbeat") {
				received[cp] = append(received[cp], rest)
			}
			if rest == "ENGINE_FAILURE" && !slices.Contains(received[cp], "disconnect") {
				return "ERROR database\n"
			}
			return accepted
		})()
		h := newFleet(t, n, "central", 3, nil)
		h.run(func() {
			time.Sleep(time.Second)
			h.fail("CP_001")
			time.Sleep(100 * time.Millisecond)
			h.up.Release(t.Context(), "CP_000", false)
			h.up.Release(t.Context(), "CP_001", true)
			h.up.Release(t.Context(), "CP_999", true)
			if f := h.up.Figures(); f.Pending != 0 || h.registered() != 1 || h.up.Status("CP_001") != (uplink.SessionStatus{}) {
				t.Errorf("after the release: %+v", f)
			}
			h.up.Adopt("CP_NEW", time.Second)
			h.up.Adopt("CP_001", time.Second)
			time.Sleep(10 * time.Second)
			if f := h.up.Figures(); f.Pending != 0 || h.registered() != 3 {
				t.Errorf("after the adoption: %+v", f)
			}
		})
		got := fmt.Sprint(received["CP_000"], slices.Compact(received["CP_001"]), received["CP_002"], received["CP_NEW"]) // a report may have been retried
		if want := "[registration request] [registration request ENGINE_FAILURE disconnect registration request ENGINE_FAILURE disconnect]" +
			" [registration request disconnect] [registration request disconnect]"; got != want {
			t.Errorf("received %s\n    want %s", got, want)
		}
	})
}

// TestReleaseIsBounded by its context when Central does not answer.
func TestReleaseIsBounded(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		n := &simnet.Net{}
		defer serveCentral(t, n, func() {}, func(message string) string {
			if strings.HasSuffix(message, "disconnect") {
				return ""
			}
			return accepted
		})()
		h := newFleet(t, n, "central", 2, nil)
		h.run(func() {
			time.Sleep(time.Second)
			limit, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			h.up.Release(limit, "CP_001", true)
			if took := time.Since(began); took != time.Second {
				t.Errorf("took %s", took)
			}
			time.Sleep(3 * time.Second)
			if s := h.up.Status("CP_001"); s != (uplink.SessionStatus{}) {
				t.Errorf("is still there: %+v", s)
			}
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			h.up.Release(short, "CP_000", true)
			h.up.Adopt("CP_000", time.Second) // its disconnect is still on its way
			time.Sleep(10 * time.Second)
			if s := h.up.Status("CP_000"); s.Phase != uplink.Registered {
				t.Errorf("is not back: %+v", s)
			}
		})
	})
}

// TestAFleetBehindASlowLink registers on real sockets with a round trip of 20 ms, and keeps its
// heartbeats up, with Centrals that keep and that close connections, in each framing.
func TestAFleetBehindASlowLink(t *testing.T) {
	const (
		many      = 150
		heartbeat = time.Second
	)
	for name, framing := range map[string]wire.Framing{"raw": wire.Raw, "line": wire.Line, "stx": wire.STX} {
		for habit, closes := range map[string]bool{"keeps": false, "closes": true} {
			t.Run(name+"/"+habit, func(t *testing.T) {
				t.Parallel()
				c := startTextCentral(t, closes)
				proxy, err := faultproxy.Open("127.0.0.1:0", c.listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer proxy.Close()
				if err := proxy.Set(faultproxy.Impairment{Kind: faultproxy.Slow, Delay: 10 * time.Millisecond}); err != nil {
					t.Fatal(err)
				}
				stalls := testbed.MeasureStalls(t)
				h := newFleet(t, &net.Dialer{}, proxy.Addr(), many, func(o *uplink.Options) {
					o.Codec, o.Heartbeat = uplink.TextCodec(framing), heartbeat
				})
				h.run(func() {
					limit, cancel := context.WithTimeout(t.Context(), 2*testbed.Patience)
					defer cancel()
					if !wait.Until(limit, 10*time.Millisecond, func() bool { return h.registered() == many && c.everybodySent(4) }) {
						t.Errorf("%d of %d registered, or not everybody sent four heartbeats", h.registered(), many)
					}
				})
				if (len(h.diagnostics) > 0 || h.observed[evcp.Registered] != many) && stalls.Total() < uplink.AnswerLimit/2 { // Central is in this process
					t.Errorf("diagnosed %+v, observed %v", h.diagnostics, h.observed)
				}
			})
		}
	}
}

// textCentral accepts everybody, in the framing of each message.
type textCentral struct {
	listener net.Listener
	closes   bool // after each reply
	serving  sync.WaitGroup

	mu         sync.Mutex // guards what follows
	heartbeats map[evcp.CPID]int
}

func startTextCentral(t *testing.T, closes bool) *textCentral {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &textCentral{listener: l, closes: closes, heartbeats: map[evcp.CPID]int{}}
	c.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.serving.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.serving.Wait()
	})
	return c
}

func (c *textCentral) serve(conn net.Conn) {
	defer conn.Close()
	var in [512]byte
	var requests wire.RequestDecoder
	for {
		n, err := conn.Read(in[:])
		if err != nil || !requests.Feed(in[:n]) {
			return
		}
		for r, ok := requests.Next(); ok; r, ok = requests.Next() {
			if _, err := conn.Write(wire.AppendReply(nil, c.receive(r.Message), r)); err != nil {
				return
			}
			if c.closes {
				if half, ok := conn.(*net.TCPConn); ok && half.CloseWrite() == nil { // an acknowledgement may follow
					_, _ = io.Copy(io.Discard, conn)
				}
				return
			}
		}
	}
}

func (c *textCentral) receive(m wire.Message) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Verb == wire.Registration {
		return "Authentication successful"
	}
	c.heartbeats[m.CP]++
	return "OK"
}

func (c *textCentral) everybodySent(times int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.heartbeats {
		if n < times {
			return false
		}
	}
	return true
}
