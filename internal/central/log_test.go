package central

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"evcp/internal/wire"
)

// TestTheLogTellsWhatWasBeforeIt lets charge points move before the log begins to
// watch: a Monitor may be faster than the goroutine that tells of it.
func TestTheLogTellsWhatWasBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c, err := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		v := newSource("10.0.0.1:4711")
		c.board.receiveNow(v, "CP_001", wire.Registration, 0)
		c.board.receiveNow(v, "CP_001", wire.EngineFailure, 0)
		ctx, stop := context.WithCancel(t.Context())
		var telling sync.WaitGroup
		telling.Go(func() { c.logChanges(ctx) })
		synctest.Wait()
		for _, want := range []string{"activated: registered from 10.0.0.1", "faulted: ENGINE_FAILURE"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("did not tell %q:\n%s", want, log.String())
			}
		}
		stop()
		telling.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
