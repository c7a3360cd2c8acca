package central

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"evcp/internal/wire"
)

// Changes before logChanges began are logged too: a Monitor may be faster than the
// start of that goroutine.
func TestEarlyChangesAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
