package wait_test

import (
	"context"
	"testing"
	"time"

	"evcp/internal/bubble"
	"evcp/internal/wait"
)

func TestFor(t *testing.T) {
	for name, c := range map[string]struct {
		wait, ctx time.Duration // how long to wait, when the context ends; 0: it had ended
		want      bool
		took      time.Duration
	}{
		"its time":               {time.Minute, time.Hour, true, time.Minute},
		"the context's end":      {time.Hour, time.Minute, false, time.Minute},
		"no time":                {0, time.Hour, true, 0},
		"a moment that is past":  {-time.Second, time.Hour, true, 0},
		"a context that is over": {time.Minute, 0, false, 0},
		"nothing to wait for":    {0, 0, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.ctx)
				defer cancel()
				began := time.Now()
				if got := wait.For(ctx, c.wait); got != c.want {
					t.Errorf("%v, want %v", got, c.want)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("took %s, want %s", took, c.took)
				}
			})
		})
	}
}

func TestUntil(t *testing.T) {
	for name, c := range map[string]struct {
		ctx   time.Duration // after which the context ends; 0: it had ended
		calls int           // the call that returns true; 0: none
		want  bool
		took  time.Duration
	}{
		"the first call":             {time.Hour, 1, true, 0},
		"a later call":               {time.Hour, 4, true, 3 * time.Minute},
		"the context ends":           {150 * time.Second, 0, false, 150 * time.Second},
		"a context that is over":     {0, 0, false, 0},
		"true although that is over": {0, 1, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.ctx)
				defer cancel()
				began, calls := time.Now(), 0
				got := wait.Until(ctx, time.Minute, func() bool { calls++; return calls == c.calls })
				if got != c.want || time.Since(began) != c.took {
					t.Errorf("%v after %s and %d calls, want %v after %s", got, time.Since(began), calls, c.want, c.took)
				}
			})
		})
	}
}
