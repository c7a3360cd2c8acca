package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"evcp"

	"evcp/internal/wait"
	"evcp/internal/wire"
)

// TestOneConnectionForEachMessage is what the seed's client does.
func TestOneConnectionForEachMessage(t *testing.T) {
	r := start(t, "ok", func(o *Options) { o.CloseAfterReply = true })
	for range 5 {
		l := r.dial(t)
		l.send(t, check)
		l.expect(t, "OK")
		l.expectClose(t)
	}
	for _, x := range r.observed(t, 5) {
		if x.Disposition != Closed || string(x.Answer) != "OK" || x.CP != "CP_001" || x.Verb != wire.HealthCheck || x.Err != nil {
			t.Errorf("observed %+v", x)
		}
	}
}

// TestCloseAfterReplyNeedsAReply: mute sends nothing and stays open.
func TestCloseAfterReplyNeedsAReply(t *testing.T) {
	r := start(t, "mute", func(o *Options) { o.CloseAfterReply = true })
	l := r.dial(t)
	l.send(t, check)
	r.observed(t, 1)
	r.SetBehaviour(parse(t, "ok"))
	l.send(t, check)
	l.expect(t, "OK")
	l.expectClose(t)
}

func TestBackToBackAndInPieces(t *testing.T) {
	r := start(t, "ok", nil)
	l := r.dial(t)
	l.send(t, connection+check+check+"\n"+check)
	l.expect(t, "OKOKOK\nOK")
	for i := range len(check) {
		l.send(t, check[i:i+1])
	}
	l.expect(t, "OK")
	l.send(t, strings.Repeat(check+"\n", 200))
	l.expect(t, strings.Repeat("OK\n", 200))
}

// TestHalfClosed: a peer that closes its side at once, as nc -N, still gets its reply.
func TestHalfClosed(t *testing.T) {
	r := start(t, "slow=20ms", nil)
	for message, want := range map[string]string{check: "OK", "hello": "KO unknown message", "": ""} {
		l := r.dial(t)
		l.send(t, message)
		l.CloseWrite()
		if got, err := io.ReadAll(l); string(got) != want || err != nil {
			t.Errorf("%q was answered %q, %v", message, got, err)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	const clients, checks = 100, 20
	r := start(t, "ok", nil)
	var all sync.WaitGroup
	for i := range clients {
		l := r.dial(t)
		all.Go(func() {
			for range checks {
				if _, err := fmt.Fprintf(l, "EV_CP_M CP_%03d health_check", i); err != nil {
					t.Error(err)
				}
				got := make([]byte, 2)
				if _, err := io.ReadFull(l, got); err != nil || string(got) != "OK" {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
	all.Wait()
	eventually(t, func() bool {
		return r.Counts()["ok"] == Count{Asked: clients * checks, Answered: clients * checks}
	})
}

// TestSetBehaviourWhileAsked: each reply is of one behaviour.
func TestSetBehaviourWhileAsked(t *testing.T) {
	r := start(t, "ok", nil)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, name := range []string{"ok", "ko", "intermittent"} {
		b := parse(t, name)
		all.Go(func() {
			for wait.For(ctx, 10*time.Microsecond) { // without a pause nobody polls the network
				r.SetBehaviour(b)
			}
		})
	}
	l := r.dial(t)
	for range 500 {
		l.send(t, check)
		got := make([]byte, 2)
		if _, err := io.ReadFull(l, got); err != nil || string(got) != "OK" && string(got) != "KO" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	stop()
	all.Wait()
	for _, x := range r.observed(t, 500) {
		if x.Behaviour == "ok" && string(x.Answer) != "OK" || x.Behaviour == "ko" && string(x.Answer) != "KO" {
			t.Errorf("observed %+v", x)
		}
	}
}

func TestServeNeedsItsPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := Bind(t.Context(), taken.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("Bind: %v", err)
	}
	e := New(Options{Listen: func() (net.Listener, error) { return nil, syscall.EADDRINUSE }})
	if err := e.Serve(t.Context()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Serve: %v", err)
	}
}

// TestLog: each behaviour and each Monitor is logged once, checks are not.
func TestLog(t *testing.T) {
	var text logBuffer
	r := start(t, "ok", func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&text, nil)) })
	for range 20 {
		r.ask(t, check)
	}
	r.SetBehaviour(parse(t, "mute"))
	eventually(t, func() bool { return strings.Contains(text.String(), "Monitor connected") })
	got := text.String()
	if n := strings.Count(got, "\n"); n != 2 {
		t.Errorf("%d lines:\n%s", n, got)
	}
	for _, want := range []string{`msg="behaviour mute: reads and never answers" behaviour=mute before=ok`, `msg="Monitor connected" cp=CP_001`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if s := r.LastContact(); s.CP != "CP_001" || s.At.IsZero() {
		t.Errorf("last contact %+v", s)
	}
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestMonitorChanges(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second))) }
	m := newMonitorSet(0)
	expect := func(s float64, came, left string) {
		t.Helper()
		c, l := m.changes(at(s))
		if fmt.Sprint(c) != came || fmt.Sprint(l) != left {
			t.Errorf("after %v s: %v came, %v left; want %s, %s", s, c, l, came, left)
		}
	}
	m.received("B", at(0))
	m.received("A", at(0))
	expect(0, "[A B]", "[]")
	expect(0.1, "[]", "[]")
	m.received("A", at(4))
	expect(5.1, "[]", "[B]")
	expect(15.9, "[]", "[]") // A's own gap was 4 s
	expect(16.1, "[]", "[A]")
	m.received("B", at(20)) // from now on its own gap is 20 s
	expect(20, "[B]", "[]")
	expect(79, "[]", "[]")
	m.restart(at(79))
	expect(138, "[]", "[]")
	expect(140, "[]", "[B]")
}

func TestMonitorsAreBounded(t *testing.T) {
	m := newMonitorSet(0)
	for i := range 3 * maxMonitors {
		m.received(evcp.CPID(fmt.Sprint("CP_", i)), time.Unix(0, 0))
	}
	if len(m.byCP) != maxMonitors {
		t.Errorf("%d Monitors", len(m.byCP))
	}
}
