package engine

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"evcp/internal/tcp"
	"evcp/internal/wire"
)

// TestAnswers has the behaviours that reply at once, byte for byte: raw and as a line, to
// both messages, on one kept connection.
func TestAnswers(t *testing.T) {
	for _, c := range []struct{ behaviour, want string }{
		{"ok", "OK"},
		{"ko", "KO"},
		{"garbage", "\xff\xfe\x80OK\xc0"},
		{"split", "KO"},
		{"say=BROKEN", "BROKEN"},
		{`say="OK 23.5C"`, "OK 23.5C"},
		{`say="KO: TOKEN EXPIRED"`, "KO: TOKEN EXPIRED"},
		{`say="\r\n"`, "\r\n"},
		{"say=" + strings.Repeat("x", wire.MaxMessage), strings.Repeat("x", wire.MaxMessage)},
		{"slow=1ms", "OK"},
	} {
		t.Run(c.behaviour[:min(20, len(c.behaviour))], func(t *testing.T) {
			r := start(t, c.behaviour, nil)
			l := r.dial(t)
			for _, message := range []string{connection, check} {
				l.send(t, message)
				l.expect(t, c.want)
				l.send(t, message+"\n")
				l.expect(t, c.want+"\n")
				l.send(t, message+"\r\n")
				l.expect(t, c.want+"\n")
			}
			l.CloseWrite()
			l.expectClose(t)
		})
	}
}

func TestUnknownMessages(t *testing.T) {
	r := start(t, "ok", nil)
	for _, c := range []struct{ message, want string }{
		{"hello", "KO unknown message"},
		{"hello\n", "KO unknown message\n"},
		{"EV_CP_M CP_001 registration request", "KO unknown message"},
		{"EV_CP_M CP 001 health_check\n", "KO unknown message\n"},
		{"GET / HTTP/1.1\r\n", "KO unknown message\n"},
		{"\xff\xfe", "KO unknown message"},
		{"EV_CP_M CP_001 health", "KO unknown message"}, // after wire.PartialTimeout
	} {
		if got := r.ask(t, c.message); got != c.want {
			t.Errorf("%q was answered %q, want %q", c.message, got, c.want)
		}
	}
	if n := r.Counts()["ok"]; n.Asked != 0 {
		t.Errorf("%d health checks were counted, and there was none", n.Asked)
	}
}

// TestTooLong: a message without end is answered and the connection closed with a FIN.
func TestTooLong(t *testing.T) {
	r := start(t, "ok", nil)
	l := r.dial(t)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		io.WriteString(l, strings.Repeat("x", 1<<20)) // the Engine may close at any byte
	}()
	l.expect(t, "KO unknown message")
	l.expectClose(t)
	l.Close()
	<-sent
	if x := r.observed(t, 1)[0]; x.Disposition != Closed || x.Verb != wire.NoVerb {
		t.Errorf("observed %+v", x)
	}
}

func TestSequences(t *testing.T) {
	for behaviour, want := range map[string]string{
		"intermittent": "OK OK OK KO KO KO OK OK OK KO KO KO OK",
		"delayed-ko":   "OK OK OK OK OK KO KO KO KO",
	} {
		t.Run(behaviour, func(t *testing.T) {
			r := start(t, behaviour, nil)
			for range 2 { // the same behaviour again starts anew
				l := r.dial(t)
				for _, reply := range strings.Fields(want) {
					l.send(t, connection) // does not advance the sequence
					l.expect(t, reply)
					l.send(t, check)
					l.expect(t, reply)
				}
				r.SetBehaviour(parse(t, behaviour))
			}
		})
	}
}

func TestMuteNeverAnswersWhatCameBefore(t *testing.T) {
	r := start(t, "mute", nil)
	l := r.dial(t)
	l.send(t, connection)
	l.send(t, check)
	l.expectNothing(t, 50*time.Millisecond)
	r.observed(t, 2)
	r.SetBehaviour(parse(t, "ok"))
	l.expectNothing(t, 50*time.Millisecond)
	l.send(t, check)
	l.expect(t, "OK")
	l.expectNothing(t, 50*time.Millisecond)
	if n := r.Counts()["mute"]; n != (Count{Asked: 1}) {
		t.Errorf("mute counts %+v", n)
	}
}

// TestSlow: the reply comes late, also when the behaviour has been changed meanwhile.
func TestSlow(t *testing.T) {
	r := start(t, "slow=300ms", nil)
	l := r.dial(t)
	begun := time.Now()
	l.send(t, check)
	eventually(t, func() bool { return r.Counts()["slow=300ms"].Asked == 1 })
	r.SetBehaviour(parse(t, "ko"))
	l.expect(t, "OK")
	if took := time.Since(begun); took < 300*time.Millisecond {
		t.Errorf("replied after %s", took)
	}
	l.send(t, check)
	l.expect(t, "KO")
}

func TestSplitIsTwoSegments(t *testing.T) {
	r := start(t, "split", nil)
	l := r.dial(t)
	l.send(t, check)
	l.expect(t, "K")
	l.expect(t, "O")
	x := r.observed(t, 1)[0]
	if took := x.Done.Sub(x.Asked); took < splitGap {
		t.Errorf("both segments came after %s", took)
	}
}

// TestDrip: a drip goes on until the behaviour is changed, and closes its connection.
func TestDrip(t *testing.T) {
	r := start(t, "drip", nil)
	l := r.dial(t)
	begun := time.Now()
	l.send(t, check)
	l.expect(t, strings.Repeat(" ", 5))
	if took := time.Since(begun); took < 4*dripGap {
		t.Errorf("5 bytes came within %s", took)
	}
	r.SetBehaviour(parse(t, "ok"))
	rest, err := io.ReadAll(l)
	if err != nil || strings.Trim(string(rest), " ") != "" {
		t.Errorf("then came %q, %v", rest, err)
	}
	if x := r.observed(t, 1)[0]; x.Disposition != Closed || len(x.Answer) != 5+len(rest) {
		t.Errorf("observed %+v", x)
	}
}

func TestReset(t *testing.T) {
	r := start(t, "reset", nil)
	l := r.dial(t)
	l.send(t, check)
	if _, err := l.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
	if x := r.observed(t, 1)[0]; x.Disposition != Reset || x.Answer != nil {
		t.Errorf("observed %+v", x)
	}
}

func TestClose(t *testing.T) {
	r := start(t, "close", nil)
	l := r.dial(t)
	l.send(t, check)
	l.expectClose(t)
	if x := r.observed(t, 1)[0]; x.Disposition != Closed || x.Answer != nil {
		t.Errorf("observed %+v", x)
	}
}

// TestRefuse: connections are closed and refused; then the same port is opened again.
func TestRefuse(t *testing.T) {
	r := start(t, "ok", nil)
	l := r.dial(t)
	l.send(t, check)
	l.expect(t, "OK")
	for range 3 {
		r.SetBehaviour(parse(t, "refuse"))
		l.expectClose(t)
		if c, err := net.Dial("tcp", r.binding.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("dialled %v, %v; want a refusal", c, err)
		}
		r.SetBehaviour(parse(t, "ko"))
		l = r.dial(t)
		l.send(t, check)
		l.expect(t, "KO")
	}
}

func TestRefuseFromTheStart(t *testing.T) {
	r := start(t, "refuse", nil)
	eventually(t, func() bool {
		c, err := net.Dial("tcp", r.binding.Addr().String())
		if err == nil {
			c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	r.SetBehaviour(parse(t, "ok"))
	if got := r.ask(t, check); got != "OK" {
		t.Errorf("replied %q", got)
	}
}

// TestPortTakenMeanwhile: the Engine logs once that another process has the port, and
// retries until it has it again.
func TestPortTakenMeanwhile(t *testing.T) {
	var text logBuffer
	r := start(t, "refuse", func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&text, nil)) })
	address := r.binding.Addr().String()
	var other net.Listener
	eventually(t, func() (ok bool) { // as soon as the Engine has given it up
		var err error
		other, err = tcp.Listen(t.Context(), "tcp", address)
		return err == nil
	})
	r.SetBehaviour(parse(t, "ok"))
	eventually(t, func() bool { return strings.Contains(text.String(), "the port can't be had again") })
	other.Close()
	eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	if n := strings.Count(text.String(), "the port can't be had again"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}
