package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"evcp/internal/engine"
	"evcp/internal/wait"
)

// Bounds, in seconds: a word or an act is known at once, silence after the
// timeout. They are written with one decimal, and compared so.
const (
	wordFromFault  = 3.0
	silenceBound   = 3.9
	wordFromFailed = 2.0
)

// fault is one way in which an Engine fails, and what came of it.
type fault struct {
	behaviour string
	bound     float64

	fromFault  spread // seconds until Central had the ENGINE_FAILURE
	fromFailed spread // and since the first failed check, where somebody saw it
	trials     []trial
}

// trial is one fault, from when the Engine broke until Central had the report.
type trial struct {
	broke, reported time.Time
}

// measureDetection lets eight Engines fail at once, again and again, while a
// sleeper notes when the machine stands still.
func measureDetection(ctx context.Context, l *lab) ([]table, error) {
	faults := []*fault{
		{behaviour: "ko", bound: wordFromFault}, {behaviour: "refuse", bound: wordFromFault},
		{behaviour: "reset", bound: wordFromFault}, {behaviour: "close", bound: wordFromFault},
		{behaviour: "garbage", bound: wordFromFault}, {behaviour: "split", bound: wordFromFault},
		{behaviour: "mute", bound: silenceBound}, {behaviour: "drip", bound: silenceBound},
	}
	sleeper := &rhythm{every: 10 * time.Millisecond}
	sleeping, wake := context.WithCancel(ctx)
	var all, bed sync.WaitGroup
	bed.Go(func() { sleeper.sleep(sleeping, time.Hour) })
	failed := make([]error, len(faults))
	for i, f := range faults {
		all.Go(func() { failed[i] = l.detect(ctx, f) })
		if !wait.For(ctx, 130*time.Millisecond) { // no two Monitors start in step
			break
		}
	}
	all.Wait()
	wake()
	bed.Wait()
	return []table{detectionTable(faults, sleeper)}, errors.Join(failed...)
}

// scene is one Engine that fails, its Monitor, and the Central that is told.
type scene struct {
	engine  *engine.Engine
	monitor *process
	reports chan report

	mu     sync.Mutex // guards below
	failed time.Time  // when the first answer under the fault was out
	during string     // the fault
}

// report is one that Central was told.
type report struct {
	verb string
	at   time.Time
}

func (l *lab) detect(ctx context.Context, f *fault) error {
	ctx, cancel := context.WithCancel(ctx)
	s := &scene{reports: make(chan report, 64)}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel()
	central, err := listen(false, asCentral(s.hear))
	if err != nil {
		return err
	}
	defer central.stop()
	port, err := engine.Bind(ctx, "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open an Engine's port: %w", err)
	}
	s.engine = engine.New(engine.Options{Listen: port.Listen, Observe: s.observe})
	serving.Go(func() { _ = s.engine.Serve(ctx) }) // if it could not, no check is answered, and that is found
	_, at, _ := strings.Cut(port.Addr().String(), ":")
	if s.monitor, err = ours("CP_"+f.behaviour, central.port(), "")(ctx, l, at); err != nil {
		return err
	}
	defer s.monitor.stop()
	return s.repeat(ctx, l.effort.faults, f)
}

// repeat breaks the Engine and mends it. The phases are spread over the second,
// with chance within each part, so that few faults still meet the worst.
func (s *scene) repeat(ctx context.Context, times int, f *fault) error {
	well, _ := engine.ParseBehaviour("ok")
	ill, err := engine.ParseBehaviour(f.behaviour)
	if err != nil {
		return fmt.Errorf("fault %s: %w", f.behaviour, err)
	}
	wait.For(ctx, 1500*time.Millisecond)
	for i := range times {
		phase := (float64(i) + rand.Float64()) / float64(times)
		wait.For(ctx, time.Second+time.Duration(phase*float64(time.Second)))
		if err := s.once(ctx, f, ill, well); err != nil {
			return fmt.Errorf("fault %s: %w", f.behaviour, err)
		}
	}
	return nil
}

func (s *scene) once(ctx context.Context, f *fault, ill, well engine.Behaviour) error {
	s.mu.Lock()
	s.failed, s.during = time.Time{}, ill.String()
	s.mu.Unlock()
	broke := time.Now()
	s.engine.SetBehaviour(ill)
	at, err := s.wait(ctx, "ENGINE_FAILURE")
	if err != nil {
		return err
	}
	f.trials = append(f.trials, trial{broke, at})
	f.fromFault.add(at.Sub(broke).Seconds())
	s.mu.Lock()
	if !s.failed.IsZero() && f.bound == wordFromFault {
		f.fromFailed.add(at.Sub(s.failed).Seconds())
	}
	s.mu.Unlock()
	s.engine.SetBehaviour(well)
	_, err = s.wait(ctx, "ENGINE_RECOVERED")
	return err
}

// hear is Central's ear. Nothing but reports counts.
func (s *scene) hear(message string, at time.Time) {
	if verb := message[strings.LastIndexByte(message, ' ')+1:]; strings.HasPrefix(verb, "ENGINE_") {
		s.reports <- report{verb, at}
	}
}

// observe notes when the first check that met the fault had its answer, whole: an
// answer in two segments fails no earlier than its second one.
func (s *scene) observe(x engine.ServedRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.Behaviour == s.during && s.failed.IsZero() {
		s.failed = x.Done
	}
}

// wait wants the report to be the next one: one too many is no detection.
func (s *scene) wait(ctx context.Context, verb string) (time.Time, error) {
	select {
	case r := <-s.reports:
		if r.verb != verb {
			return r.at, fmt.Errorf("Central was told %s instead of %s", r.verb, verb)
		}
		return r.at, nil
	case <-s.monitor.gone:
		return time.Time{}, s.monitor.alive()
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	case <-time.After(15 * time.Second):
		return time.Time{}, fmt.Errorf("no %s within 15 s; %s", verb, s.monitor.tail())
	}
}

// excused counts the trials over the bound, those of them in which the sleeper
// stood still, and those of the others: where these are as many, a hole explains
// nothing.
func (f *fault) excused(sleeper *rhythm) (over, still, others int) {
	for _, t := range f.trials {
		late := tenths(t.reported.Sub(t.broke).Seconds()) > f.bound
		stood := sleeper.stoodStill(t.broke, t.reported)
		switch {
		case late && stood:
			over, still = over+1, still+1
		case late:
			over++
		case stood:
			others++
		}
	}
	return over, still, others
}

func detectionTable(faults []*fault, sleeper *rhythm) table {
	t := table{name: "detection", title: "From a fault to ENGINE_FAILURE at Central, s", head: []string{"", "faults", "median", "max", "at most", "", "over", "of them while a sleeper stood still", "and of the others", "from the first failed check, max", "at most 2.0"}}
	for _, f := range faults {
		since, held := "–", "–" // nobody is there to see a refused check come
		if len(f.fromFailed) > 0 {
			since, held = fmt.Sprintf("%.3f", f.fromFailed.max()), verdict(tenths(f.fromFailed.max()), wordFromFailed)
		}
		worst := f.fromFault.max()
		over, still, others := f.excused(sleeper)
		t.add(f.behaviour, fmt.Sprint(len(f.trials)), fmt.Sprintf("%.3f", f.fromFault.median()), fmt.Sprintf("%.3f", worst),
			fmt.Sprintf("%.1f", f.bound), verdict(tenths(worst), f.bound),
			fmt.Sprint(over), fmt.Sprint(still), fmt.Sprint(others), since, held)
	}
	return t
}

func tenths(seconds float64) float64 { return math.Round(seconds*10) / 10 }
