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
	"evcp/internal/process"
	"evcp/internal/testbed"
	"evcp/internal/wait"
)

// Bounds in seconds. A wrong reply or a refused or broken connection is noticed at
// once, silence after the timeout. Figures are compared with them at one decimal.
const (
	noticedAtOnce     = 3.0 // since the fault
	noticedByTimeout  = 3.9 // since the fault
	sinceFirstFailure = 2.0 // since the first failed check
)

// faultKind is one way in which an Engine fails, and what was measured of it.
type faultKind struct {
	behaviour string
	bound     float64 // noticedAtOnce or noticedByTimeout

	detections []detection
	sinceFault samples // seconds until Central received the ENGINE_FAILURE
	sinceCheck samples // and since the first failed check, where the Engine saw it
}

// detection is from when the Engine began to fail until Central had the report.
type detection struct {
	failed, reported time.Time
}

// measureDetection lets eight Engines fail again and again, at the same time. A
// sleeper records meanwhile when the machine stands still.
func measureDetection(ctx context.Context, h *harness) ([]resultTable, error) {
	kinds := []*faultKind{
		{behaviour: "ko", bound: noticedAtOnce}, {behaviour: "refuse", bound: noticedAtOnce},
		{behaviour: "reset", bound: noticedAtOnce}, {behaviour: "close", bound: noticedAtOnce},
		{behaviour: "garbage", bound: noticedAtOnce}, {behaviour: "split", bound: noticedAtOnce},
		{behaviour: "mute", bound: noticedByTimeout}, {behaviour: "drip", bound: noticedByTimeout},
	}
	sleeper := &tickRecorder{every: 10 * time.Millisecond}
	sleeperCtx, stopSleeper := context.WithCancel(ctx)
	var detecting, sleeping sync.WaitGroup
	sleeping.Go(func() { sleeper.sleep(sleeperCtx, time.Hour) })
	errs := make([]error, len(kinds))
	for i, f := range kinds {
		detecting.Go(func() { errs[i] = h.detect(ctx, f) })
		if !wait.For(ctx, 130*time.Millisecond) { // so that no two Monitors check at the same moment
			break
		}
	}
	detecting.Wait()
	stopSleeper()
	sleeping.Wait()
	return []resultTable{detectionTable(kinds, sleeper)}, errors.Join(errs...)
}

// detectionRig is one Engine that fails, its Monitor, and the reports that Central
// receives.
type detectionRig struct {
	engine  *engine.Engine
	monitor *process.Child
	reports chan receivedReport

	mu          sync.Mutex // guards below
	fault       string     // the behaviour
	firstFailed time.Time  // when the first reply under the fault was sent completely
}

type receivedReport struct {
	verb string
	at   time.Time
}

func (h *harness) detect(ctx context.Context, f *faultKind) error {
	h = h.scope()
	defer h.close()
	r := &detectionRig{reports: make(chan receivedReport, 64)}
	central, err := h.peer(false, centralReplies(r.receive))
	if err != nil {
		return err
	}
	port, err := engine.Bind(ctx, "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open an Engine's port: %w", err)
	}
	r.engine = engine.New(engine.Options{Listen: port.Listen, Observe: r.observe})
	serveCtx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	serving.Go(func() { _ = r.engine.Serve(serveCtx) }) // if it fails, a report too many or too few shows it
	h.onClose(func() { cancel(); serving.Wait() })
	m := monitorConfig{cp: "CP_" + f.behaviour, central: central}
	if r.monitor, err = m.start(ctx, h, testbed.Port(port.Addr().String())); err != nil {
		return err
	}
	if err := r.repeat(ctx, h.sizes.faults, f); err != nil {
		return fmt.Errorf("fault %s: %w", f.behaviour, err)
	}
	return nil
}

// repeat makes the Engine fail and recover. The moments of the faults are spread
// evenly over the interval, with chance inside each part, so that a few faults too
// meet the worst moment.
func (r *detectionRig) repeat(ctx context.Context, times int, f *faultKind) error {
	wait.For(ctx, 1500*time.Millisecond)
	for i := range times {
		phase := (float64(i) + rand.Float64()) / float64(times)
		wait.For(ctx, time.Second+time.Duration(phase*float64(time.Second)))
		if err := r.once(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (r *detectionRig) once(ctx context.Context, f *faultKind) error {
	r.mu.Lock()
	r.firstFailed, r.fault = time.Time{}, f.behaviour
	r.mu.Unlock()
	failed := time.Now()
	r.engine.SetBehaviour(engine.MustBehaviour(f.behaviour))
	reported, err := r.wait(ctx, "ENGINE_FAILURE")
	if err != nil {
		return err
	}
	f.detections = append(f.detections, detection{failed, reported})
	f.sinceFault.add(reported.Sub(failed).Seconds())
	r.mu.Lock()
	if !r.firstFailed.IsZero() && f.bound == noticedAtOnce {
		f.sinceCheck.add(reported.Sub(r.firstFailed).Seconds())
	}
	r.mu.Unlock()
	r.engine.SetBehaviour(engine.MustBehaviour("ok"))
	_, err = r.wait(ctx, "ENGINE_RECOVERED")
	return err
}

// receive is called for each message to Central. Only reports count.
func (r *detectionRig) receive(message string, at time.Time) {
	if verb := message[strings.LastIndexByte(message, ' ')+1:]; strings.HasPrefix(verb, "ENGINE_") {
		r.reports <- receivedReport{verb, at}
	}
}

// observe records when the first check under the fault had its complete reply: a
// reply in two segments does not fail before its second one.
func (r *detectionRig) observe(x engine.ServedRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x.Behaviour == r.fault && r.firstFailed.IsZero() {
		r.firstFailed = x.Done
	}
}

// wait returns when Central received the report. Any other report before it is an
// error: a superfluous one must not count as a detection.
func (r *detectionRig) wait(ctx context.Context, verb string) (time.Time, error) {
	select {
	case got := <-r.reports:
		if got.verb != verb {
			return got.at, fmt.Errorf("Central received %s instead of %s", got.verb, verb)
		}
		return got.at, nil
	case <-r.monitor.Exited():
		return time.Time{}, endedError(r.monitor)
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	case <-time.After(15 * time.Second):
		return time.Time{}, fmt.Errorf("no %s within 15 s; %s", verb, r.monitor.Tail())
	}
}

// countLate counts the detections over the bound, those of them in which the machine
// stood still, and the others in which it did. If the last two are alike, standing
// still does not explain the lateness.
func (f *faultKind) countLate(sleeper *tickRecorder) (over, overStill, heldStill int) {
	for _, d := range f.detections {
		late := tenths(d.reported.Sub(d.failed).Seconds()) > f.bound
		still := sleeper.stoodStill(d.failed, d.reported)
		switch {
		case late && still:
			over, overStill = over+1, overStill+1
		case late:
			over++
		case still:
			heldStill++
		}
	}
	return over, overStill, heldStill
}

func detectionTable(kinds []*faultKind, sleeper *tickRecorder) resultTable {
	t := resultTable{name: "detection", title: "From a fault to ENGINE_FAILURE at Central, s",
		head: []string{"", "faults", "median", "max", "at most", "", "over", "of them while the sleeper stood still", "of the others", "from the first failed check, max", "at most 2.0"}}
	for _, f := range kinds {
		since, held := "–", "–" // the Engine sees no refused check
		if len(f.sinceCheck) > 0 {
			since, held = fmt.Sprintf("%.3f", f.sinceCheck.max()), verdict(tenths(f.sinceCheck.max()), sinceFirstFailure)
		}
		worst := f.sinceFault.max()
		over, overStill, heldStill := f.countLate(sleeper)
		t.add(f.behaviour, fmt.Sprint(len(f.detections)), fmt.Sprintf("%.3f", f.sinceFault.median()), fmt.Sprintf("%.3f", worst),
			fmt.Sprintf("%.1f", f.bound), verdict(tenths(worst), f.bound),
			fmt.Sprint(over), fmt.Sprint(overStill), fmt.Sprint(heldStill), since, held)
	}
	return t
}

func tenths(seconds float64) float64 { return math.Round(seconds*10) / 10 }
