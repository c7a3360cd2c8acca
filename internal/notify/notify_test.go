package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/alert"
	"evcp/internal/bubble"
	"evcp/internal/central"
	"evcp/internal/notify"
	"evcp/internal/simnet"
)

// site is a Central with a Notifier, Monitors and a webhook, in a network in memory.
type site struct {
	t       *testing.T
	net     simnet.Net
	central *central.Central
	notify  *notify.Notifier
	options notify.Options
	hook    *webhook
	stop    func()
}

const file = "webhook+http://hook/alerts?token=abcdefgh#0123456789abcdef"

// newSite runs until the test ends. change may change the options.
func newSite(t *testing.T, change func(*notify.Options)) *site {
	t.Helper()
	s := &site{t: t}
	s.hook = s.listen("hook:80")
	s.options = notify.Options{
		Delays: alert.Delays{After: 30 * time.Second, DisconnectedAfter: 5 * time.Minute, Repeat: 4 * time.Hour},
		Locale: func(string) alert.Locale { return alert.Locale{Zone: time.UTC} },
		Dial:   s.net.DialContext, Receivers: receivers(t, file), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(&s.options)
	}
	s.start()
	t.Cleanup(func() { s.stop(); s.hook.server.Close(); synctest.Wait() })
	return s
}

func receivers(t *testing.T, text string) func() []alert.Receiver {
	t.Helper()
	all, err := alert.ParseReceivers(text)
	if err != nil {
		t.Fatal(err)
	}
	return func() []alert.Receiver { return all }
}

// start starts Central and the Notifier; s.stop ends them.
func (s *site) start() {
	s.t.Helper()
	var err error
	if s.central, err = central.New(central.Options{StateDir: s.options.StateDir}); err != nil {
		s.t.Fatal(err)
	}
	ln, err := s.net.Listen("central")
	if err != nil {
		s.t.Fatal(err)
	}
	s.options.Central = s.central
	s.notify = notify.New(s.options)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.central.Serve(ctx, ln); err != nil {
			s.t.Error(err)
		}
	})
	running.Go(func() { s.notify.Run(ctx) })
	s.stop = func() {
		cancel()
		running.Wait()
		if err := s.central.Close(); err != nil {
			s.t.Error(err)
		}
	}
}

// monitor sends heartbeats for one charge point until it is stopped.
type monitor struct {
	cp     evcp.CPID
	status func() string
	cancel context.CancelFunc
	done   chan struct{}
}

// watch starts a Monitor whose heartbeats say what status says.
func (s *site) watch(cp evcp.CPID, status func() string) *monitor {
	ctx, cancel := context.WithCancel(context.Background())
	m := &monitor{cp, status, cancel, make(chan struct{})}
	conn, err := s.net.DialContext(ctx, "tcp", "central")
	if err != nil {
		s.t.Fatal(err)
	}
	say := func(message string) {
		fmt.Fprintf(conn, "EV_CP_M %s %s\n", cp, message)
		reply := make([]byte, 200)
		_, _ = conn.Read(reply)
	}
	say("registration request")
	go func() {
		defer close(m.done)
		defer conn.Close()
		for {
			say("heartbeat " + status())
			select {
			case <-ctx.Done():
				say("disconnect")
				return
			case <-time.After(5 * time.Second):
			}
		}
	}()
	return m
}

func (m *monitor) stop() { m.cancel(); <-m.done }

func cp(n int) evcp.CPID { return evcp.CPID(fmt.Sprintf("CP_%03d", n)) }

// webhook takes bodies, or does as answer says.
type webhook struct {
	server *http.Server
	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request) bool // false: the body is not taken
	bodies []alert.Body
}

func (s *site) listen(address string) *webhook {
	s.t.Helper()
	ln, err := s.net.Listen(address)
	if err != nil {
		s.t.Fatal(err)
	}
	h := &webhook{}
	h.server = &http.Server{Handler: h, ErrorLog: nil}
	go func() { _ = h.server.Serve(ln) }()
	return h
}

func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body)) // for answer
	h.mu.Lock()
	answer := h.answer
	h.mu.Unlock()
	if answer != nil && !answer(w, r) {
		return
	}
	var b alert.Body
	if err := json.Unmarshal(body, &b); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bodies = append(h.bodies, b)
}

func (h *webhook) set(answer func(http.ResponseWriter, *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

// got is what arrived, one line each.
func (h *webhook) got() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	for _, b := range h.bodies {
		lines = append(lines, string(b.Kind)+" "+b.Title)
	}
	return strings.Join(lines, "\n")
}

func (h *webhook) want(t *testing.T, lines ...string) {
	t.Helper()
	if got, want := h.got(), strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A whole site that is down for ten minutes is one message and one recovery.
func TestWholeSiteIsOneMessage(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newSite(t, nil)
		var mu sync.Mutex
		status := "OK"
		say := func() string { mu.Lock(); defer mu.Unlock(); return status }
		set := func(text string) { mu.Lock(); defer mu.Unlock(); status = text }
		for n := range 40 {
			m := s.watch(cp(n+1), say)
			t.Cleanup(m.stop)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		set("CONNECTION_ERROR")
		time.Sleep(10 * time.Minute)
		s.hook.want(t, "opened 40 charge points faulted")
		set("OK")
		time.Sleep(10 * time.Minute)
		s.hook.want(t, "opened 40 charge points faulted", "recovered 40 charge points well again, after 10m4s")
		if r := s.notify.Report(); r.Incidents != 0 || r.Receivers[0].Sent != 2 || r.Receivers[0].Waiting != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// A rolling restart of forty Monitors wakes nobody.
func TestRollingRestartIsNoMessage(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newSite(t, nil)
		ok := func() string { return "OK" }
		monitors := make([]*monitor, 40)
		for n := range monitors {
			monitors[n] = s.watch(cp(n), ok)
		}
		time.Sleep(time.Minute)
		for n, m := range monitors {
			m.stop()
			time.Sleep(20 * time.Second)
			monitors[n] = s.watch(cp(n), ok)
		}
		time.Sleep(time.Hour)
		s.hook.want(t)
		for _, m := range monitors {
			m.stop()
		}
	})
}
