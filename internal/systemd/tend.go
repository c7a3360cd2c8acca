package systemd

import (
	"context"
	"time"
)

// Work is what systemd is told of. Its functions may not wait.
type Work struct {
	// Begun reports whether the work has begun. It is asked until it has.
	Begun func() bool
	// Done is when a piece of work was last completed; the zero time is never.
	// Only a newer one is a sign of life.
	Done func() time.Time
	// Patience is how long the work may take to complete its next piece when all
	// is well. Systemd is asked to wait at least twice as long.
	Patience time.Duration
	// Line is what systemctl status shows.
	Line func() string
}

const (
	askOften = 50 * time.Millisecond // until the work has begun
	askSome  = 2500 * time.Millisecond
)

// Tend tells systemd of the work until ctx ends, and then that it stops.
func (n *Notifier) Tend(ctx context.Context, w Work) {
	if n == nil {
		return
	}
	defer n.Stopping()
	n.Patience(2 * w.Patience)
	every := askSome
	if n.watchdog > 0 {
		every = min(every, n.watchdog/4)
	}
	t := tender{n: n, work: w}
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

// tender remembers what systemd knows.
type tender struct {
	n     *Notifier
	work  Work
	begun bool
	done  time.Time
	line  string
}

// look tells what is new and reports whether the work has begun.
func (t *tender) look() (begun bool) {
	if !t.begun && t.work.Begun() {
		t.begun = true
		t.n.Ready()
	}
	if done := t.work.Done(); done.After(t.done) {
		t.done = done
		t.n.Alive()
	}
	if line := t.work.Line(); line != t.line {
		t.line = line
		t.n.Status(line)
	}
	return t.begun
}
