package systemd

import (
	"context"
	"time"
)

// Activity is what systemd is told of. Its functions may not wait.
type Activity struct {
	// Started reports whether the work has begun. It is asked until it has.
	Started func() bool
	// LastDone is when a piece of work was last completed; the zero time is never.
	// Only a newer one is a sign of life.
	LastDone func() time.Time
	// MaxPause is how long the work may take to complete its next piece when all
	// is well. Systemd is asked to wait at least twice as long.
	MaxPause time.Duration
	// StatusLine is what systemctl status shows.
	StatusLine func() string
}

const (
	askOften = 50 * time.Millisecond // until the work has begun
	askSome  = 2500 * time.Millisecond
)

// Run tells systemd of the work until ctx ends, and then that it stops.
func (n *Notifier) Run(ctx context.Context, w Activity) {
	if n == nil {
		return
	}
	defer n.Stopping()
	n.ExtendWatchdog(2 * w.MaxPause)
	every := askSome
	if n.watchdog > 0 {
		every = min(every, n.watchdog/4)
	}
	t := notifierState{n: n, work: w}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if t.look() {
			timer.Reset(every)
		} else {
			timer.Reset(askOften)
		}
	}
}

// notifierState remembers what systemd knows.
type notifierState struct {
	n     *Notifier
	work  Activity
	begun bool
	done  time.Time
	line  string
}

// look tells what is new and reports whether the work has begun.
func (t *notifierState) look() (begun bool) {
	if !t.begun && t.work.Started() {
		t.begun = true
		t.n.Ready()
	}
	if done := t.work.LastDone(); done.After(t.done) {
		t.done = done
		t.n.KeepAlive()
	}
	if line := t.work.StatusLine(); line != t.line {
		t.line = line
		t.n.Status(line)
	}
	return t.begun
}
