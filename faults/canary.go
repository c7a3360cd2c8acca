package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wait"
)

// probeTolerance is how much a canary must oversleep before the machine counts as busy.
const probeTolerance = 40 * time.Millisecond

// schedProbe is a process that does nothing but wake up, as kindly treated as the
// Monitors are. When it oversleeps, somebody else has the CPU, whether we hired
// them or not, and it prints from when to when.
func schedProbe(ctx context.Context, out io.Writer) {
	for last := time.Now(); wait.For(ctx, wakeInterval); last = time.Now() {
		if woke := time.Now(); woke.Sub(last) > wakeInterval+probeTolerance {
			if _, err := fmt.Fprintln(out, stampOf(last), stampOf(woke)); err != nil {
				return // nobody listens any more
			}
		}
	}
}

// startSchedProbe notes what it sings. Its pipe ends with it.
func (c *campaign) startSchedProbe() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("listen to a canary: %w", err)
	}
	_, err = c.startChild("canary", w, self, partSchedProbe)
	w.Close() //nolint:errcheck // the child has its own
	if err != nil {
		r.Close() //nolint:errcheck // nothing was read
		return err
	}
	c.serving.Go(func() {
		defer r.Close() //nolint:errcheck // as above
		for lines := bufio.NewScanner(r); lines.Scan(); {
			var from, to evcp.Stamp
			if _, err := fmt.Sscan(lines.Text(), &from, &to); err == nil {
				c.truth.addWindow(-1, oracle.Window{Kind: oracle.CPUBusy, From: from, To: to})
				c.truth.addBusy(to.Sub(from))
			}
		}
	})
	return nil
}
