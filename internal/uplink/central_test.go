package uplink_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/simnet"
	"evcp/internal/uplink"
	"evcp/internal/wire"
)

const (
	cp       = evcp.CPID("CP_001")
	accepted = "Authentication successful\n"
)

// serveCentral answers with what reply returns, "" for nothing, until stop is called and
// all clients have closed. It calls connected for each connection, one after the other.
func serveCentral(t *testing.T, n *simnet.Net, connected func(), reply func(message string) string) (stop func()) {
	t.Helper()
	return acceptCentral(t, n, connected, func(c net.Conn) { serveConn(c, reply) })
}

// acceptCentral calls serve with every connection to Central.
func acceptCentral(t *testing.T, n *simnet.Net, connected func(), serve func(net.Conn)) (stop func()) {
	t.Helper()
	l, err := n.Listen("central")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connected()
			serving.Go(func() { serve(c) })
		}
	})
	return func() {
		l.Close()
		serving.Wait()
	}
}

func serveConn(c net.Conn, reply func(message string) string) {
	defer c.Close()
	b := make([]byte, 512)
	for {
		size, err := c.Read(b)
		if err != nil {
			return
		}
		if text := reply(string(b[:size])); text != "" {
			c.Write([]byte(text))
		}
	}
}

// sessionHarness is an Uplink of one charge point over an outbox on a real disk, with a
// scripted Central and the judgement in place of the monitor.
type sessionHarness struct {
	t   *testing.T
	net simnet.Net
	dir string
	box *outbox.Outbox
	up  *uplink.Uplink

	maxSize         int64         // of the outbox; 0 = default
	disconnectLimit time.Duration // 0 = none
	disconnectTook  time.Duration

	mu          sync.Mutex // guards what follows
	state       evcp.State
	kept        []evcp.Action
	diagnostics []uplink.Diagnostic
	messages    []string
	replies     map[string][]string // the next replies to a message; then accepted
}

func newHarness(t *testing.T) *sessionHarness {
	t.Helper()
	return &sessionHarness{t: t, dir: t.TempDir(), replies: map[string][]string{}}
}

// open makes an Uplink on the folder; change alters its options.
func (h *sessionHarness) open(change func(*uplink.Options)) {
	h.t.Helper()
	box, err := outbox.Open(h.dir, outbox.Options{Readers: []string{outbox.Central}, Instance: "test", MaxSize: h.maxSize})
	if err != nil {
		h.t.Fatal(err)
	}
	h.box, h.state = box, box.State(cp)
	o := uplink.Options{
		Central: "central", Codec: uplink.TextCodec(wire.Raw), Heartbeat: 5 * time.Second, ReportEvery: 30 * time.Second,
		Dialer: &h.net, Box: box,
		Observe: func(o evcp.Observation) bool {
			if o.CP != cp {
				h.t.Errorf("something of %q was observed", o.CP)
			}
			h.judge(o)
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
	h.up.Adopt(cp, time.Second)
}

// run runs the Uplink during play, disconnects, and closes the folder.
func (h *sessionHarness) run(play func()) (answered bool, refused error) {
	ctx, stop := context.WithCancel(h.t.Context())
	var running sync.WaitGroup
	running.Go(func() { refused = h.up.Run(ctx) })
	play()
	stop()
	running.Wait()
	limit, cancel := h.t.Context(), func() {}
	if h.disconnectLimit > 0 {
		limit, cancel = context.WithTimeout(limit, h.disconnectLimit)
	}
	defer cancel()
	began := time.Now()
	answered = h.up.Disconnect(limit) == 1
	h.disconnectTook = time.Since(began).Round(time.Millisecond)
	if err := h.box.Close(h.t.Context()); err != nil {
		h.t.Error(err)
	}
	return answered, refused
}

func (h *sessionHarness) judge(o evcp.Observation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o.CP, o.At = cp, evcp.StampOf(time.Now())
	var made []evcp.Event
	h.state, made = evcp.Policy{Fall: 1, Rise: 1, Instance: "test"}.Next(h.state, o, nil)
	for _, e := range made {
		if e.CP != cp {
			h.t.Errorf("%s of %q", e.Action, e.CP)
		}
		h.kept = append(h.kept, e.Action)
	}
	if len(made) > 0 {
		h.box.Append(outbox.Batch{Generation: h.box.Generation(), Events: made, Judged: []outbox.Judged{{Handle: h.box.Handle(cp), Events: len(made), State: h.state}}})
	}
}

// checked judges one check of the Engine.
func (h *sessionHarness) checked(s evcp.Status, c evcp.Cause) {
	h.judge(evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: s, Cause: c}})
}

// serveCentral starts Central, and returns how to stop it.
func (h *sessionHarness) serveCentral() (stop func()) {
	return serveCentral(h.t, &h.net, func() {}, func(message string) string {
		h.mu.Lock()
		defer h.mu.Unlock()
		message = strings.TrimPrefix(message, "EV_CP_M CP_001 ")
		h.messages = append(h.messages, message)
		next := h.replies[message]
		if len(next) == 0 {
			return accepted
		}
		h.replies[message] = next[1:]
		return next[0]
	})
}

// setReplies sets Central's next replies to a message.
func (h *sessionHarness) setReplies(message string, next ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.replies[message] = next
}

// count is how often a message stands in what received returned.
func count(message, received string) (n int) {
	for _, m := range strings.Split(received, ", ") {
		if m == message {
			n++
		}
	}
	return n
}

// received is what Central received since the last call; equal heartbeats in a row
// stand there once.
func (h *sessionHarness) received() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	messages := h.messages
	h.messages = nil
	return strings.Join(slices.CompactFunc(messages, func(a, b string) bool { return a == b && strings.HasPrefix(a, "heartbeat") }), ", ")
}

// diagnosed is what was diagnosed since the last call.
func (h *sessionHarness) diagnosed() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, d := range h.diagnostics {
		all = append(all, fmt.Sprintf("%s %s %q %d", [...]string{"outage began", "outage ended", "not Central", "report rejected"}[d.Kind], d.Cause, d.Reply, d.Pending))
	}
	h.diagnostics = nil
	return strings.Join(all, ", ")
}

func (h *sessionHarness) want(what, got, want string) {
	h.t.Helper()
	if got != want {
		h.t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}
