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

	"evcp/internal/wait"
	"evcp/internal/wire"
)

// The seed's client dials anew for each question and sends once, without newline.
func TestOneConnectionForEachQuestion(t *testing.T) {
	r := start(t, "ok", func(o *Options) { o.CloseAfterReply = true })
	for range 5 {
		l := r.dial(t)
		l.send(t, question)
		l.hear(t, "OK")
		l.hearEnd(t)
	}
	for _, x := range r.observed(t, 5) {
		if x.Disposition != Closed || string(x.Answer) != "OK" || x.CP != "CP_001" || x.Verb != wire.HealthCheck || x.Err != nil {
			t.Errorf("observed %+v", x)
		}
	}
}

// A habit of closing is not a way to answer: mute stays silent and open.
func TestCloseAfterReplyNeedsAReply(t *testing.T) {
	r := start(t, "mute", func(o *Options) { o.CloseAfterReply = true })
	l := r.dial(t)
	l.send(t, question)
	r.observed(t, 1)
	r.SetBehaviour(parse(t, "ok"))
	l.send(t, question)
	l.hear(t, "OK")
	l.hearEnd(t)
}

func TestBackToBackAndInPieces(t *testing.T) {
	r := start(t, "ok", nil)
	l := r.dial(t)
	l.send(t, greeting+question+question+"\n"+question)
	l.hear(t, "OKOKOK\nOK")
	for i := range len(question) {
		l.send(t, question[i:i+1])
	}
	l.hear(t, "OK")
	l.send(t, strings.Repeat(question+"\n", 200))
	l.hear(t, strings.Repeat("OK\n", 200))
}

// printf … | nc -N: the peer closes its side at once and still gets its answer.
func TestHalfClosed(t *testing.T) {
	r := start(t, "slow=20ms", nil)
	for said, want := range map[string]string{question: "OK", "hello": "KO unknown message", "": ""} {
		l := r.dial(t)
		l.send(t, said)
		l.CloseWrite()
		if got, err := io.ReadAll(l); string(got) != want || err != nil {
			t.Errorf("%q was answered %q, %v", said, got, err)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	const clients, questions = 100, 20
	r := start(t, "ok", nil)
	var all sync.WaitGroup
	for i := range clients {
		l := r.dial(t)
		all.Go(func() {
			for range questions {
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
		return r.Counts()["ok"] == Count{Asked: clients * questions, Answered: clients * questions}
	})
}

// Behaviours change while questions come: each exchange is one behaviour's, whole.
func TestSetBehaviourWhileAsked(t *testing.T) {
	r := start(t, "ok", nil)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, name := range []string{"ok", "ko", "intermittent"} {
		b := parse(t, name)
		all.Go(func() {
			for wait.For(ctx, 10*time.Microsecond) { // a processor that never rests reads no network
				r.SetBehaviour(b)
			}
		})
	}
	l := r.dial(t)
	for range 500 {
		l.send(t, question)
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
		t.Errorf("OpenPort: %v", err)
	}
	e := New(Options{Listen: func() (net.Listener, error) { return nil, syscall.EADDRINUSE }})
	if err := e.Serve(t.Context()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Serve: %v", err)
	}
}

// What is logged: each behaviour and each Monitor once, no check.
func TestLog(t *testing.T) {
	var text logged
	r := start(t, "ok", func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&text, nil)) })
	for range 20 {
		r.ask(t, question)
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
		t.Errorf("last sign %+v", s)
	}
}

type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
