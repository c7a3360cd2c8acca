package central

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/central/conngroup"
	"evcp/internal/wire"
)

// Changes before logChanges began are logged too: a Monitor may be faster than the
// start of that goroutine.
func TestEarlyChangesAreLogged(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var log bytes.Buffer
		c, err := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		v := newConnRecord("10.0.0.1:4711", time.Now())
		c.board.receiveNow(v, "CP_001", wire.Registration, 0)
		c.board.receiveNow(v, "CP_001", wire.EngineFailure, 0)
		ctx, stop := context.WithCancel(t.Context())
		var logging sync.WaitGroup
		logging.Go(func() { c.logChanges(ctx) })
		synctest.Wait()
		for _, want := range []string{"activated: registered from 10.0.0.1", "faulted: ENGINE_FAILURE"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("did not log %q:\n%s", want, log.String())
			}
		}
		stop()
		logging.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestChangesAreLoggedInOrder: each has a line, and those before the log began have none.
func TestChangesAreLoggedInOrder(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var log lockedLog
		c, err := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		v := newConnRecord("10.0.0.1:1", time.Now())
		c.board.receiveNow(v, "CP_000", wire.Registration, 0)
		c.logFrom = c.board.changes.next
		ctx, cancel := context.WithCancel(t.Context())
		go c.logChanges(ctx)
		c.board.receiveNow(v, "CP_001", wire.Registration, 0)
		time.Sleep(66 * time.Second)
		c.board.receiveNow(v, "CP_001", wire.EngineFailure, 0)
		time.Sleep(66 * time.Second)
		c.board.receiveNow(v, "CP_001", wire.Heartbeat, evcp.OK)
		c.board.receiveNow(v, "CP_001", wire.Disconnect, 0)
		synctest.Wait()
		cancel()
		synctest.Wait()
		var got []string
		for line := range strings.Lines(log.text()) {
			_, text, _ := strings.Cut(line, "msg=")
			text, _, _ = strings.Cut(text, " shape=")
			got = append(got, text)
		}
		want := []string{`"activated: registered from 10.0.0.1"`, `"faulted: ENGINE_FAILURE"`, `"activated after 1m6s"`, `"disconnected: its Monitor said goodbye"`}
		if !slices.Equal(got, want) {
			t.Errorf("logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestAStormInTheLogIsCounted: of ten thousand charge points that are lost in one second, the
// first have a line each, and one line counts the others. None is left out of both.
func TestAStormInTheLogIsCounted(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var log lockedLog
		c, err := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), LogLines: 3})
		if err != nil {
			t.Fatal(err)
		}
		const cps = 10_000
		v := newConnRecord("10.0.0.1:4711", time.Now())
		send := func(verb wire.Verb, s evcp.Status) {
			for n := range cps {
				c.board.receiveNow(v, evcp.CPID(fmt.Sprint("CP_", n)), verb, s)
			}
		}
		send(wire.Registration, 0)
		send(wire.Heartbeat, evcp.OK)
		c.logFrom = c.board.changes.next
		ctx, stop := context.WithCancel(t.Context())
		go c.logChanges(ctx)
		c.board.receiveNow(v, "CP_0", wire.Heartbeat, evcp.KO)
		c.board.receiveNow(v, "CP_0", wire.Heartbeat, evcp.OK)
		c.board.drop(v, time.Now())
		time.Sleep(conngroup.Grace)
		c.board.expireConnections(time.Now())
		time.Sleep(2 * time.Second)
		stop()
		synctest.Wait()
		for want, times := range map[string]int{
			`"disconnected: its Monitor left without a word"`: 3, fmt.Sprintf(`"%d more disconnected in this second" shape=gone state=disconnected charge_points=%d`, cps-3, cps-3): 1,
			`"faulted: heartbeat KO"`: 1, "activated after": 1, "msg=": 6,
		} {
			if n := strings.Count(log.text(), want); n != times {
				t.Errorf("%s is logged %d times, want %d:\n%.2000s", want, n, times, log.text())
			}
		}
	})
}

// TestDoubtsAreLogged: a charge point that becomes unverified has a line, and one when it is
// so no more. Thousands at once have few.
func TestDoubtsAreLogged(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var log lockedLog
		c, err := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var supervising sync.WaitGroup
		supervising.Go(func() { c.superviseCPs(ctx) })
		v := newConnRecord("10.0.0.1:4711", time.Now())
		said := func(want string, times int) {
			t.Helper()
			synctest.Wait()
			if n := strings.Count(log.text(), want); n != times {
				t.Errorf("%q is logged %d times, want %d:\n%.2000s", want, n, times, log.text())
			}
		}
		c.board.receiveNow(v, "CP_001", wire.Registration, 0)
		time.Sleep(5 * time.Minute)
		said(`"unverified: it sends no heartbeats, and no other message for a minute" shape=unknown cp=CP_001 state=activated reason=no_message peer=10.0.0.1:4711`, 1)
		c.board.receiveNow(v, "CP_001", wire.Registration, 0)
		time.Sleep(2 * time.Second)
		said(`level=INFO msg="verified again" shape=note cp=CP_001 state=activated reason=no_message`, 1)
		for range 15 {
			c.board.receiveNow(v, "CP_002", wire.Registration, 0)
			c.board.receiveNow(v, "CP_002", wire.Heartbeat, evcp.Monitoring)
			time.Sleep(time.Second)
		}
		said(`"unverified: its Monitor can't check the Engine" shape=unknown cp=CP_002`, 1)
		c.board.receiveNow(v, "CP_002", wire.Heartbeat, evcp.KO) // the change of state says it
		time.Sleep(2 * time.Second)
		said("verified again", 1)

		time.Sleep(2 * time.Minute) // CP_001 and CP_002 have had their lines
		log.reset()
		for i := range 2000 {
			c.board.receiveNow(v, evcp.CPID(fmt.Sprintf("X_%d", i)), wire.Registration, 0)
		}
		time.Sleep(70 * time.Second)
		said("unverified: ", warningsPerMinute)
		time.Sleep(time.Minute)
		c.board.receiveNow(v, "X_1", wire.Registration, 0)
		time.Sleep(2 * time.Second)
		said(fmt.Sprintf("withheld=%d", 2000-warningsPerMinute), 1)
		stop()
		supervising.Wait()
	})
}

// lockedLog is a log that is read while it is written.
type lockedLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lockedLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lockedLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Reset()
}

func TestRateLimiter(t *testing.T) {
	var l rateLimiter
	now := time.Now()
	allowed := 0
	for range 1000 {
		if _, ok := l.allow(now); ok {
			allowed++
		}
	}
	if allowed != warningsPerMinute {
		t.Errorf("%d lines in a minute", allowed)
	}
	if suppressed, ok := l.allow(now.Add(time.Minute)); !ok || suppressed != 1000-warningsPerMinute {
		t.Errorf("the next minute begins with %v, %d suppressed", ok, suppressed)
	}
	if suppressed, ok := l.allow(now.Add(time.Minute)); !ok || suppressed != 0 {
		t.Errorf("they are counted once: %v, %d", ok, suppressed)
	}
}
