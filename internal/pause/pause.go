// Package pause waits. A wait ends with its time or with its context, whichever
// comes first, and leaves no timer behind.
package pause

import (
	"context"
	"time"
)

// For waits for d, at once over if d is not positive, and reports whether ctx let
// it: false means that ctx ended first, or had ended already.
func For(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
