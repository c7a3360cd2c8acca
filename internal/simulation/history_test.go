package simulation

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/simnet"
)

const (
	ms        = time.Millisecond
	heartbeat = 5 * time.Second
	// settle is how long everybody is left in peace at the end: a disk is tried
	// again every 30 s, and Central after that.
	settle = 50 * time.Second
)

// rules are the promises at the real pace. A fleet has two ticks more until it is
// ready: only a lone Monitor asks at once, and a greeting without an answer lets the
// first check run into the next tick.
var rules = oracle.Rules{Interval: time.Second, Timeout: 900 * ms, Fall: 3, ReportEvery: 30 * time.Second, Ready: time.Second}

// plot is what a history is made of.
type plot struct {
	seed   uint64
	long   time.Duration
	cps    int     // charge points that one Monitor watches; 0 is 1
	lanes  []fault // nil: all but sleep
	mortal bool    // a Monitor dies also while its events are in memory only
	lie    lie
}

// history is one Monitor, through all its lives, and what befell it.
type history struct {
	t       *testing.T
	plot    plot
	root    string
	links   *simnet.Net // to the Engines
	engines []*engine
	central central
	ear     ear
	topic   topic
	weather *weather
	nap     atomic.Int64 // how long the machine has slept
	burying sync.WaitGroup

	began evcp.Stamp
	until time.Time // no fault begins or goes on after this

	mu        sync.Mutex // guards what follows
	windows   []oracle.Window
	refusedAt evcp.Stamp // since then events may be in memory only; 0: they are not
	now       *life      // nil: no Monitor
	ending    bool       // one is about to be none
}

// play lives one history in a bubble of its own and writes it down.
func play(t *testing.T, p plot) oracle.Trace {
	t.Helper()
	h := &history{t: t, plot: p, root: t.TempDir(), weather: &weather{}, began: stamp(), until: time.Now().Add(p.long)}
	h.topic.lie, h.topic.chance = &h.plot.lie, h.dice(1000)
	h.build(max(1, p.cps))
	h.must(h.central.start())
	h.launch(h.folder())
	h.befell(oracle.Window{Kind: oracle.MonitorDown, From: h.began}) // it was not there before
	h.suffer()
	time.Sleep(settle)
	return h.reckon()
}

// build makes the Engines and the networks.
func (h *history) build(cps int) {
	h.links, h.central.net = &simnet.Net{}, &simnet.Net{}
	h.central.forget()
	for n := range cps {
		e := &engine{cp: evcp.CPID(fmt.Sprintf("CP_%03d", n+1)), net: h.links}
		h.must(e.behave(well))
		h.engines = append(h.engines, e)
	}
}

func (h *history) lone() bool { return len(h.engines) == 1 }

func (h *history) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Error(err)
	}
}

// dice are those of one lane.
func (h *history) dice(lane uint64) *rand.Rand { return rand.New(rand.NewPCG(h.plot.seed, lane)) }

// reckon ends everybody in order.
func (h *history) reckon() oracle.Trace {
	r := oracle.Trace{Rules: rules, From: h.began, To: stamp()}
	for _, e := range h.engines {
		r.CPs = append(r.CPs, oracle.CPTrace{ID: e.cp, Shown: h.central.shows(e.cp)})
	}
	time.Sleep(2 * time.Second)
	if h.now != nil {
		h.must(h.now.end())
	}
	h.central.stop()
	for _, e := range h.engines {
		e.end()
	}
	h.central.serving.Wait()
	h.burying.Wait()
	if h.refusedAt != 0 {
		h.t.Error("the disk was well, and the outbox is not")
	}
	if !h.lone() {
		r.Rules.Ready += 2 * rules.Interval
	}
	for i, e := range h.engines {
		c := &r.CPs[i]
		c.Behaviours, c.EngineChecks, c.Windows = e.changes, e.questions, h.windows
		c.Messages, c.Records = h.ear.of(e.cp), h.topic.of(e.cp)
	}
	return r
}

// befell notes a window that ends now.
func (h *history) befell(w oracle.Window) {
	w.To = stamp()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.windows = append(h.windows, w)
}

// launch begins a life.
func (h *history) launch(dir string) {
	l, err := h.begin(dir)
	if err != nil {
		h.t.Errorf("begin a life: %v", err)
	}
	h.mu.Lock()
	h.now = l
	h.mu.Unlock()
}

// absent ends the present life, with a kill or in order, and begins the next one
// so much later.
func (h *history) absent(killed bool, long time.Duration) {
	l := h.leave()
	if l == nil {
		return
	}
	gone := oracle.Window{Kind: oracle.MonitorDown, From: stamp(), Killed: killed}
	dir := l.dir
	if !killed {
		// A process whose disk stands still is gone all the same.
		killed = l.end() != nil
	}
	if killed {
		var err error
		dir, err = l.kill()
		h.must(err)
	}
	h.set(&h.ending, false)
	time.Sleep(long)
	h.launch(dir)
	h.befell(gone)
	h.lookAtDisk()
}

// leave takes the present life out of the history. What is in memory only dies with
// a process, although Central and the topic may know of it, and no promise covers
// that: then it is nil, and lives on.
func (h *history) leave() *life {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refusedAt != 0 && !h.plot.mortal {
		return nil
	}
	l := h.now
	h.now, h.ending = nil, l != nil
	return l
}

func (h *history) set(flag *bool, to bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*flag = to
}

// refuses notes that the disk refuses, or stands still, from now on, and reports
// whether it may: what an ending Monitor has in memory only is lost too. One may
// begin on such a disk.
func (h *history) refuses() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ending && !h.plot.mortal {
		return false
	}
	if h.refusedAt == 0 {
		h.refusedAt = stamp()
	}
	return true
}

// lookAtDisk ends the time of the refusal, once the disk is well and the Monitor
// knows it. Without a Monitor nobody does.
func (h *history) lookAtDisk() (well bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.refusedAt == 0:
		return true
	case h.weather.unwell() || h.now == nil || !h.now.box.Stats().RefusedSince.IsZero():
		return false
	}
	h.windows = append(h.windows, oracle.Window{Kind: oracle.DiskFailing, From: h.refusedAt, To: stamp()})
	h.refusedAt = 0
	return true
}

func (w *weather) unwell() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.full || w.still != nil
}
