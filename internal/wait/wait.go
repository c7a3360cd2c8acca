// Package wait waits for a time, or polls until a condition holds, and ends early
// with the context.
package wait

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

// Until calls ok every interval, the first time at once, until it answers true.
// It reports whether ok did so before ctx ended.
func Until(ctx context.Context, every time.Duration, ok func() bool) bool {
	for !ok() {
		if !For(ctx, every) {
			return false
		}
	}
	return true
}
