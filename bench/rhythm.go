package main

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// rhythm is when an Engine was asked, or when somebody woke.
type rhythm struct {
	name  string
	every time.Duration // as it should be
	takes time.Duration // the Engine, for an answer
	ices  bool          // the broker is frozen meanwhile

	mu    sync.Mutex // guards asked
	asked []time.Time
}

func (r *rhythm) note(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, at)
}

// reset forgets what came while everything started.
func (r *rhythm) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = nil
}

// beats are the figures of a rhythm.
type beats struct {
	off    spread      // each interval from what it should be, ms
	missed []time.Time // when a check was due that never came
	drift  float64     // the last check from where the first one puts it, ms
}

// beats takes an interval of two seconds for a missed check, not for one that is
// a second late: the Monitor makes up for none, and says so in an event.
func (r *rhythm) beats() beats {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b beats
	for i := 1; i < len(r.asked); i++ {
		due := r.asked[i-1].Add(r.every)
		for ; r.asked[i].Sub(due) > r.every/2; due = due.Add(r.every) {
			b.missed = append(b.missed, due)
		}
		b.off.add(math.Abs(millis(r.asked[i].Sub(due))))
	}
	if n := len(r.asked); n > 0 {
		expected := float64(n-1+len(b.missed)) * millis(r.every)
		b.drift = millis(r.asked[n-1].Sub(r.asked[0])) - expected
	}
	return b
}

// A sleeper that wakes stallAfter too late shows that the machine stood still, at
// least for it. Nearby says how exactly two programs stand still at once.
const (
	stallAfter = 30 * time.Millisecond
	nearby     = 50 * time.Millisecond
)

// stoodStill reports whether the rhythm has a hole at that moment.
func (r *rhythm) stoodStill(at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := 1; i < len(r.asked); i++ {
		hole := r.asked[i].Sub(r.asked[i-1]) > r.every+stallAfter
		if hole && at.After(r.asked[i-1].Add(-nearby)) && at.Before(r.asked[i].Add(nearby)) {
			return true
		}
	}
	return false
}

// latenessTable shows the sleepers too; the last of them, the one that sleeps the
// least at a time, is the witness for every missed check.
func latenessTable(all, sleepers []*rhythm) table {
	t := table{name: "lateness", title: "Intervals between checks: distance from what they should be, ms",
		head: []string{"", "intervals", "p50", "p99", "max", "drift over all", "missed", "while a sleeper stood still too"}}
	witness := sleepers[len(sleepers)-1]
	for _, r := range slices.Concat(all, sleepers) {
		b := r.beats()
		excused := 0
		for _, due := range b.missed {
			if witness.stoodStill(due) {
				excused++
			}
		}
		t.add(r.name, fmt.Sprint(len(b.off)), figure(b.off.median()), figure(b.off.at(0.99)), figure(b.off.max()), figure(b.drift),
			fmt.Sprint(len(b.missed)), fmt.Sprint(excused))
	}
	return t
}
