package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"syscall"
	"time"

	"evcp/internal/wait"
)

// tickRecorder records when an Engine was checked, or when a sleeper woke: a
// goroutine that does nothing but sleep, and shows when the machine stood still.
type tickRecorder struct {
	name   string
	every  time.Duration // the interval it should have
	delay  time.Duration // of the Engine's replies
	frozen bool          // the broker is

	mu    sync.Mutex // guards ticks
	ticks []time.Time
}

// measureLateness watches three Engines at the same time, and beside them sleepers:
// their lateness is the machine's and not a Monitor's.
func measureLateness(ctx context.Context, h *harness) ([]resultTable, error) {
	central, err := h.central(ctx)
	if err != nil {
		return nil, err
	}
	monitors := []*tickRecorder{
		{name: "calm", every: time.Second},
		{name: "broker frozen (SIGSTOP)", every: time.Second, frozen: true},
		{name: "Engine takes 300 ms", every: time.Second, delay: 300 * time.Millisecond},
	}
	for i, r := range monitors {
		if err := h.recordChecks(ctx, r, fmt.Sprintf("CP_%d", i), central); err != nil {
			return nil, err
		}
	}
	if !wait.For(ctx, h.sizes.warmup) {
		return nil, ctx.Err()
	}
	for _, r := range monitors {
		r.reset()
	}
	sleepers := []*tickRecorder{
		{name: "only sleeping, 1 s at a time", every: time.Second},
		{name: "only sleeping, 10 ms at a time", every: 10 * time.Millisecond},
	}
	var sleeping sync.WaitGroup
	for _, r := range sleepers {
		sleeping.Go(func() { r.sleep(ctx, h.sizes.intervals) })
	}
	sleeping.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return []resultTable{latenessTable(monitors, sleepers)}, nil
}

// recordChecks starts a Monitor with an Engine and a broker of its own. A broker is
// frozen after the Monitor's warm-up.
func (h *harness) recordChecks(ctx context.Context, r *tickRecorder, cp, central string) error {
	broker, port, err := h.broker(ctx)
	if err != nil {
		return err
	}
	engine, err := h.peer(false, engineReplies(r.delay, r.add))
	if err != nil {
		return err
	}
	if _, err := (monitorConfig{cp: cp, central: central, broker: port}).start(ctx, h, engine); err != nil {
		return err
	}
	if r.frozen {
		wait.For(ctx, h.sizes.warmup)
		broker.Signal(syscall.SIGSTOP)
		h.onClose(func() { broker.Signal(syscall.SIGCONT) })
	}
	return nil
}

func (r *tickRecorder) add(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ticks = append(r.ticks, at)
}

// reset discards the ticks of the warm-up.
func (r *tickRecorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ticks = nil
}

// sleep records the ticks of a sleeper for d. Like a Monitor it leaves out a tick
// that it notices too late, and does not repeat it.
func (r *tickRecorder) sleep(ctx context.Context, d time.Duration) {
	start, tooLate := time.Now(), max(r.every/10, 50*time.Millisecond)
	for at := time.Duration(0); at <= d; at = time.Since(start).Truncate(r.every) + r.every {
		if !wait.For(ctx, time.Until(start.Add(at))) {
			return
		}
		if now := time.Now(); now.Sub(start.Add(at)) <= tooLate {
			r.add(now)
		}
	}
}

// stoodStill reports whether a sleeper slept more than 50 ms too long at some time
// between two times: then the machine stood still, at least for this process.
func (r *tickRecorder) stoodStill(from, to time.Time) bool {
	const tooLong = 50 * time.Millisecond
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := 1; i < len(r.ticks); i++ {
		still := r.ticks[i].Sub(r.ticks[i-1]) > r.every+tooLong
		if still && r.ticks[i-1].Before(to) && r.ticks[i].After(from) {
			return true
		}
	}
	return false
}

// intervalStats compare the intervals between ticks with what they should be.
type intervalStats struct {
	deviations samples       // of each interval, ms
	missed     []missedCheck // ticks without a check
	drift      float64       // of the last tick, reckoned from the first, ms
}

// missedCheck is when a check was due, reckoned from the check before it and from
// the one after it: either may itself have been late.
type missedCheck [2]time.Time

// excused reports whether a sleeper stood still about then; two processes do not
// stop at exactly the same time.
func (m missedCheck) excused(sleeper *tickRecorder) bool {
	const nearby = 50 * time.Millisecond
	from, to := m[0], m[1]
	if from.After(to) {
		from, to = to, from
	}
	return sleeper.stoodStill(from.Add(-nearby), to.Add(nearby))
}

// stats counts an interval of two seconds as a missed check, not as a check that is
// a second late: a Monitor does not make up for a missed tick, and reports it in an
// event.
func (r *tickRecorder) stats() intervalStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s intervalStats
	for i := 1; i < len(r.ticks); i++ {
		due, first := r.ticks[i-1].Add(r.every), len(s.missed)
		for ; r.ticks[i].Sub(due) > r.every/2; due = due.Add(r.every) {
			s.missed = append(s.missed, missedCheck{due})
		}
		late := r.ticks[i].Sub(due)
		for n := first; n < len(s.missed); n++ {
			s.missed[n][1] = s.missed[n][0].Add(late)
		}
		s.deviations.add(math.Abs(millis(late)))
	}
	if n := len(r.ticks); n > 0 {
		expected := float64(n-1+len(s.missed)) * millis(r.every)
		s.drift = millis(r.ticks[n-1].Sub(r.ticks[0])) - expected
	}
	return s
}

// latenessTable has the sleepers' rows too. The last sleeper, which sleeps the least
// at a time, excuses missed checks.
func latenessTable(monitors, sleepers []*tickRecorder) resultTable {
	t := resultTable{name: "lateness", title: "Intervals between checks: deviation from what they should be, ms",
		head: []string{"", "intervals", "p50", "p99", "max", "drift over all", "missed", "of them while the 10 ms sleeper stood still"}}
	finest := sleepers[len(sleepers)-1]
	for i, r := range slices.Concat(monitors, sleepers) {
		s := r.stats()
		drift := figure(s.drift)
		if i >= len(monitors) {
			drift = "–" // a sleeper's drift affects nothing
		}
		excused := 0
		for _, m := range s.missed {
			if m.excused(finest) {
				excused++
			}
		}
		t.add(r.name, fmt.Sprint(len(s.deviations)), figure(s.deviations.median()), figure(s.deviations.percentile(0.99)), figure(s.deviations.max()), drift,
			fmt.Sprint(len(s.missed)), fmt.Sprint(excused))
	}
	return t
}
