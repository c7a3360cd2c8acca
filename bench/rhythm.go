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
	off    spread  // each interval from what it should be, ms
	missed []miss  // checks that never came
	drift  float64 // the last check from where the first one puts it, ms
}

// miss is when a check was due, by the check before it and by the one after it:
// either may itself have been late.
type miss [2]time.Time

// excused reports whether the sleeper stood still then. Two programs do not stand
// still at exactly the same moment.
func (m miss) excused(sleeper *rhythm) bool {
	const nearby = 50 * time.Millisecond
	from, to := m[0], m[1]
	if from.After(to) {
		from, to = to, from
	}
	return sleeper.stoodStill(from.Add(-nearby), to.Add(nearby))
}

// beats takes an interval of two seconds for a missed check, not for one that is
// a second late: the Monitor makes up for none, and says so in an event.
func (r *rhythm) beats() beats {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b beats
	for i := 1; i < len(r.asked); i++ {
		due, first := r.asked[i-1].Add(r.every), len(b.missed)
		for ; r.asked[i].Sub(due) > r.every/2; due = due.Add(r.every) {
			b.missed = append(b.missed, miss{due})
		}
		late := r.asked[i].Sub(due)
		for n := first; n < len(b.missed); n++ {
			b.missed[n][1] = b.missed[n][0].Add(late)
		}
		b.off.add(math.Abs(millis(late)))
	}
	if n := len(r.asked); n > 0 {
		expected := float64(n-1+len(b.missed)) * millis(r.every)
		b.drift = millis(r.asked[n-1].Sub(r.asked[0])) - expected
	}
	return b
}

// hole is how long a sleeper stands still before it shows that the machine did, at
// least for it.
const hole = 50 * time.Millisecond

// stoodStill reports whether the rhythm has a hole between two moments.
func (r *rhythm) stoodStill(from, to time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := 1; i < len(r.asked); i++ {
		still := r.asked[i].Sub(r.asked[i-1]) > r.every+hole
		if still && r.asked[i-1].Before(to) && r.asked[i].After(from) {
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
	for i, r := range slices.Concat(all, sleepers) {
		b := r.beats()
		drift := figure(b.drift)
		if i >= len(all) {
			drift = "–" // nothing depends on it
		}
		excused := 0
		for _, m := range b.missed {
			if m.excused(witness) {
				excused++
			}
		}
		t.add(r.name, fmt.Sprint(len(b.off)), figure(b.off.median()), figure(b.off.at(0.99)), figure(b.off.max()), drift,
			fmt.Sprint(len(b.missed)), fmt.Sprint(excused))
	}
	return t
}
