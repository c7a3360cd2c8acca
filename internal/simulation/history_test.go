package simulation

import (
	"fmt"
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
	heartbeat = 5 * time.Second
	// settleTime is how long there is no fault at the end: the outbox tries a disk again
	// every 30 s, and Central comes after that.
	settleTime = 50 * time.Second
)

// rules are the settings of production. A fleet has two ticks more until its first check:
// only a lone Monitor checks at once, and a greeting without a reply delays the first
// check into the next tick.
var rules = oracle.Rules{Interval: time.Second, Timeout: 900 * ms, Fall: 3, ReportEvery: 30 * time.Second, Ready: time.Second}

// scenario is the input of a history.
type scenario struct {
	seed         uint64
	duration     time.Duration
	cps          int     // charge points of the Monitor; 0 is 1
	faults       []fault // nil: allFaults
	killInMemory bool    // Monitors are killed also while events are in memory only
	recheckAfter time.Duration
	bug          plantedBug
}

// history is one run: a Monitor through all its processes, and the faults.
type history struct {
	t          *testing.T
	scenario   scenario
	root       string
	links      *simnet.Net // to the Engines
	engines    []*engine
	central    central
	messages   messageLog
	topic      topic
	diskFaults *diskFaults
	slept      atomic.Int64 // how long the machine has slept
	cleaningUp sync.WaitGroup

	began evcp.Stamp
	until time.Time // no fault begins or goes on after this

	mu               sync.Mutex // guards what follows
	windows          []oracle.Window
	diskFailingSince evcp.Stamp         // events may be in memory only since; 0: they are not
	process          *process           // nil: no Monitor
	removed          map[evcp.CPID]bool // taken out of the fleet for a while
	stopping         bool               // process is being stopped or killed
}

// simulate runs one history, under synctest, and returns its trace.
func simulate(t *testing.T, s scenario) oracle.Trace {
	t.Helper()
	h := &history{t: t, scenario: s, root: t.TempDir(), removed: map[evcp.CPID]bool{}, diskFaults: &diskFaults{}, began: stamp(), until: time.Now().Add(s.duration)}
	h.topic.bug, h.topic.random = &h.scenario.bug, h.random(1000)
	h.build(max(1, s.cps))
	h.must(h.central.start())
	h.startProcess(h.folder())
	h.addWindow(oracle.Window{Kind: oracle.MonitorDown, From: h.began}) // not running before
	h.runFaults()
	time.Sleep(settleTime)
	return h.finish()
}

// build makes the Engines and the networks.
func (h *history) build(cps int) {
	h.links, h.central.net = &simnet.Net{}, &simnet.Net{}
	h.central.forget()
	for n := range cps {
		e := &engine{cp: evcp.CPID(fmt.Sprintf("CP_%03d", n+1)), net: h.links}
		h.must(e.setBehaviour(okBehaviour))
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

// random are the random numbers of one lane.
func (h *history) random(lane uint64) *rand.Rand { return rand.New(rand.NewPCG(h.scenario.seed, lane)) }

// finish stops all parts in order and collects the trace.
func (h *history) finish() oracle.Trace {
	r := oracle.Trace{Rules: rules, From: h.began, To: stamp()}
	for _, e := range h.engines {
		r.CPs = append(r.CPs, oracle.CPTrace{ID: e.cp, Shown: h.central.shows(e.cp)})
	}
	time.Sleep(2 * time.Second)
	if h.process != nil {
		h.must(h.process.stop())
	}
	h.central.stop()
	for _, e := range h.engines {
		e.stop()
	}
	h.central.serving.Wait()
	h.cleaningUp.Wait()
	if h.diskFailingSince != 0 {
		h.t.Error("the disk recovered, but not the outbox")
	}
	r.Rules.Rechecks = h.scenario.recheckAfter > 0
	if !h.lone() {
		r.Rules.Ready += 2 * rules.Interval
	}
	for i, e := range h.engines {
		c := &r.CPs[i]
		c.Behaviours, c.EngineChecks, c.Windows = e.changes, e.checks, slices.Concat(h.windows, e.away)
		c.Messages, c.Records = h.messages.of(e.cp), h.topic.of(e.cp)
	}
	return r
}

// addWindow adds a window that ends now.
func (h *history) addWindow(w oracle.Window) {
	w.To = stamp()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.windows = append(h.windows, w)
}

// startProcess starts a process of the Monitor.
func (h *history) startProcess(dir string) {
	l, err := h.newProcess(dir)
	if err != nil {
		h.t.Errorf("start a Monitor: %v", err)
	}
	h.mu.Lock()
	h.process = l
	h.mu.Unlock()
}

// restartMonitor ends the process, by a kill or in order, and starts the next one after
// away.
func (h *history) restartMonitor(killed bool, away time.Duration) {
	l := h.takeProcess()
	if l == nil {
		return
	}
	gone := oracle.Window{Kind: oracle.MonitorDown, From: stamp()}
	dir := l.dir
	if !killed {
		// It could not stop in order, because its disk hangs.
		killed = l.stop() != nil
	}
	if killed {
		var err error
		dir, err = l.kill()
		h.must(err)
	}
	h.set(&h.stopping, false)
	time.Sleep(away)
	h.startProcess(dir)
	h.addWindow(gone)
	h.diskRecovered()
}

// takeProcess removes the process from the history, to end it. It returns nil while events
// are in memory only: they would be lost, although Central and the topic may have them,
// and the oracle has no rule for that.
func (h *history) takeProcess() *process {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.diskFailingSince != 0 && !h.scenario.killInMemory {
		return nil
	}
	l := h.process
	h.process, h.stopping = nil, l != nil
	return l
}

func (h *history) set(flag *bool, to bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*flag = to
}

// failDisk notes that the disk fails from now on. It reports false while a Monitor is being
// ended: that one's events in memory would be lost too. A Monitor may start on such a
// disk.
func (h *history) failDisk() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping && !h.scenario.killInMemory {
		return false
	}
	if h.diskFailingSince == 0 {
		h.diskFailingSince = stamp()
	}
	return true
}

// diskRecovered ends the window of the disk's fault once the fault is over and the outbox
// has noticed. It reports whether there is no fault.
func (h *history) diskRecovered() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.diskFailingSince == 0:
		return true
	case h.diskFaults.active() || h.process == nil || !h.process.box.Stats().RefusedSince.IsZero():
		return false
	}
	h.windows = append(h.windows, oracle.Window{Kind: oracle.DiskFailing, From: h.diskFailingSince, To: stamp()})
	h.diskFailingSince = 0
	return true
}
