package simulation

import (
	"math/rand/v2"
	"slices"
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
	cp        = evcp.CPID("CP_001")
	heartbeat = 5 * time.Second
	// settle is how long everybody is left in peace at the end: a disk is tried
	// again every 30 s, and Central after that.
	settle = 50 * time.Second
)

// rules are the promises at the real pace.
var rules = oracle.Rules{Interval: time.Second, Timeout: 900 * ms, Fall: 3, ReportEvery: 30 * time.Second, Ready: time.Second}

// plot is what a history is made of.
type plot struct {
	seed   uint64
	long   time.Duration
	lanes  []fault // nil: all but sleep
	mortal bool    // a Monitor dies also while its events are in memory only
	lie    lie
}

// history is one Monitor, through all its lives, and what befell it.
type history struct {
	t       *testing.T
	plot    plot
	root    string
	engine  engine
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
}

// play lives one history in a bubble of its own and writes it down.
func play(t *testing.T, p plot) oracle.Record {
	t.Helper()
	h := &history{t: t, plot: p, root: t.TempDir(), weather: &weather{}, began: stamp(), until: time.Now().Add(p.long)}
	h.engine.net, h.central.net = &simnet.Net{}, &simnet.Net{}
	h.topic.lie, h.topic.chance = &h.plot.lie, h.dice(1000)
	h.must(h.engine.behave(well))
	h.must(h.central.start())
	h.launch(h.folder())
	h.suffer()
	time.Sleep(settle)
	return h.reckon()
}

func (h *history) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Error(err)
	}
}

// dice are those of one lane.
func (h *history) dice(lane uint64) *rand.Rand { return rand.New(rand.NewPCG(h.plot.seed, lane)) }

// reckon ends everybody in order.
func (h *history) reckon() oracle.Record {
	shown, to := h.central.shows(), stamp()
	time.Sleep(2 * time.Second)
	if h.now != nil {
		h.must(h.now.end())
	}
	h.central.stop()
	h.engine.end()
	h.central.serving.Wait()
	h.burying.Wait()
	if h.refusedAt != 0 {
		h.t.Error("the disk was well, and the outbox is not")
	}
	return oracle.Record{Rules: rules, From: h.began, To: to, CPs: []oracle.CP{{
		ID: cp, Behaviours: h.engine.changes, Windows: h.windows, Questions: h.engine.questions,
		Messages: h.ear.all(), Entries: slices.Clone(h.topic.entries), Shown: shown,
	}}}
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
	gone := oracle.Window{Kind: oracle.Down, From: stamp(), Killed: killed}
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
	h.now = nil
	return l
}

// refuses notes that the disk refuses, or stands still, from now on, and reports
// whether it may: a Monitor that begins on a full disk knows nothing of before.
func (h *history) refuses() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now == nil && !h.plot.mortal {
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
	h.windows = append(h.windows, oracle.Window{Kind: oracle.DiskRefuses, From: h.refusedAt, To: stamp()})
	h.refusedAt = 0
	return true
}

func (w *weather) unwell() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.full || w.still != nil
}
