package wait_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"evcp/internal/wait"
)

func TestFor(t *testing.T) {
	for name, c := range map[string]struct {
		wait, life time.Duration // of the pause, of the context; 0: it had ended
		let        bool
		took       time.Duration
	}{
		"its time":               {time.Minute, time.Hour, true, time.Minute},
		"the context's end":      {time.Hour, time.Minute, false, time.Minute},
		"no time":                {0, time.Hour, true, 0},
		"a moment that is past":  {-time.Second, time.Hour, true, 0},
		"a context that is over": {time.Minute, 0, false, 0},
		"nothing to wait for":    {0, 0, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.life)
				defer cancel()
				began := time.Now()
				if let := wait.For(ctx, c.wait); let != c.let {
					t.Errorf("let it: %v", let)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("took %s, want %s", took, c.took)
				}
			})
		})
	}
}
