package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"evcp/internal/wait"
)

// Script is a list of steps in the order of time, repeated every Round.
type Script struct {
	Round time.Duration
	Steps []ScriptStep
}

// ScriptStep is one thing that happens, and what the banner says of it beforehand.
// Without a What it is not announced: it ends what an earlier step began.
type ScriptStep struct {
	At     time.Duration // since the round began
	What   string
	Effect string
	act    func(*env)
}

var defaultScript = Script{
	Round: 90 * time.Second,
	Steps: []ScriptStep{
		{10 * time.Second, "CP_002 answers KO", "red after 3 failed checks", replyKO(2)},
		{20 * time.Second, "CP_003 stops answering", "red after 3 timeouts, at most 3.9 s", goMute(3)},
		{30 * time.Second, "CP_004 loses its Monitor", "grey a second later", killMonitor(4)},
		{40 * time.Second, "CP_005 fails two checks", "stays green: two are not three", failTwice(5)},
		{50 * time.Second, "the broker freezes for 15 s", "nothing is late, nothing is lost", (*env).freezeBroker},
		{65 * time.Second, "", "", (*env).thawBroker},
		{75 * time.Second, "all is well again", "", (*env).restoreAll},
	},
}

func replyKO(n int) func(*env)     { return func(e *env) { e.cp(n).behave(ko) } }
func goMute(n int) func(*env)      { return func(e *env) { e.cp(n).behave(mute) } }
func killMonitor(n int) func(*env) { return func(e *env) { e.killMonitor(e.cp(n)) } }
func failTwice(n int) func(*env)   { return func(e *env) { e.cp(n).failTimes(2) } }

// play repeats the script until ctx ends. Every step is timed from the start of
// play, so that delays do not add up.
func (e *env) play(ctx context.Context, script Script) {
	for round := time.Now(); ; round = round.Add(script.Round) {
		for _, step := range script.Steps {
			if !wait.For(ctx, time.Until(round.Add(step.At))) {
				return
			}
			step.act(e)
		}
		if !wait.For(ctx, time.Until(round.Add(script.Round))) {
			return
		}
	}
}

// lines announce the script in the banner.
func (s Script) lines() []string {
	all := []string{fmt.Sprintf("Every %v s the same story:", s.Round.Seconds())}
	for _, step := range s.Steps {
		if step.What != "" {
			at := fmt.Sprintf("%d:%02d", int(step.At.Minutes()), int(step.At.Seconds())%60)
			all = append(all, strings.TrimRight(fmt.Sprintf("  %s  %-27s  %s", at, step.What, step.Effect), " "))
		}
	}
	return all
}
