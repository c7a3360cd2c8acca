// Package demo runs six charge points, each with an Engine and a Monitor of its
// own, Central with its page, and a Kafka-compatible broker on disk. All of it is
// the real code, in one process, on loopback sockets.
//
// More charge points are a fleet: one Monitor watches them all, and a child process plays
// their Engines on one port. It is this program again, which then calls PlayEngines.
//
// A Script, which is data, makes the faults; keys make more of them. The log is
// made from what the parts report: Central its changes of state, the Monitors
// their events, the topic its records. Every figure of the summary is counted from
// these, and compared with what the Engines recorded that they replied.
//
// All files lie in one temporary folder, which Run removes. A demo that was killed
// leaves that folder and nothing else. A terminal that is held (Ctrl-S) delays the
// log only; checks and counting go on.
package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/wait"
)

// Options configure a demo. The zero Script is the default one, the zero Interval
// one second.
type Options struct {
	Console *console.Console
	Keys    <-chan rune // the keys pressed; nil without a keyboard
	Quit    func()      // called for q: it ends Run's ctx; nil: q does nothing
	Version string

	// The ports wanted; 0 takes any. A port in use is replaced by the next free one.
	PagePort, KafkaPort, CentralPort uint16

	CPs      int  // charge points; 0 is LoneCPs
	Past     bool // begins with two months of a past that is made up, and marked so; only with LoneCPs
	Script   Script
	Interval time.Duration // from check to check
}

func (o Options) withDefaults() Options {
	o.CPs = cmp.Or(o.CPs, LoneCPs)
	switch {
	case o.Script.Round != 0:
	case o.fleet():
		o.Script = fleetScript
	default:
		o.Script = defaultScript
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	return o
}

// fleet reports whether one Monitor watches all.
func (o Options) fleet() bool { return o.CPs > LoneCPs }

// The check timeout and the heartbeat relate to the interval as the Monitor's own
// defaults do. Central expires connections once a second, so a heartbeat faster
// than that gains nothing.
func (o Options) timeout() time.Duration   { return o.Interval * 9 / 10 }
func (o Options) heartbeat() time.Duration { return max(5*o.Interval, time.Second) }

// Run plays the script until ctx ends, closes everything and prints what was
// counted. Once hurry ends, it no longer waits for the broker to take the backlog.
// The error says what could not be opened, or what could not be closed properly.
func Run(ctx, hurry context.Context, o Options) error {
	_, err := run(ctx, hurry, o)
	return err
}

func run(ctx, hurry context.Context, o Options) (figures, error) {
	o = o.withDefaults()
	began := time.Now()
	e, err := openEnv(o)
	if err != nil {
		return figures{}, err
	}
	ui := &terminalUI{env: e, console: o.Console}
	ui.banner()
	if err := e.startMonitors(); err != nil {
		return figures{}, errors.Join(err, e.close())
	}
	var logging sync.WaitGroup
	ended := make(chan struct{})
	logging.Go(func() { ui.run(ended) })
	select {
	case <-e.aggregator.allUp:
		e.play(ctx, o.Script)
	case <-ctx.Done():
	}
	all, err := e.finish(hurry)
	close(ended)
	logging.Wait()
	all.Lasted = time.Since(began)
	ui.summary(all)
	return all, err
}

// How long finish waits, beside the time that the Monitors take to stop: for a
// broker that was frozen to take the backlog, and for the reader of the topic.
const (
	backlogLimit = 6 * time.Second
	readLimit    = 2 * time.Second
)

// finish stops the Monitors, waits until what they sent is on the topic, and closes
// everything.
func (e *env) finish(hurry context.Context) (figures, error) {
	e.aggregator.with(func(k *correlator) { k.ending = true })
	e.broker.thaw()
	e.waitForBacklog(hurry)
	err := e.stopMonitors()
	within(hurry, readLimit, func() bool {
		f := e.aggregator.figures()
		return f.Arrived >= f.Events
	})
	all := e.aggregator.figures()
	all.Late, _ = e.monitorStats()
	return all, errors.Join(err, e.close())
}

// waitForBacklog gives a broker that was frozen time to take the pending events.
func (e *env) waitForBacklog(hurry context.Context) {
	taken := func() bool { _, pending := e.monitorStats(); return pending == 0 }
	if within(hurry, 200*time.Millisecond, taken) {
		return
	}
	_, pending := e.monitorStats()
	e.aggregator.logf("", display.Note, "ending; the broker still takes %s. Ctrl-C doesn't wait for it", events.In(e.o.Console.Language()).Of(pending))
	within(hurry, backlogLimit, taken)
}

// within polls ready for at most limit, and reports whether it became true before
// ctx ended.
func within(ctx context.Context, limit time.Duration, ready func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return wait.Until(ctx, 10*time.Millisecond, ready)
}

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
	Round: 110 * time.Second,
	Steps: []ScriptStep{
		{10 * time.Second, "CP_002 answers KO", "red after 3 failed checks", replyKO(2)},
		{20 * time.Second, "CP_003 stops answering", "red after 3 timeouts, at most 3.9 s", goMute(3)},
		{30 * time.Second, "CP_004 loses its Monitor", "grey a second later", killMonitor(4)},
		{40 * time.Second, "CP_005 fails two checks", "stays green: two are not three", failTwice(5)},
		{45 * time.Second, "CP_006 is in maintenance", "orange; watched all the same", maintain(6, 30*time.Second, "a new cable")},
		{50 * time.Second, "the broker freezes for 15 s", "nothing is late, nothing is lost", (*env).freezeBroker},
		{65 * time.Second, "", "", (*env).thawBroker},
		{75 * time.Second, "all is well again", "", (*env).restoreAll},
		{85 * time.Second, "the site Station goes dark", "one row for its three", darken(4, 5, 6)},
		{100 * time.Second, "and is back", "", (*env).restoreAll},
	},
}

func replyKO(n int) func(*env)     { return func(e *env) { e.cp(n).behave(ko) } }
func goMute(n int) func(*env)      { return func(e *env) { e.cp(n).behave(mute) } }
func killMonitor(n int) func(*env) { return func(e *env) { e.killMonitor(e.cp(n)) } }
func darken(all ...int) func(*env) {
	return func(e *env) {
		for _, n := range all {
			e.killMonitor(e.cp(n))
		}
	}
}
func maintain(n int, lasts time.Duration, reason string) func(*env) {
	return func(e *env) { e.maintain(n, lasts, reason) }
}
func failTwice(n int) func(*env) { return func(e *env) { e.cp(n).failTimes(2) } }

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
func (s Script) lines(said language.Language) []string {
	all := []string{said.Sprintf("Every %v s the same story:", s.Round.Seconds())}
	wide := 27
	for _, step := range s.Steps {
		wide = max(wide, display.Width(said.Text(step.What)))
	}
	for _, step := range s.Steps {
		if step.What != "" {
			at := fmt.Sprintf("%d:%02d", int(step.At.Minutes()), int(step.At.Seconds())%60)
			all = append(all, strings.TrimRight(fmt.Sprintf("  %s  %-*s  %s", at, wide, said.Text(step.What), said.Text(step.Effect)), " "))
		}
	}
	return all
}
