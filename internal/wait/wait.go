// Package wait waits for a time, or polls until a condition holds, and ends early
// with the context.
package wait

import (
	"context"
	"time"
)

// For waits for d; not at all if d is not positive. It returns false if ctx ended first or
// had ended already, else true.
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

// Until calls ok at once and then every interval until it returns true, and reports
// whether it did so before ctx ended.
func Until(ctx context.Context, every time.Duration, ok func() bool) bool {
	for !ok() {
		if !For(ctx, every) {
			return false
		}
	}
	return true
}
